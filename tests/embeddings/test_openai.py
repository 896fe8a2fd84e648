"""The OpenAI provider through its real client, against a loopback server."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from types import SimpleNamespace

import anyio
import numpy as np
import pytest
import pytest_asyncio

from server.config import Settings
from server.embeddings import build_embedder
from server.embeddings.openai import JOB_RETRIES, MAX_REQUEST_TEXTS, MAX_REQUEST_TOKENS, MAX_TEXT_BYTES, OpenAIEmbedder
from server.embeddings.tokens import estimate_tokens
from server.errors import ConfigurationError, EmbeddingUnavailableError
from tests.embeddings import openai_server as fake
from tests.embeddings.openai_server import API_KEY, OpenAIServer, fail, words_vector

SOON = {"Retry_After_Ms": "1"}


@pytest_asyncio.fixture
async def embedder(openai_server: OpenAIServer) -> AsyncIterator[OpenAIEmbedder]:
    embedder = OpenAIEmbedder(openai_server.settings())
    yield embedder
    await embedder.close()


async def test_a_text_becomes_the_unit_vector_that_the_provider_sent(embedder: OpenAIEmbedder) -> None:
    [vector] = await embedder.embed(["cordless hammer drill"])

    assert vector.dtype == np.float32
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(vector, words_vector("cordless hammer drill"), atol=1e-6)


async def test_request_carries_model_dimensions_and_key(embedder: OpenAIEmbedder, openai_server: OpenAIServer) -> None:
    await embedder.embed(["drill"])

    [request] = openai_server.requests
    assert request.path == "/v1/embeddings"
    assert request.headers["authorization"] == f"Bearer {API_KEY}"
    assert request.body == {
        "input": ["drill"],
        "model": "text-embedding-3-small",
        "dimensions": 1536,
        "encoding_format": "base64",
    }


async def test_dimensions_are_asked_of_no_model_that_cannot_choose_them(openai_server: OpenAIServer) -> None:
    openai_server.dimensions = 768
    embedder = OpenAIEmbedder(openai_server.settings(embedding_model="nomic-embed-text", embedding_dimensions=768))

    [vector] = await embedder.embed(["drill"])
    await embedder.close()

    assert len(vector) == 768
    assert "dimensions" not in openai_server.requests[0].body


async def test_fewer_dimensions_can_be_chosen(openai_server: OpenAIServer) -> None:
    embedder = OpenAIEmbedder(openai_server.settings(embedding_dimensions=256))

    [vector] = await embedder.embed(["drill"])
    await embedder.close()

    assert len(vector) == 256


async def test_vectors_as_json_numbers_are_the_same(embedder: OpenAIEmbedder, openai_server: OpenAIServer) -> None:
    openai_server.behave(fake.answer_floats)

    [as_numbers] = await embedder.embed(["drill"])
    [as_base64] = await embedder.embed(["drill"])

    np.testing.assert_allclose(as_numbers, as_base64, atol=1e-6)


async def test_vectors_follow_the_index_and_not_the_order_of_arrival(
    embedder: OpenAIEmbedder, openai_server: OpenAIServer
) -> None:
    openai_server.behave(fake.answer_reversed)

    vectors = await embedder.embed(["drill", "garden hose", "white paint"])

    np.testing.assert_allclose(vectors[0], words_vector("drill"), atol=1e-6)
    np.testing.assert_allclose(vectors[2], words_vector("white paint"), atol=1e-6)


async def test_no_texts_make_no_request(embedder: OpenAIEmbedder, openai_server: OpenAIServer) -> None:
    assert await embedder.embed([]) == []
    assert openai_server.requests == []


async def test_many_texts_are_split_by_count_and_stay_in_order(
    embedder: OpenAIEmbedder, openai_server: OpenAIServer
) -> None:
    texts = [f"article {number}" for number in range(MAX_REQUEST_TEXTS + 10)]

    vectors = await embedder.embed(texts)

    assert openai_server.texts == [texts[:MAX_REQUEST_TEXTS], texts[MAX_REQUEST_TEXTS:]]
    for text, vector in zip(texts, vectors, strict=True):
        np.testing.assert_allclose(vector, words_vector(text), atol=1e-6)


async def test_long_texts_are_split_by_size(embedder: OpenAIEmbedder, openai_server: OpenAIServer) -> None:
    texts = [f"{number} " + "€" * 2_600 for number in range(80)]

    await embedder.embed(texts)

    assert [text for request in openai_server.texts for text in request] == texts
    assert [len(request) for request in openai_server.texts] == [38, 38, 4]
    assert all(sum(map(estimate_tokens, request)) <= MAX_REQUEST_TOKENS for request in openai_server.texts)


async def test_a_text_too_long_for_the_model_is_cut_between_characters(
    embedder: OpenAIEmbedder, openai_server: OpenAIServer
) -> None:
    await embedder.embed(["€" * MAX_TEXT_BYTES])

    assert openai_server.texts == [["€" * (MAX_TEXT_BYTES // 3)]]


async def test_an_empty_text_is_no_reason_for_the_provider_to_refuse(embedder: OpenAIEmbedder) -> None:
    assert len(await embedder.embed(["", "drill"])) == 2


async def test_a_provider_with_a_smaller_limit_gets_smaller_requests(
    embedder: OpenAIEmbedder, openai_server: OpenAIServer
) -> None:
    openai_server.max_texts = 32
    texts = [f"article {number}" for number in range(100)]

    vectors = await embedder.embed(texts)
    openai_server.requests.clear()
    await embedder.embed(texts)

    np.testing.assert_allclose(vectors[99], words_vector("article 99"), atol=1e-6)
    assert [len(request) for request in openai_server.texts] == [25, 25, 25, 25]


@pytest.mark.parametrize(
    "fault",
    [
        fail(429, Retry_After="0.01"),
        fail(429, **SOON),
        fail(500, **SOON),
        fail(503, **SOON),
        fake.close_connection,
        fake.reset_connection,
    ],
)
async def test_a_passing_failure_is_retried(
    embedder: OpenAIEmbedder, openai_server: OpenAIServer, fault: fake.Behaviour
) -> None:
    openai_server.behave(fault)

    [vector] = await embedder.embed(["drill"])

    np.testing.assert_allclose(vector, words_vector("drill"), atol=1e-6)
    assert len(openai_server.requests) == 2


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the package would wait before each further attempt; it does not."""
    lengths: list[float] = []

    async def pass_over(seconds: float) -> None:
        lengths.append(seconds)
        await asyncio.sleep(0)

    # The package's own name, not anyio's function: whatever else sleeps in this process, as do watchers that
    # earlier tests' servers left on the loop, would never sleep again and never let go of the loop.
    monkeypatch.setattr("openai._base_client.anyio", SimpleNamespace(sleep=pass_over))
    return lengths


