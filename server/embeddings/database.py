"""What the job may do in the database: read product texts, write embeddings, one store at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from server.db.connection import NO_CONTEXT, translated_errors
from server.db.driver import InsufficientPrivilegeError, ObjectNotInPrerequisiteStateError, as_vectors, register_vectors
from server.db.queries import QueryFile
from server.db.urls import connect
from server.embeddings.base import Embedder, Vector
from server.embeddings.models import ModelInUse
from server.errors import ConfigurationError, DatabaseError, NotFoundError

_QUERIES = QueryFile("server.embeddings", "database.sql")
_STORES = _QUERIES.statement("stores_to_embed")
_ENTER = _QUERIES.statement("enter_to_embed")
_PRODUCTS = _QUERIES.statement("products_to_embed")
_SAVE = _QUERIES.statement("save_embeddings")
_DROP = _QUERIES.statement("drop_embeddings")
_DROP_OTHERS = _QUERIES.statement("drop_other_embeddings")
_STATE = _QUERIES.statement("embedding_state")
_IN_USE = _QUERIES.statement("embedding_in_use")
_USE = _QUERIES.statement("use_embeddings")
_LOCK_STORE = _QUERIES.statement("lock_store")
_RELEASE = _QUERIES.statement("release_lock")
_BACKEND = _QUERIES.statement("backend")
_BYPASSES = _QUERIES.statement("bypasses_policies")

SETTING = "RETAIL_EMBED_DATABASE_URL"
_EITHER_SETTING = f"{SETTING} or RETAIL_ADMIN_DATABASE_URL"
_WRONG_LOGIN = (
    "This database login may not embed products. Use mcp_embed in RETAIL_EMBED_DATABASE_URL, or in "
    "RETAIL_ADMIN_DATABASE_URL a superuser or the role that ran the migrations."
)
# Undefined function, schema.
_OLD_SCHEMA = frozenset({"42883", "3F000"})
# Beyond the longest statement that sql/0010 lets mcp_embed run.
_COMMAND_SECONDS = 70.0


@dataclass(frozen=True, slots=True)
class Outdated:
    """A product whose vector is missing or of an older text."""

    product_id: UUID
    text: str
    content_hash: str


@dataclass(frozen=True, slots=True)
class StoreState:
    """How far a store's vectors of one model are.

    Attributes:
        store_id: The store.
        products: Active products.
        missing: How many of them have no vector of the model.
        outdated: How many have one of an older text.
        in_use: The model that the store is searched with; None before the first is complete.
    """

    store_id: str
    products: int
    missing: int
    outdated: int
    in_use: ModelInUse | None


class StoreVectors:
    """One store, entered for one transaction."""

    def __init__(self, connection: Any, store_id: str) -> None:
        self._connection = connection
        self.store_id = store_id

    async def outdated(self, embedder: Embedder, after: UUID | None, most: int) -> list[Outdated]:
        """Products to embed, in the order of ids, from the first after `after` on."""
        rows = await self._connection.fetch(_PRODUCTS, embedder.model, embedder.dimensions, after, most)
        return [Outdated(*row) for row in rows]

    async def save(self, embedder: Embedder, products: Sequence[Outdated], vectors: Sequence[Vector]) -> int:
        """Store vectors of products that are still as they were read; returns how many those were."""
        # Wrapped: the driver would take an array of arrays for one of two dimensions.
        ids, hashes = [product.product_id for product in products], [product.content_hash for product in products]
        saved: int = await self._connection.fetchval(
            _SAVE, embedder.model, embedder.dimensions, ids, hashes, as_vectors(vectors)
        )
        return saved

    async def drop_discontinued(self, embedder: Embedder) -> int:
        """Remove this model's vectors of products that are no longer sold; returns how many."""
        dropped: int = await self._connection.fetchval(_DROP, embedder.model)
        return dropped

    async def drop_others(self) -> int:
        """Remove vectors of all models but the one in use; returns how many."""
        dropped: int = await self._connection.fetchval(_DROP_OTHERS)
        return dropped

    async def use(self, embedder: Embedder) -> bool:
        """Search the store with this model from now on if no vector is missing; True when that is new."""
        changed: bool = await self._connection.fetchval(_USE, embedder.model, embedder.dimensions)
        return changed

    async def in_use(self) -> ModelInUse | None:
        """The model that the store is searched with."""
        row = await self._connection.fetchrow(_IN_USE)
        return ModelInUse(row["model"], row["dimensions"]) if row["model"] else None

    async def state(self, model: ModelInUse) -> StoreState:
        """How far the vectors of a model are."""
        row = await self._connection.fetchrow(_STATE, model.model, model.dimensions)
        return StoreState(self.store_id, row["products"], row["missing"], row["outdated"], in_use=await self.in_use())


