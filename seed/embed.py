"""The job that gives every active product its vector, and keeps it in step with the product."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from uuid import UUID

import asyncpg
from pgvector.asyncpg import register_vector

from server.embeddings.base import Embedder, Vector
from server.embeddings.text import DESCRIPTION_CHARACTERS, content_hash, product_text
from server.errors import ConfigurationError, EmbeddingUnavailableError

# $1 model, $2 dimensions, $3 characters of description.
PRODUCTS = """
select p.store_id, p.product_id, p.product_name, c.category_name, p.brand,
  left(p.product_description, $3) as product_description, e.content_hash as stored_hash
from retail.products p
left join retail.product_categories c on c.category_id = p.category_id
left join retail.product_embeddings e
  on e.store_id = p.store_id and e.embedding_model = $1 and e.product_id = p.product_id and e.dimensions = $2
where p.is_active
"""

# $4 store or null for all; $5, $6, $7 name, store and id of the last product seen; $8 products per page.
# In the order of names, so that an article stands beside itself whatever store sells it.
PAGE = f"""{PRODUCTS}
  and ($4::text is null or p.store_id = $4)
  and (p.product_name collate "C", p.store_id, p.product_id) > ($5, $6, $7::uuid)
order by p.product_name collate "C", p.store_id, p.product_id
limit $8
"""

# $4, $5 stores and ids. The lock keeps the products from vanishing until their vectors are written.
SAME_PRODUCTS = f"""{PRODUCTS}
  and (p.store_id, p.product_id) in (select * from unnest($4::text[], $5::uuid[]))
for key share of p
"""  # noqa: S608 - made of constants only

# $1 store, $2 product, $3 text, $4 vector, $5 model, $6 dimensions, $7 hash of the text.
STORE = """
insert into retail.product_embeddings
  (store_id, product_id, embedding_text, embedding, embedding_model, dimensions, content_hash)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (store_id, embedding_model, product_id) do update set
  embedding_text = excluded.embedding_text,
  embedding = excluded.embedding,
  dimensions = excluded.dimensions,
  content_hash = excluded.content_hash