async def test_nothing_but_the_package_passes_its_pauses_over(pauses: list[float]) -> None:
    began = asyncio.get_running_loop().time()

    await anyio.sleep(0.01)

    assert asyncio.get_running_loop().time() - began >= 0.01
    assert pauses == []


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_the_pause_is_the_providers_own(
    embedder: OpenAIEmbedder, openai_server: OpenAIServer, pauses: list[float], status: int
) -> None:
    openai_server.behave(fail(status, Retry_After="7"), fail(status, Retry_After="31"))

    await embedder.embed(["drill", "hose"])

    assert pauses == [7, 31]


async def test_without_one_the_pause_doubles_less_a_random_part(
    embedder: OpenAIEmbedder, openai_server: OpenAIServer, pauses: list[float]
) -> None:
    openai_server.behave(*[fail(429)] * JOB_RETRIES)

    await embedder.embed(["drill", "hose"])

    assert len(pauses) == JOB_RETRIES
    for pause, longest in zip(pauses, [0.5, 1, 2, 4, 8], strict=True):
        assert longest * 0.75 <= pause < longest
    assert len({pause / longest for pause, longest in zip(pauses, [0.5, 1, 2, 4, 8], strict=True)}) > 1


async def test_a_job_gives_up_in_the_end(
    embedder: OpenAIEmbedder, openai_server: OpenAIServer, pauses: list[float]
) -> None:
    openai_server.behave(fail(500), forever=True)

    with pytest.raises(EmbeddingUnavailableError, match="HTTP 500"):
        await embedder.embed(["drill", "hose"])

    assert len(openai_server.requests) == JOB_RETRIES + 1


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        (fail(429, **SOON), "HTTP 429.*rate limit"),
        (fail(500, **SOON), "HTTP 500.*Try again"),
        (fail(401), "HTTP 401.*RETAIL_OPENAI_API_KEY"),
        (fail(403), "HTTP 403.*RETAIL_OPENAI_API_KEY"),
        (fail(404), "HTTP 404.*RETAIL_OPENAI_BASE_URL and RETAIL_EMBEDDING_MODEL"),
        (fail(400), "HTTP 400.*RETAIL_EMBEDDING_MODEL"),
        (fake.answer_truncated_json, "something other than embeddings"),
        (fake.answer_web_page, "RETAIL_OPENAI_BASE_URL is an OpenAI-compatible endpoint"),
        (fake.answer_too_few, "1 embeddings for 2 texts"),
        (fake.answer_same_index, "misnumbered"),
        (fake.answer_next_index, "misnumbered"),
        (fake.answer_zeros, "without a direction"),
        (fake.answer_nan, "without a direction"),
        (fake.answer_cut_base64, "something other than embeddings"),
    ],
)
async def test_a_lasting_failure_says_what_to_do_and_tells_no_secret(
    embedder: OpenAIEmbedder,
    openai_server: OpenAIServer,
    caplog: pytest.LogCaptureFixture,
    behaviour: fake.Behaviour,
    message: str,
) -> None:
    openai_server.behave(behaviour, forever=True)

    with caplog.at_level(logging.DEBUG), pytest.raises(EmbeddingUnavailableError, match=message) as failure:
        await embedder.embed(["drill", "hose"])

    logging.getLogger(__name__).error("as a log would show it", exc_info=failure.value)
    assert API_KEY not in str(failure.value) + caplog.text


