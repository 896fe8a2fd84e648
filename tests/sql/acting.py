"""Ways to act on a database: as the server's login, inside a store, as an owner, or as a login of the test's own."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, get_args
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from pydantic import BaseModel, TypeAdapter

from server.calls.principal import Role
from server.db.operator import admin_connection
from server.db.queries import Query
from server.tenancy.context_token import ContextSigner
from tests.cluster import Cluster
from tests.pgbouncer import is_pooled
from tests.sql.factories import StoreRows, fill_store, insert_category, insert_principal
from tests.support import CONTEXT_KEY, Retailer

SIGNER = ContextSigner(CONTEXT_KEY)
ROLES: tuple[Role, ...] = get_args(Role)
REFUSED = "42501"


class OneStore(BaseModel):
    """Row of a query that answers with store ids."""

    store_id: str


@dataclass(frozen=True)
class TwoStores:
    """A retailer with the stores seattle and redmond, alike in everything but their keys.

    Attributes:
        principals: Ids by role and store; each principal has one role in one store.
    """

    retailer: Retailer
    seattle: StoreRows
    redmond: StoreRows
    principals: dict[tuple[Role, str], int]

    def rows(self, store_id: str) -> StoreRows:
        """Keys of a store's rows."""
        return {"seattle": self.seattle, "redmond": self.redmond}[store_id]

    def token(self, store_id: str = "seattle", *, role: Role = "manager") -> str:
        """A request token of the principal that has this role in this store."""
        return SIGNER.sign(self.principals[role, store_id], store_id)


@dataclass(frozen=True)
class StoresTemplate:
    """A database with two stores, to make others from; nobody may be connected to it."""

    cluster: Cluster
    name: str
    stores: TwoStores

    @asynccontextmanager
    async def copy(self) -> AsyncIterator[TwoStores]:
        """A copy that exists while the block runs."""
        async with self.cluster.temporary_database(self.name) as name:
            yield replace(self.stores, retailer=retailer_on(self.cluster, name))


@asynccontextmanager
async def stores_template(cluster: Cluster, template: str) -> AsyncIterator[StoresTemplate]:
    """Fill a copy of the empty schema with two stores."""
    async with cluster.temporary_database(template) as name:
        yield StoresTemplate(cluster, name, await two_filled_stores(retailer_on(cluster, name)))


async def two_filled_stores(retailer: Retailer) -> TwoStores:
    """Fill an empty schema with two stores."""
    async with connected(retailer.admin_url) as connection:
        await insert_category(connection, "Tools")
        seattle = await fill_store(connection, "seattle")
        redmond = await fill_store(connection, "redmond")
        principals = {
            (role, store_id): await insert_principal(connection, f"{role} of {store_id}", {store_id: role})
            for role in ROLES
            for store_id in ("seattle", "redmond")
        }
    return TwoStores(retailer, seattle, redmond, principals)


def retailer_on(cluster: Cluster, name: str) -> Retailer:
    """The retailer on one of the cluster's databases."""
    return Retailer(cluster.admin_url(name), cluster.app_url(name))


@asynccontextmanager
async def connected(url: str, **options: Any) -> AsyncIterator[Any]:
    """A connection whose errors are the driver's own."""
    if is_pooled(url):
        options = {"statement_cache_size": 0} | options
    connection = await asyncpg.connect(url, **options)
    try:
        yield connection
    finally:
        await connection.close(timeout=5)


@asynccontextmanager
async def rolled_back(connection: Any, *, readonly: bool = False) -> AsyncIterator[Any]:
    """A transaction that leaves nothing behind."""
    transaction = connection.transaction(readonly=readonly)
    await transaction.start()
    try:
        yield connection
    finally:
        await transaction.rollback()


@asynccontextmanager
async def inside(
    connection: Any, world: TwoStores, store_id: str = "seattle", *, role: Role = "manager", readonly: bool = False
) -> AsyncIterator[Any]:
    """A transaction in one store's context that leaves nothing behind."""
    async with rolled_back(connection, readonly=readonly):
        await enter(connection, world.token(store_id, role=role))
        yield connection


async def enter(connection: Any, token: str) -> Any:
    """Set the store context of the current transaction."""
    return await connection.fetchrow("select * from retail.set_store_context($1)", token)


def query(sql: str) -> Query[OneStore]:
    """SQL in the form in which the server's own connection runs it."""
    return Query("from a test", sql, OneStore, TypeAdapter(list[OneStore]))


@asynccontextmanager
async def temporary_login(cluster: Cluster, retailer: Retailer, attributes: str = "") -> AsyncIterator[str]:
    """A login role of the cluster that exists while the block runs; yields its URL for the retailer's database."""
    name = f"retail_test_{secrets.token_hex(6)}"
    password = "" if cluster.password is None else f"password '{cluster.password}'"
    await retailer.execute(
        f"create role {name} login {password} {attributes}; grant retail_builtins to {name} with inherit true"
    )
    try:
        parts = urlsplit(retailer.app_url)
        yield urlunsplit(parts._replace(netloc=parts.netloc.replace("mcp_user", name, 1)))
    finally:
        async with admin_connection(retailer.admin_url) as connection:
            await connection.execute(f"drop owned by {name}")
            await connection.execute(f"drop role {name}")


def login_name(url: str) -> str:
    """The role that a URL logs in as."""
    name = urlsplit(url).username
    assert name is not None
    return name