class VectorDatabase:
    """A connection of the job's own: idle, and in no transaction, while a provider works."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def store_ids(self) -> list[str]:
        """Open stores, in order."""
        with _job_errors():
            return [row["store_id"] for row in await self._connection.fetch(_STORES)]

    async def is_pooled(self) -> bool:
        """Whether the session is another one than the connection was told of: a pooler is in between."""
        with _job_errors():
            process: int = await self._connection.fetchval(_BACKEND)
        told: int = self._connection.get_server_pid()
        return process != told

    async def bypasses_policies(self) -> bool:
        """Whether the login is one that row level security does not hold."""
        with _job_errors():
            bypasses: bool = await self._connection.fetchval(_BYPASSES)
        return bypasses

    @asynccontextmanager
    async def inside(self, store_id: str) -> AsyncIterator[StoreVectors]:
        """Enter a store for one transaction.

        Raises:
            NotFoundError: There is no such store.
            ConfigurationError: The login may not, or the database has no signing key.
            DatabaseUnavailableError: The connection broke.
        """
        with _job_errors():
            async with self._connection.transaction():
                with _refusals(store_id):
                    await self._connection.execute(_ENTER, store_id)
                yield StoreVectors(self._connection, store_id)

    @asynccontextmanager
    async def lock_store(self, store_id: str, model: str) -> AsyncIterator[bool]:
        """Keep others from embedding the same while the block runs; False when somebody else is at it."""
        with _job_errors():
            is_locked: bool = await self._connection.fetchval(_LOCK_STORE, store_id, model)
        try:
            yield is_locked
        finally:
            if is_locked and not self._connection.is_closed():
                with _job_errors():
                    await self._connection.execute(_RELEASE, store_id, model)


@asynccontextmanager
async def vector_database(dsn: str, setting: str = _EITHER_SETTING) -> AsyncIterator[VectorDatabase]:
    """Connect as mcp_embed, or as an operator with at least its rights.

    Args:
        dsn: URL of the database.
        setting: Variable that it came from, for the error that names it.

    Raises:
        ConfigurationError: The database cannot be reached, or has no schema of ours.
    """
    connection = await connect(dsn, setting, application_name="retail-mcp embed", command_timeout=_COMMAND_SECONDS)
    try:
        try:
            await register_vectors(connection)
        except ValueError:
            raise ConfigurationError("The database has no schema of ours yet. Run: retail-mcp migrate") from None
        except InsufficientPrivilegeError:
            raise ConfigurationError(_WRONG_LOGIN) from None
        yield VectorDatabase(connection)
    finally:
        await connection.close(timeout=5)


@contextmanager
def _job_errors() -> Iterator[None]:
    try:
        with translated_errors("embedding job"):
            yield
    except DatabaseError as error:
        if error.sqlstate == NO_CONTEXT:
            raise ConfigurationError(_WRONG_LOGIN) from None
        if error.sqlstate in _OLD_SCHEMA:
            raise ConfigurationError("The database schema is not current. Run: retail-mcp migrate") from None
        raise


@contextmanager
def _refusals(store_id: str) -> Iterator[None]:
    try:
        yield
    except InsufficientPrivilegeError as error:
        if "store context refused" in str(error):
            raise NotFoundError(f"There is no store {store_id}.") from None
        raise
    except ObjectNotInPrerequisiteStateError:
        raise ConfigurationError(
            "The database has no key to sign store contexts with. Run: retail-mcp key install"
        ) from None
