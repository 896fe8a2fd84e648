"""The job that fills and refreshes stored vectors, against a real database."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import numpy as np
import pytest
import pytest_asyncio
from pgvector.asyncpg import register_vector

from server.embeddings.all_stores import EmbedOptions, EmbedReport, embed_products
from server.embeddings.base import Embedder, Vector
from server.embeddings.openai import OpenAIEmbedder
from server.errors import ConfigurationError, EmbeddingUnavailableError
from tests.embeddings.openai_server import OpenAIServer, fail, words_vector


class WordsEmbedder:
    """Bag-of-words vectors; remembers its batches and can do something while one is embedded."""

    noise_floor = 0.1

    def __init__(self, model: str = "words", dimensions: int = 16) -> None:
        self.model = model
        self.dimensions = dimensions
        self.batches: list[list[str]] = []
        self.meanwhile: Callable[[], Awaitable[object]] | None = None

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        if texts:
            self.batches.append(list(texts))
            if self.meanwhile is not None:
                await self.meanwhile()
        return [words_vector(text, self.dimensions) for text in texts]

    async def close(self) -> None: ...


@pytest_asyncio.fixture
async def database(admin_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(admin_dsn)
    await register_vector(connection)
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def shop(database: asyncpg.Connection) -> asyncpg.Connection:
    """Three products of one store."""
    await add_store(database, "seattle")
    for name in ("Hammer drill", "Garden hose", "White paint"):
        await add_product(database, "seattle", name)
    return database


async def add_store(database: asyncpg.Connection, store_id: str) -> None:
    await database.execute("insert into retail.stores (store_id, store_name) values ($1, $1)", store_id)


async def add_product(database: asyncpg.Connection, store_id: str, name: str, **columns: Any) -> UUID:
    values = {"store_id": store_id, "sku": name, "product_name": name, "price": 1} | columns
    numbers = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    return await database.fetchval(
        f"insert into retail.products ({', '.join(values)}) values ({numbers}) returning product_id",
        *values.values(),
    )


async def embedded_texts(database: asyncpg.Connection, model: str = "words") -> list[str]:
    rows = await database.fetch(
        "select embedding_text from retail.product_embeddings where embedding_model = $1 order by 1", model
    )
    return [row["embedding_text"] for row in rows]


async def embed(admin_dsn: str, embedder: Embedder, *, store_id: str | None = None, **options: Any) -> EmbedReport:
    """Run the job; only what became of the products is in the report."""
    told = options.pop("report", None)
    report = await embed_products(admin_dsn, embedder, store_id=store_id, options=EmbedOptions(**options), report=told)
    return EmbedReport(embedded=report.embedded, unchanged=report.unchanged, removed=report.removed)


async def test_every_active_product_gets_its_vector(admin_dsn: str, database: asyncpg.Connection) -> None:
    await add_store(database, "seattle")
    category_id = await database.fetchval(
        "insert into retail.product_categories (category_name) values ('Power tools') returning category_id"
    )
    product_id = await add_product(
        database,
        "seattle",
        "Hammer drill",
        category_id=category_id,
        brand="Acme",
        product_description="Two speeds.",
    )

    assert await embed(admin_dsn, WordsEmbedder()) == EmbedReport(embedded=1)

    [row] = await database.fetch("select * from retail.product_embeddings")
    text = "Hammer drill. Power tools. Acme. Two speeds."
    assert (row["store_id"], row["product_id"], row["embedding_text"]) == ("seattle", product_id, text)
    assert (row["embedding_model"], row["dimensions"]) == ("words", 16)
    assert row["content_hash"] == hashlib.sha256(text.encode()).hexdigest()
    np.testing.assert_array_equal(row["embedding"].to_numpy(), words_vector(text, 16))


async def test_second_run_embeds_nothing(admin_dsn: str, shop: asyncpg.Connection) -> None:
    await embed(admin_dsn, WordsEmbedder())
    again = WordsEmbedder()

    assert await embed(admin_dsn, again) == EmbedReport(unchanged=3)
    assert again.batches == []


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ("update retail.products set product_name = 'Blue paint' where sku = 'White paint'", "Blue paint"),
        ("update retail.products set brand = 'Acme' where sku = 'White paint'", "White paint. Acme"),
    ],
)
async def test_changed_product_is_embedded_again_alone(
    admin_dsn: str, shop: asyncpg.Connection, change: str, text: str
) -> None:
    embedder = WordsEmbedder()
    await embed(admin_dsn, embedder)
    embedder.batches.clear()
    await shop.execute(change)

    assert await embed(admin_dsn, embedder) == EmbedReport(embedded=1, unchanged=2)
    assert embedder.batches == [[text]]
    assert text in await embedded_texts(shop)


async def test_change_that_is_not_embedded_needs_no_vector(admin_dsn: str, shop: asyncpg.Connection) -> None:
    await embed(admin_dsn, WordsEmbedder())
    await shop.execute("update retail.products set price = 2, current_stock = 5")

    assert await embed(admin_dsn, WordsEmbedder()) == EmbedReport(unchanged=3)


async def test_second_model_stands_beside_the_first(admin_dsn: str, shop: asyncpg.Connection) -> None:
    await embed(admin_dsn, WordsEmbedder())

    assert await embed(admin_dsn, WordsEmbedder("other", 32)) == EmbedReport(embedded=3)
    assert len(await embedded_texts(shop, "words")) == len(await embedded_texts(shop, "other")) == 3


async def test_other_dimensions_of_the_same_model_replace_the_vectors(admin_dsn: str, shop: asyncpg.Connection) -> None:
    await embed(admin_dsn, WordsEmbedder(dimensions=16))

    assert await embed(admin_dsn, WordsEmbedder(dimensions=32)) == EmbedReport(embedded=3)
    assert await shop.fetch("select distinct dimensions from retail.product_embeddings") == [(32,)]


async def test_discontinued_product_loses_its_vector_of_this_model_only(
    admin_dsn: str, shop: asyncpg.Connection
) -> None:
    await embed(admin_dsn, WordsEmbedder())
    await embed(admin_dsn, WordsEmbedder("other"))
    await shop.execute("update retail.products set is_active = false where sku = 'White paint'")

    assert await embed(admin_dsn, WordsEmbedder()) == EmbedReport(unchanged=2, removed=1)
    assert await embedded_texts(shop, "words") == ["Garden hose", "Hammer drill"]
    assert len(await embedded_texts(shop, "other")) == 3


async def test_one_store_can_be_embedded_alone(admin_dsn: str, shop: asyncpg.Connection) -> None:
    await add_store(shop, "tacoma")
    await add_product(shop, "tacoma", "Ladder")
    await embed(admin_dsn, WordsEmbedder())
    await shop.execute("update retail.products set is_active = false")
    await add_product(shop, "tacoma", "Saw")

    report = await embed(admin_dsn, WordsEmbedder(), store_id="tacoma")

    assert report == EmbedReport(embedded=1, removed=1)
    assert await embedded_texts(shop) == ["Garden hose", "Hammer drill", "Saw", "White paint"]


@pytest.mark.parametrize("batch_size", [1, 2, 3, 100])
async def test_article_of_several_stores_is_embedded_once(
    admin_dsn: str, shop: asyncpg.Connection, batch_size: int
) -> None:
    for store_id in ("tacoma", "redmond"):
        await add_store(shop, store_id)
        for name in ("Hammer drill", "White paint"):
            await add_product(shop, store_id, name)
    embedder = WordsEmbedder()

    report = await embed(admin_dsn, embedder, batch_texts=batch_size)

    assert report == EmbedReport(embedded=7)
    texts = [text for batch in embedder.batches for text in batch]
    assert sorted(texts) == ["Garden hose", "Hammer drill", "White paint"]
    rows = await shop.fetch("select embedding_text, embedding from retail.product_embeddings")
    for row in rows:
        np.testing.assert_array_equal(row["embedding"].to_numpy(), words_vector(row["embedding_text"], 16))


async def test_progress_is_reported_after_every_batch(admin_dsn: str, shop: asyncpg.Connection) -> None:
    reports: list[tuple[int, int]] = []

    await embed(
        admin_dsn, WordsEmbedder(), batch_texts=2, report=lambda sums, total: reports.append((sums.embedded, total))
    )

    assert reports == [(2, 3), (3, 3)]


async def test_empty_catalogue_is_no_error(admin_dsn: str, database: asyncpg.Connection) -> None:
    assert await embed(admin_dsn, WordsEmbedder()) == EmbedReport()


async def test_no_transaction_is_open_while_the_provider_works(admin_dsn: str, shop: asyncpg.Connection) -> None:
    embedder = WordsEmbedder()
    states: list[str] = []

    async def look() -> None:
        rows = await shop.fetch(
            "select state from pg_stat_activity "
            "where datname = current_database() and application_name = 'retail-mcp embed'"
        )
        states.extend(row["state"] for row in rows)

    embedder.meanwhile = look
    await embed(admin_dsn, embedder, batch_texts=1)

    assert set(states) == {"idle"}


@pytest.mark.parametrize(
    "change",
    [
        "update retail.products set product_name = product_name || '!' where sku = 'White paint'",
        "update retail.products set is_active = false where sku = 'White paint'",
        "delete from retail.products where sku = 'White paint'",
    ],
)
async def test_product_that_changes_while_it_is_embedded_is_left_for_the_next_run(
    admin_dsn: str, shop: asyncpg.Connection, change: str
) -> None:
    embedder = WordsEmbedder()
    embedder.meanwhile = lambda: shop.execute(change)

    assert await embed(admin_dsn, embedder) == EmbedReport(embedded=2)
    assert await embedded_texts(shop) == ["Garden hose", "Hammer drill"]

    left = await shop.fetchval("select count(*) from retail.products where is_active") - 2
    embedder.meanwhile = None
    assert await embed(admin_dsn, embedder) == EmbedReport(embedded=left, unchanged=2)


async def test_stock_may_move_while_products_are_embedded(admin_dsn: str, shop: asyncpg.Connection) -> None:
    embedder = WordsEmbedder()
    embedder.meanwhile = lambda: shop.execute("update retail.products set current_stock = current_stock - 1")

    assert await embed(admin_dsn, embedder) == EmbedReport(embedded=3)


async def test_two_runs_at_once_agree(admin_dsn: str, shop: asyncpg.Connection) -> None:
    first, second = WordsEmbedder(), WordsEmbedder()
    first.meanwhile = lambda: embed(admin_dsn, second)

    assert await embed(admin_dsn, first) == EmbedReport(embedded=3)
    assert second.batches == []
    assert len(await embedded_texts(shop)) == 3


async def test_failure_of_the_provider_keeps_what_is_done_and_the_next_run_continues(
    admin_dsn: str, shop: asyncpg.Connection, openai_server: OpenAIServer
) -> None:
    embedder: Embedder = OpenAIEmbedder(openai_server.settings())

    def fail_from_now_on(report: EmbedReport, total: int) -> None:
        openai_server.behave(fail(401), forever=True)

    with pytest.raises(EmbeddingUnavailableError, match=r"HTTP 401.* 2 products were embedded before .* the rest"):
        await embed(admin_dsn, embedder, batch_texts=2, report=fail_from_now_on)
    assert len(await embedded_texts(shop, embedder.model)) == 2

    openai_server.recover()
    assert await embed(admin_dsn, embedder, batch_texts=2) == EmbedReport(embedded=1, unchanged=2)
    await embedder.close()


async def test_role_that_sees_no_row_is_refused_instead_of_finding_nothing_to_do(
    admin_dsn: str, shop: asyncpg.Connection
) -> None:
    # Roles belong to the cluster, which other tests share.
    role = f"reader_{uuid4().hex}"
    await shop.execute(
        f"create role {role}; grant usage on schema retail to {role}; "
        f"grant retail_builtins to {role} with inherit true; "
        f"grant select, delete on all tables in schema retail to {role}"
    )
    separator = "&" if "?" in admin_dsn else "?"
    try:
        with pytest.raises(ConfigurationError, match="RETAIL_ADMIN_DATABASE_URL"):
            await embed(f"{admin_dsn}{separator}role={role}", WordsEmbedder())
    finally:
        await shop.execute(f"drop owned by {role}; drop role {role}")