"""

# $1 model, $2 store or null for all.
REMOVE = """
with removed as (
  delete from retail.product_embeddings e
  where e.embedding_model = $1
    and ($2::text is null or e.store_id = $2)
    and not exists (
      select from retail.products p
      where p.store_id = e.store_id and p.product_id = e.product_id and p.is_active
    )
  returning 1
)
select count(*) from removed
"""


@dataclass(frozen=True, slots=True)
class EmbedReport:
    """What the job did, in products.

    Attributes:
        embedded: Got a new vector.
        unchanged: Had the right vector already.
        removed: Lost their vector, being discontinued.
    """

    embedded: int = 0
    unchanged: int = 0
    removed: int = 0


@dataclass(frozen=True, slots=True)
class _Product:
    store_id: str
    product_id: UUID
    name: str
    text: str
    content_hash: str
    stored_hash: str | None

    @classmethod
    def from_row(cls, row: asyncpg.Record) -> _Product:
        text = product_text(row["product_name"], row["category_name"], row["brand"], row["product_description"])
        return cls(
            store_id=row["store_id"],
            product_id=row["product_id"],
            name=row["product_name"],
            text=text,
            content_hash=content_hash(text),
            stored_hash=row["stored_hash"],
        )

    @property
    def position(self) -> tuple[str, str, UUID]:
        """Where the product stands in the order of pages."""
        return self.name, self.store_id, self.product_id

    @property
    def is_stale(self) -> bool:
        return self.content_hash != self.stored_hash


async def embed_products(
    admin_dsn: str,
    embedder: Embedder,
    *,
    store_id: str | None = None,
    batch_size: int = 2_000,
    report: Callable[[EmbedReport], None] | None = None,
) -> EmbedReport:
    """Embed the active products whose vector of the embedder's model is missing or out of date.

    Reads, embeds and writes one batch after the other, so memory stays flat, no connection is held
    while the provider works, and a run that stopped continues where it was. A product that changes
    meanwhile is left for the next run. Vectors of other models are left alone; those of discontinued
    products are removed.

    Args:
        admin_dsn: Database URL of a superuser or a role with BYPASSRLS.
        embedder: Makes the vectors; stays open.
        store_id: The store to embed; None for all.
        batch_size: Products per batch.
        report: Called after every batch with the sums so far.

    Raises:
        ConfigurationError: The role is bound by row level security.
        EmbeddingUnavailableError: The provider failed; finished batches stay.
    """
    async with asyncpg.create_pool(
        admin_dsn,
        min_size=0,
        max_size=1,
        init=register_vector,
        # A role that the policies bind gets an error instead of an empty catalogue.
        server_settings={"application_name": "retail-mcp embed", "row_security": "off"},
    ) as pool:
        try:
            return await _run(pool, embedder, store_id, batch_size, report)
        except asyncpg.InsufficientPrivilegeError as error:
            raise ConfigurationError(
                "Embedding products needs a superuser or a role with BYPASSRLS; check RETAIL_ADMIN_DATABASE_URL."
            ) from error


async def _run(
    pool: asyncpg.Pool,
    embedder: Embedder,
    store_id: str | None,
    batch_size: int,
    report: Callable[[EmbedReport], None] | None,
) -> EmbedReport:
    totals = EmbedReport(removed=await pool.fetchval(REMOVE, embedder.model, store_id))
    vectors: Mapping[str, Vector] = {}
    last: tuple[str, str, UUID] = ("", "", UUID(int=0))
    while page := await _products(pool, PAGE, embedder, store_id, *last, batch_size):
        last = page[-1].position
        stale = [product for product in page if product.is_stale]
        try:
            vectors = await _embed(embedder, stale, vectors)
        except EmbeddingUnavailableError as error:
            raise EmbeddingUnavailableError(
                f"{error} {totals.embedded} products were embedded before that; the same command does the rest."
            ) from error
        totals = replace(
            totals,
            embedded=totals.embedded + await _write(pool, embedder, stale, vectors),
            unchanged=totals.unchanged + len(page) - len(stale),
        )
        if report is not None:
            report(totals)
    return totals


async def _products(
    database: asyncpg.Pool | asyncpg.Connection, query: str, embedder: Embedder, *arguments: object
) -> list[_Product]:
    rows = await database.fetch(query, embedder.model, embedder.dimensions, DESCRIPTION_CHARACTERS, *arguments)
    return [_Product.from_row(row) for row in rows]


async def _embed(embedder: Embedder, products: Iterable[_Product], known: Mapping[str, Vector]) -> Mapping[str, Vector]:
    """Vectors by content hash, each text embedded once.

    The vectors of the batch before serve again, because an article of many stores may span both.
    Stored vectors do not: each store can write its own, and could mislead the search of another.
    """
    texts = {product.content_hash: product.text for product in products}
    missing = [digest for digest in texts if digest not in known]
    fresh = zip(missing, await embedder.embed([texts[digest] for digest in missing]), strict=True)
    return {digest: vector for digest, vector in chain(known.items(), fresh) if digest in texts}


async def _write(
    pool: asyncpg.Pool, embedder: Embedder, products: Sequence[_Product], vectors: Mapping[str, Vector]
) -> int:
    """Store the vectors of those products that are still as they were read; the next run gets the others."""
    if not products:
        return 0
    async with pool.acquire() as connection, connection.transaction():
        stores, ids = [p.store_id for p in products], [p.product_id for p in products]
        same = set(await _products(connection, SAME_PRODUCTS, embedder, stores, ids))
        rows = [
            (
                p.store_id,
                p.product_id,
                p.text,
                vectors[p.content_hash],
                embedder.model,
                embedder.dimensions,
                p.content_hash,
            )
            for p in products
            if p in same
        ]
        await connection.executemany(STORE, rows)
    return len(rows)