@pytest.mark.parametrize("body", [None, [], {}, {"data": None}, {"data": [{"index": 0}]}, {"data": ["drill"]}])
async def test_json_of_another_shape_is_a_failure_of_the_provider(
    embedder: OpenAIEmbedder, openai_server: OpenAIServer, body: object
) -> None:
    reply = fake.Reply(200, json.dumps(body).encode(), {"Content-Type": "application/json"})
    openai_server.behave(lambda server, request: reply)

    with pytest.raises(EmbeddingUnavailableError, match="something other than embeddings"):
        await embedder.embed(["drill"])


async def test_wrong_dimension_names_both_numbers_and_the_setting(openai_server: OpenAIServer) -> None:
    openai_server.dimensions = 768
    embedder = OpenAIEmbedder(openai_server.settings(embedding_model="nomic-embed-text"))

    with pytest.raises(
        EmbeddingUnavailableError,
        match=r"returned 768 numbers per vector, but 1536 .* RETAIL_EMBEDDING_DIMENSIONS=768",
    ):
        await embedder.embed(["drill"])
    await embedder.close()


async def test_a_silent_provider_is_given_up_after_the_time_limit(openai_server: OpenAIServer) -> None:
    openai_server.behave(fake.hang, forever=True)
    embedder = OpenAIEmbedder(openai_server.settings(embedding_timeout_seconds=0.1))

    with pytest.raises(EmbeddingUnavailableError, match=r"within 0\.1 seconds.*EMBEDDING_TIMEOUT_SECONDS"):
        await embedder.embed(["drill"])
    await embedder.close()


async def test_a_query_waits_no_longer_than_one_request_whatever_the_provider_asks(
    openai_server: OpenAIServer,
) -> None:
    openai_server.behave(fail(429, Retry_After="60"), forever=True)
    embedder = OpenAIEmbedder(openai_server.settings(embedding_timeout_seconds=0.1))

    async with asyncio.timeout(30):
        with pytest.raises(EmbeddingUnavailableError, match="did not answer"):
            await embedder.embed(["drill"])
    await embedder.close()


async def test_a_job_outlasts_a_request_that_timed_out(openai_server: OpenAIServer) -> None:
    openai_server.behave(fake.hang)
    embedder = OpenAIEmbedder(openai_server.settings(embedding_timeout_seconds=0.1))

    assert len(await embedder.embed(["drill", "hose"])) == 2
    await embedder.close()


async def test_an_unreachable_provider_is_unavailable() -> None:
    async with OpenAIServer().running() as server:
        embedder = OpenAIEmbedder(server.settings())

    with pytest.raises(EmbeddingUnavailableError, match=r"cannot be reached.*RETAIL_OPENAI_BASE_URL"):
        await embedder.embed(["drill"])
    await embedder.close()


@pytest.mark.parametrize("key", [None, "  ", "sk-“do-not-leak”", "sk-do\nnot-leak"])
async def test_a_missing_or_unusable_key_is_a_configuration_error(key: str | None) -> None:
    with pytest.raises(ConfigurationError, match="RETAIL_OPENAI_API_KEY") as failure:
        build_embedder(Settings(_env_file=None, embeddings="openai", openai_api_key=key))

    assert "leak" not in str(failure.value)


async def test_another_endpoint_needs_no_key_and_gets_nobody_elses(
    openai_server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", API_KEY)
    embedder = build_embedder(openai_server.settings(openai_api_key=None))

    await embedder.embed(["drill"])
    await embedder.close()

    assert API_KEY not in str(openai_server.requests[0].headers)


async def test_a_malformed_url_is_a_configuration_error() -> None:
    settings = Settings(_env_file=None, embeddings="openai", openai_base_url="localhost:11434")

    with pytest.raises(ConfigurationError, match="RETAIL_OPENAI_BASE_URL is not an HTTP URL"):
        build_embedder(settings)


async def test_similar_texts_are_closer_than_unrelated_ones(embedder: OpenAIEmbedder) -> None:
    drill, other_drill, paint = await embedder.embed(["cordless drill", "drill with cord", "white wall paint"])

    assert drill @ other_drill > embedder.noise_floor > drill @ paint
