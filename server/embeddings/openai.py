"""The provider for OpenAI, Azure OpenAI and every endpoint that speaks their embeddings API."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import openai
from pydantic import BaseModel, ConfigDict

from server.config import Settings
from server.embeddings.base import Vector
from server.embeddings.endpoint import chosen_model, client
from server.embeddings.text import fit
from server.embeddings.tokens import estimate_tokens
from server.embeddings.vectors import unit_rows
from server.errors import EmbeddingUnavailableError

# OpenAI takes 8,191 tokens per text and 300,000 per request. No token is shorter than a byte, so a text cut to as
# many bytes fits whatever it says; requests are filled by estimate.
# Source: docstring of openai.resources.Embeddings.create, openai 3.52, and OpenAI's model page.
MAX_TEXT_BYTES = 8_191
MAX_REQUEST_TOKENS = 300_000
# OpenAI takes 2,048 texts. With these the package holds the event loop for some 17 ms as it parses the answer.
MAX_REQUEST_TEXTS = 256
# The package waits half a second and twice as long each time up to eight, less a random quarter; or as long as
# Retry-After says, up to two minutes. It tries again after 408, 409, 429, 5xx and broken connections.
JOB_RETRIES = 5
QUERY_RETRIES = 2
# How providers answer a request of too many texts: there is no agreed status.
TOO_LARGE = frozenset({400, 413, 422})


class _Item(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    index: int
    embedding: str | list[float]


class _Answer(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    data: list[_Item]


class _TooLargeError(Exception):
    """The provider may take the same texts in smaller requests."""


class OpenAIEmbedder:
    """Embeds through POST /embeddings of OpenAI, Azure OpenAI, Ollama, vLLM and the like.

    A list is a job and is tried patiently; a single text is a query that somebody waits for: fewer
    attempts, and all of them share the time of one request.

    Args:
        settings: The endpoint, and the model unless another is named.
        model: See `endpoint.chosen_model`.
        dimensions: See there.

    Raises:
        ConfigurationError: A setting is missing or unusable.

    Source:
        noise_floor: provisional, from the few published similarities of text-embedding-3-small.
    """

    noise_floor = 0.20

    def __init__(self, settings: Settings, model: str | None = None, dimensions: int | None = None) -> None:
        chosen = chosen_model(settings, model, dimensions)
        self.model = chosen.name
        self.dimensions = chosen.dimensions
        self._requested_model = chosen.requested
        self._requested_dimensions = chosen.dimensions if chosen.asks_dimensions else openai.omit
        self._timeout_seconds = settings.embedding_timeout_seconds
        self._max_request_texts = MAX_REQUEST_TEXTS
        self._client = client(settings, chosen, timeout_seconds=self._timeout_seconds, max_retries=JOB_RETRIES)
        self._query_client = self._client.with_options(max_retries=QUERY_RETRIES)

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """See `Embedder.embed`; a text counts up to its first 8,191 bytes."""
        fitted = [fit(text, MAX_TEXT_BYTES) for text in texts]
        vectors: list[Vector] = []
        while len(vectors) < len(fitted):
            request = self._next_request(fitted[len(vectors) :])
            try:
                vectors += await self._embed_request(request, is_query=len(fitted) == 1)
            except _TooLargeError:
                self._max_request_texts = len(request) // 2
        return vectors

    async def close(self) -> None:
        """Close the HTTP connections, which both clients share."""
        await self._client.close()

    def _next_request(self, texts: Sequence[str]) -> list[str]:
        """The first texts, as many as one request holds."""
        request: list[str] = []
        room = MAX_REQUEST_TOKENS
        for text in texts[: self._max_request_texts]:
            room -= estimate_tokens(text)
            if room < 0 and request:
                break
            request.append(text)
        return request

    async def _embed_request(self, texts: list[str], *, is_query: bool) -> list[Vector]:
        client = self._query_client if is_query else self._client
        try:
            async with asyncio.timeout(self._timeout_seconds if is_query else None):
                # An explicit format comes back as it was sent: the package's own decoding makes a
                # Python float of every number, 30 MB for what numpy holds in 1.5 MB.
                response = await client.embeddings.create(
                    input=texts,
                    model=self._requested_model,
                    dimensions=self._requested_dimensions,
                    encoding_format="base64",
                )
            answer = _Answer.model_validate(response)
            # An index says which text an embedding is of; the order of arrival says nothing.
            rows = [_row(item) for item in sorted(answer.data, key=lambda item: item.index)]
        # The package's errors quote the response, which may quote the key: they end here.
        except (openai.APITimeoutError, TimeoutError):
            raise EmbeddingUnavailableError(
                f"The embedding provider did not answer within {self._timeout_seconds:g} seconds. Try again "
                "in a minute; an operator can raise RETAIL_EMBEDDING_TIMEOUT_SECONDS."
            ) from None
        except openai.APIConnectionError:
            raise EmbeddingUnavailableError(
                "The embedding provider cannot be reached. Try again in a minute; an operator can check "
                "RETAIL_OPENAI_BASE_URL or RETAIL_AZURE_OPENAI_ENDPOINT."
            ) from None
        except openai.APIStatusError as error:
            if error.status_code in TOO_LARGE and len(texts) > 1:
                raise _TooLargeError from None
            raise EmbeddingUnavailableError(
                f"The embedding provider answered with HTTP {error.status_code}. {_advice(error.status_code)}"
            ) from None
        except (openai.OpenAIError, ValueError):
            raise EmbeddingUnavailableError(
                "The embedding provider sent something other than embeddings. An operator can check that "
                "RETAIL_OPENAI_BASE_URL is an OpenAI-compatible endpoint."
            ) from None
        self._check(rows, answer, expected=len(texts))
        return unit_rows(np.stack(rows))

    def _check(self, rows: list[npt.NDArray[np.float32]], answer: _Answer, *, expected: int) -> None:
        if sorted(item.index for item in answer.data) != list(range(expected)):
            raise EmbeddingUnavailableError(
                f"The embedding provider sent {len(rows)} embeddings for {expected} texts, or misnumbered "
                "them. Try again in a minute."
            )
        for row in rows:
            if len(row) != self.dimensions:
                raise EmbeddingUnavailableError(
                    f"The embedding model {self.model} returned {len(row)} numbers per vector, but "
                    f"{self.dimensions} were expected. An operator can set "
                    f"RETAIL_EMBEDDING_DIMENSIONS={len(row)} and embed the products again."
                )


def _row(item: _Item) -> npt.NDArray[np.float32]:
    if isinstance(item.embedding, str):
        return np.frombuffer(base64.b64decode(item.embedding, validate=True), dtype="<f4")
    return np.asarray(item.embedding, dtype=np.float32)


def _advice(status_code: int) -> str:
    if status_code in {401, 403}:
        return "An operator can check RETAIL_OPENAI_API_KEY."
    if status_code == 404:
        return (
            "An operator can check RETAIL_OPENAI_BASE_URL and RETAIL_EMBEDDING_MODEL, with Azure the deployment and "
            "RETAIL_AZURE_OPENAI_API_VERSION."
        )
    if status_code == 429:
        return "Its rate limit or quota is used up; try again in a minute."
    if status_code >= 500:
        return "Try again in a minute."
    return "An operator can check RETAIL_EMBEDDING_MODEL and RETAIL_EMBEDDING_DIMENSIONS."
