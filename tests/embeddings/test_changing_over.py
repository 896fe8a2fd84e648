"""One model replaces another: what is searched meanwhile, what limits and interruptions leave behind."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from server.config import Settings
from server.embeddings import LOCAL_MODEL, build_embedder
from server.embeddings.all_stores import EmbedOptions, EmbedReport, embed_products, store_states
from server.embeddings.models import MODEL_REMEMBERED_SECONDS, Embedders, ModelInUse
from server.embeddings.openai import OpenAIEmbedder
from server.errors import ConfigurationError, EmbeddingUnavailableError, NotFoundError
from tests.embeddings import openai_server as fake
from tests.embeddings.openai_server import API_KEY, OpenAIServer, fail
from tests.embeddings.test_breaker import Clock
from tests.embeddings.test_embed_products import WordsEmbedder, add_product, add_store
from tests.support import Retailer, answer
from tests.transport.processes import for_operator
from tests.transport.shop import eventually

LOCAL = build_embedder(Settings(_env_file=None))


@pytest_asyncio.fixture
async def database(retailer: Retailer) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(retailer.admin_url)
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def shop(database: asyncpg.Connection) -> asyncpg.Connection:
    """Three products in each of two stores, none of them the same."""
    for store_id in ("redmond", "seattle"):
        await add_store(database, store_id)
        for name in ("Hammer drill", "Garden hose", "White paint"):
            await add_product(database, store_id, f"{name} of {store_id}")
    return database


@pytest_asyncio.fixture
async def provider(openai_server: OpenAIServer) -> AsyncIterator[OpenAIEmbedder]:
    embedder = OpenAIEmbedder(openai_server.settings())
    yield embedder
    await embedder.close()


async def in_use(database: asyncpg.Connection) -> dict[str, str | None]:
    return dict(await database.fetch("select store_id, embedding_model from retail.stores order by 1"))


async def vectors(database: asyncpg.Connection) -> dict[tuple[str, str], int]:
    rows = await database.fetch(
        "select store_id, embedding_model, count(*) from retail.product_embeddings group by 1, 2"
    )
    return {(row[0], row[1]): row[2] for row in rows}


async def test_a_store_changes_over_when_it_is_complete_and_not_before(
    retailer: Retailer, shop: asyncpg.Connection
) -> None:
    await embed_products(retailer.admin_url, WordsEmbedder())
    assert await in_use(shop) == {"redmond": "words", "seattle": "words"}

    report = await embed_products(retailer.admin_url, WordsEmbedder("other", 32), options=EmbedOptions(max_texts=4))

    assert (report.embedded, report.left, report.limited, report.changed_over) == (4, 2, True, ("redmond",))
    assert await in_use(shop) == {"redmond": "other", "seattle": "words"}
    assert (await vectors(shop))["seattle", "words"] == 3

    report = await embed_products(retailer.admin_url, WordsEmbedder("other", 32))

    assert (report.embedded, report.unchanged, report.left, report.changed_over) == (2, 4, 0, ("seattle",))
    assert await in_use(shop) == {"redmond": "other", "seattle": "other"}
    assert set((await vectors(shop)).values()) == {3}


async def test_the_change_is_in_the_audit_log_once(retailer: Retailer, shop: asyncpg.Connection) -> None:
    for _ in range(2):
        await embed_products(retailer.login_url("mcp_embed"), WordsEmbedder(), store_id="seattle")

    rows = await shop.fetch("select store_id, db_user, metadata ->> 'model' as model from audit.operation")
    assert [tuple(row) for row in rows] == [("seattle", "mcp_embed", "words")]


async def test_the_old_vectors_stay_until_they_are_told_to_go(retailer: Retailer, shop: asyncpg.Connection) -> None:
    await embed_products(retailer.admin_url, WordsEmbedder())
    await embed_products(retailer.admin_url, WordsEmbedder("other", 32), store_id="seattle")
    removing = EmbedOptions(remove_old=True, grace_seconds=0)

    report = await embed_products(retailer.admin_url, WordsEmbedder("other", 32), store_id="seattle", options=removing)

    assert report.removed == 3
    assert await vectors(shop) == {("redmond", "words"): 3, ("seattle", "other"): 3}


async def test_nothing_old_goes_before_the_store_has_changed_over(retailer: Retailer, shop: asyncpg.Connection) -> None:
    await embed_products(retailer.admin_url, WordsEmbedder())
    stingy = EmbedOptions(max_texts=1, remove_old=True, grace_seconds=0)

    report = await embed_products(retailer.admin_url, WordsEmbedder("other", 32), store_id="seattle", options=stingy)

    # What goes is the one vector of the model that is not in use.
    assert (report.embedded, report.removed) == (1, 1)
    assert (await vectors(shop))["seattle", "words"] == 3


async def test_servers_get_time_before_the_old_vectors_go(
    retailer: Retailer, shop: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    async def wait(seconds: float) -> None:
        waited.append(seconds)
        assert (await vectors(shop))["seattle", "words"] == 3

    await embed_products(retailer.admin_url, WordsEmbedder())
    # The module's own name: other tasks of this process go on sleeping.
    monkeypatch.setattr("server.embeddings.all_stores.asyncio", SimpleNamespace(sleep=wait))
    for _ in range(2):
        await embed_products(retailer.admin_url, WordsEmbedder("other", 32), options=EmbedOptions(remove_old=True))

    assert waited == [10.0]
    assert await vectors(shop) == {("redmond", "other"): 3, ("seattle", "other"): 3}


@pytest.mark.parametrize(("limit", "embedded"), [(0, 0), (1, 1), (5, 5), (6, 6), (7, 6)])
@pytest.mark.parametrize("batch_texts", [1, 2, 256])
async def test_no_more_texts_are_sent_than_allowed(
    retailer: Retailer, shop: asyncpg.Connection, limit: int, embedded: int, batch_texts: int
) -> None:
    embedder = WordsEmbedder()
    options = EmbedOptions(max_texts=limit, batch_texts=batch_texts)

    report = await embed_products(retailer.admin_url, embedder, options=options)

    assert (report.embedded, report.texts, sum(map(len, embedder.batches))) == (embedded,) * 3
    assert (report.limited, report.left) == (embedded < 6, 6 - embedded)


async def test_no_more_tokens_are_sent_than_allowed(retailer: Retailer, shop: asyncpg.Connection) -> None:
    embedder = WordsEmbedder()

    report = await embed_products(
        retailer.admin_url, embedder, store_id="seattle", options=EmbedOptions(max_tokens=11, batch_texts=1)
    )

    # 2 + 2 + 1 + 2 for the first. Which product comes first is the order of their ids.
    tokens = {"Hammer drill of seattle": 7, "Garden hose of seattle": 6, "White paint of seattle": 7}
    ((text,),) = embedder.batches
    assert (report.embedded, report.tokens, report.limited) == (1, tokens[text], True)


async def test_requests_run_side_by_side_and_each_vector_finds_its_product(
    retailer: Retailer, database: asyncpg.Connection, provider: OpenAIEmbedder
) -> None:
    await add_store(database, "seattle")
    for number in range(50):
        await add_product(database, "seattle", f"Article {number}")
    under_way: list[int] = [0, 0]
    embed = provider.embed

    async def counted(texts: Any) -> Any:
        under_way[0] += 1
        under_way[1] = max(under_way)
        try:
            return await embed(texts)
        finally:
            under_way[0] -= 1

    provider.embed = counted  # type: ignore[method-assign]
    report = await embed_products(retailer.admin_url, provider, options=EmbedOptions(batch_texts=3, concurrency=4))

    assert report.embedded == 50
    assert under_way[1] == 4
    rows = await database.fetch("select embedding_text, embedding::text from retail.product_embeddings")
    for text, vector in rows:
        expected = fake.words_vector(text)
        assert [float(number) for number in vector.strip("[]").split(",")[:5]] == pytest.approx(expected[:5], abs=1e-5)


async def test_of_requests_side_by_side_those_that_succeed_are_kept(
    retailer: Retailer, shop: asyncpg.Connection, provider: OpenAIEmbedder, openai_server: OpenAIServer
) -> None:
    openai_server.behave(fake.answer, fail(401), fake.answer)

    with pytest.raises(EmbeddingUnavailableError, match="2 products were embedded before that"):
        await embed_products(
            retailer.admin_url, provider, store_id="seattle", options=EmbedOptions(batch_texts=1, concurrency=3)
        )

    assert await vectors(shop) == {("seattle", provider.model): 2}
    openai_server.requests.clear()
    await embed_products(retailer.admin_url, provider, store_id="seattle")
    assert [len(texts) for texts in openai_server.texts] == [1]


async def test_a_run_that_was_killed_goes_on_where_it_was(
    retailer: Retailer, database: asyncpg.Connection, openai_server: OpenAIServer, tmp_path: Path
) -> None:
    await add_store(database, "seattle")
    await database.execute(
        "insert into retail.products (store_id, sku, product_name, price)"
        " select 'seattle', 'S' || n, 'Article ' || n, 1 from generate_series(1, 300) n"
    )
    openai_server.behave(fake.answer, fake.hang)
    env = for_operator(
        retailer,
        RETAIL_EMBEDDINGS="openai",
        RETAIL_OPENAI_BASE_URL=openai_server.url,
        RETAIL_OPENAI_API_KEY=API_KEY,
        RETAIL_EMBED_DATABASE_URL=retailer.login_url("mcp_embed"),
    )

    async def second_request() -> bool:
        return len(openai_server.requests) > 1

    killed = await start_embedding(tmp_path, env)
    await eventually(second_request, seconds=30)
    killed.kill()
    await killed.communicate()
    assert await vectors(database) == {("seattle", "text-embedding-3-small"): 256}
    assert await in_use(database) == {"seattle": None}

    openai_server.requests.clear()
    again = await start_embedding(tmp_path, env)
    _, told = await again.communicate()

    assert again.returncode == 0
    assert "44 made from 44 texts" in told.decode()
    assert "Now searched with this model: seattle." in told.decode()
    assert [len(texts) for texts in openai_server.texts] == [44]
    assert await in_use(database) == {"seattle": "text-embedding-3-small"}


async def start_embedding(directory: Path, env: dict[str, str], *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "seed", "embed", *arguments),
        cwd=directory,
        env=env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_a_store_that_somebody_else_embeds_is_left_to_them(retailer: Retailer, shop: asyncpg.Connection) -> None:
    first, second, other = WordsEmbedder(), WordsEmbedder(), WordsEmbedder("other")
    reports: list[EmbedReport] = []

    async def meanwhile() -> None:
        first.meanwhile = None
        for embedder in (second, other):
            reports.append(await embed_products(retailer.admin_url, embedder, store_id="redmond"))

    first.meanwhile = meanwhile
    await embed_products(retailer.admin_url, first)

    assert [(report.busy, report.embedded) for report in reports] == [(("redmond",), 0), ((), 3)]


async def test_each_store_keeps_its_own_model_unless_one_is_named(
    retailer: Retailer, shop: asyncpg.Connection, openai_server: OpenAIServer, provider: OpenAIEmbedder
) -> None:
    await embed_products(retailer.admin_url, provider, store_id="redmond")
    for store_id in ("redmond", "seattle"):
        await add_product(shop, store_id, f"Ladder of {store_id}")
    openai_server.requests.clear()
    embedders = Embedders(openai_server.settings(embeddings="wordllama"))

    report = await embed_products(retailer.admin_url, embedders)
    states = await store_states(retailer.login_url("mcp_embed"), embedders)
    await embedders.close()

    assert openai_server.texts == [["Ladder of redmond"]]
    assert (report.embedded, report.changed_over) == (5, ("seattle",))
    assert [(state.store_id, state.products, state.missing, state.outdated, state.in_use) for state in states] == [
        ("redmond", 4, 0, 0, ModelInUse("text-embedding-3-small", 1_536)),
        ("seattle", 4, 0, 0, ModelInUse(LOCAL_MODEL, 256)),
    ]


async def test_status_counts_what_is_missing_and_what_is_of_an_older_text(
    retailer: Retailer, shop: asyncpg.Connection
) -> None:
    embedders = Embedders(Settings(_env_file=None))
    await embed_products(retailer.admin_url, embedders)
    await add_product(shop, "seattle", "Ladder")
    await shop.execute("update retail.products set brand = 'Acme' where product_name like '%hose of%'")
    await shop.execute("update retail.products set is_active = false where product_name like '%paint of%'")

    states = await store_states(retailer.login_url("mcp_embed"), embedders)

    assert [(state.store_id, state.products, state.missing, state.outdated) for state in states] == [
        ("redmond", 2, 0, 1),
        ("seattle", 3, 1, 1),
    ]


async def test_a_renamed_category_makes_the_texts_of_its_products_old(
    retailer: Retailer, database: asyncpg.Connection
) -> None:
    await add_store(database, "seattle")
    category = await database.fetchval(
        "insert into retail.product_categories (category_name) values ('Tools') returning category_id"
    )
    await add_product(database, "seattle", "Hammer drill", category_id=category)
    embedder = WordsEmbedder()
    await embed_products(retailer.admin_url, embedder)
    await database.execute("update retail.product_categories set category_name = 'Power tools'")

    await embed_products(retailer.admin_url, embedder)

    assert embedder.batches == [["Hammer drill. Tools"], ["Hammer drill. Power tools"]]


async def test_closed_stores_cost_nothing(retailer: Retailer, shop: asyncpg.Connection) -> None:
    await shop.execute("update retail.stores set is_active = false where store_id = 'redmond'")

    assert (await embed_products(retailer.admin_url, WordsEmbedder())).embedded == 3


async def test_an_unknown_store_is_refused(retailer: Retailer, shop: asyncpg.Connection) -> None:
    with pytest.raises(NotFoundError, match="There is no store atlantis"):
        await embed_products(retailer.login_url("mcp_embed"), WordsEmbedder(), store_id="atlantis")


async def test_a_database_without_a_signing_key_says_so(retailer: Retailer, shop: asyncpg.Connection) -> None:
    await shop.execute("delete from guard.context_key")

    with pytest.raises(ConfigurationError, match="key install"):
        await embed_products(retailer.admin_url, WordsEmbedder())


async def test_a_login_that_may_not_embed_is_told_which_may(retailer: Retailer, shop: asyncpg.Connection) -> None:
    with pytest.raises(ConfigurationError, match="Use mcp_embed in RETAIL_EMBED_DATABASE_URL"):
        await embed_products(retailer.app_url, WordsEmbedder())


async def test_search_goes_on_with_the_old_model_until_the_new_one_is_complete(
    retailer: Retailer, shop: asyncpg.Connection, openai_server: OpenAIServer, provider: OpenAIEmbedder
) -> None:
    await embed_products(retailer.admin_url, LOCAL)
    url, key = openai_server.url, API_KEY

    async def search() -> dict[str, Any]:
        openai_server.requests.clear()
        async with retailer.client("seattle", embeddings="openai", openai_base_url=url, openai_api_key=key) as client:
            return await answer(client, "search_products", query="garden hose")

    await embed_products(retailer.admin_url, provider, store_id="seattle", options=EmbedOptions(max_texts=2))
    before = await search()
    assert openai_server.requests == []
    await embed_products(retailer.admin_url, provider, store_id="seattle")
    after = await search()

    assert openai_server.texts == [["garden hose"]]
    for found in (before, after):
        assert found["search_mode_used"] == "hybrid"
        assert found["note"] is None
        assert found["rows"][0]["product_name"] == "Garden hose of seattle"
        assert found["rows"][0]["similarity"] > 0.5


async def test_a_running_server_takes_up_the_new_model_within_seconds(
    retailer: Retailer,
    shop: asyncpg.Connection,
    openai_server: OpenAIServer,
    provider: OpenAIEmbedder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    monkeypatch.setattr("server.operations.startup.Embedders", partial(Embedders, clock=clock))
    await embed_products(retailer.admin_url, LOCAL)
    async with retailer.client(
        "seattle", embeddings="openai", openai_base_url=openai_server.url, openai_api_key=API_KEY
    ) as client:
        await answer(client, "search_products", query="hose")
        await embed_products(retailer.admin_url, provider)
        openai_server.requests.clear()
        await answer(client, "search_products", query="hose")
        assert openai_server.requests == []

        clock.now += MODEL_REMEMBERED_SECONDS
        await answer(client, "search_products", query="hose")
        assert openai_server.texts == [["hose"]]
