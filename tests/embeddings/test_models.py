"""The embedders of a running server: which model, what is remembered, and what happens while the provider is down."""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio

from server.config import Settings
from server.embeddings import LOCAL_MODEL
from server.embeddings.breaker import FAILURES_TO_OPEN, OPEN_SECONDS
from server.embeddings.models import Embedders, ModelInUse
from server.embeddings.queries import VECTORS_REMEMBERED
from server.errors import EmbeddingUnavailableError
from tests.embeddings.openai_server import OpenAIServer, fail, words_vector
from tests.embeddings.test_breaker import Clock

SMALL = ModelInUse("text-embedding-3-small", 1_536)
SHORT = ModelInUse("text-embedding-3-small@256", 256)
OTHER = ModelInUse("nomic-embed-text", 1_536)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture
async def embedders(openai_server: OpenAIServer, clock: Clock) -> AsyncIterator[Embedders]:
    embedders = Embedders(openai_server.settings(), clock=clock)
    yield embedders
    await embedders.close()


async def ask(
    embedders: Embedders, text: str, store_id: str = "seattle", model: ModelInUse | None = None
) -> np.ndarray:
    (vector,) = await embedders.for_queries(store_id, model).embed([text])
    return vector


async def test_a_query_is_asked_for_once(embedders: Embedders, openai_server: OpenAIServer) -> None:
    first = await ask(embedders, "drill")
    again = await ask(embedders, "drill")

    np.testing.assert_array_equal(again, first)
    np.testing.assert_allclose(again, words_vector("drill"), atol=1e-6)
    assert openai_server.texts == [["drill"]]


async def test_what_is_remembered_cannot_be_changed(embedders: Embedders) -> None:
    vector = await ask(embedders, "drill")

    with pytest.raises(ValueError, match="read-only"):
        vector[0] = 1


async def test_no_model_gets_the_vector_of_another(embedders: Embedders, openai_server: OpenAIServer) -> None:
    for model in (None, SMALL, SHORT, OTHER):
        await ask(embedders, "drill", model=model)

    # None and SMALL are the same model.
    assert [(r.body["model"], r.body.get("dimensions")) for r in openai_server.requests] == [
        ("text-embedding-3-small", 1_536),
        ("text-embedding-3-small", 256),
        ("nomic-embed-text", None),
    ]


async def test_no_store_learns_by_the_time_what_another_searched_for(
    embedders: Embedders, openai_server: OpenAIServer
) -> None:
    await ask(embedders, "drill", "seattle")
    await ask(embedders, "drill", "redmond")

    assert openai_server.texts == [["drill"], ["drill"]]


async def test_memory_is_bounded_and_the_least_used_goes(embedders: Embedders, openai_server: OpenAIServer) -> None:
    texts = [f"text {number}" for number in range(VECTORS_REMEMBERED)]
    await embedders.for_queries("seattle", SHORT).embed(texts)
    await ask(embedders, "text 0", model=SHORT)
    await ask(embedders, "one more", model=SHORT)
    openai_server.requests.clear()

    await ask(embedders, "text 0", model=SHORT)
    await ask(embedders, "text 1", model=SHORT)

    assert openai_server.texts == [["text 1"]]


async def test_a_failure_is_not_remembered(embedders: Embedders, openai_server: OpenAIServer) -> None:
    openai_server.behave(fail(401))
    with pytest.raises(EmbeddingUnavailableError, match="HTTP 401"):
        await ask(embedders, "drill")

    await ask(embedders, "drill")


async def test_a_provider_that_is_down_is_left_alone_and_taken_up_again(
    embedders: Embedders, openai_server: OpenAIServer, clock: Clock
) -> None:
    await ask(embedders, "known")
    openai_server.behave(fail(401), forever=True)
    for number in range(FAILURES_TO_OPEN):
        with pytest.raises(EmbeddingUnavailableError, match="HTTP 401"):
            await ask(embedders, f"drill {number}")
    openai_server.requests.clear()

    with pytest.raises(EmbeddingUnavailableError, match="left alone"):
        await ask(embedders, "drill")
    await ask(embedders, "known")
    assert openai_server.requests == []

    clock.now += OPEN_SECONDS
    with pytest.raises(EmbeddingUnavailableError, match="HTTP 401"):
        await ask(embedders, "drill")
    assert len(openai_server.requests) == 1

    openai_server.recover()
    clock.now += 2 * OPEN_SECONDS
    await ask(embedders, "drill")
    await ask(embedders, "hose")


async def test_the_breaker_of_one_model_leaves_the_others_alone(
    embedders: Embedders, openai_server: OpenAIServer
) -> None:
    openai_server.behave(*[fail(404)] * FAILURES_TO_OPEN)
    for number in range(FAILURES_TO_OPEN):
        with pytest.raises(EmbeddingUnavailableError, match="HTTP 404"):
            await ask(embedders, f"drill {number}", model=OTHER)

    await ask(embedders, "drill", model=SMALL)


async def test_the_local_model_serves_stores_that_have_not_changed_over(
    embedders: Embedders, openai_server: OpenAIServer
) -> None:
    vector = await ask(embedders, "drill", model=ModelInUse(LOCAL_MODEL, 256))

    assert len(vector) == 256
    assert openai_server.requests == []


@pytest.mark.parametrize("model", [SMALL, ModelInUse(LOCAL_MODEL, 512)])
async def test_a_model_without_a_provider_is_unavailable(model: ModelInUse) -> None:
    embedders = Embedders(Settings(_env_file=None))

    with pytest.raises(EmbeddingUnavailableError, match=f"{model.model}.*name no provider.*seed embed"):
        await ask(embedders, "drill", model=model)
    await embedders.close()


async def test_jobs_get_the_providers_embedder_itself(embedders: Embedders, openai_server: OpenAIServer) -> None:
    for _ in range(2):
        await embedders.of(None).embed(["drill", "hose"])

    assert len(openai_server.requests) == 2
    assert embedders.of(SMALL) is embedders.configured
