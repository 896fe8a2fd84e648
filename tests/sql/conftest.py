"""Fixtures of the database tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from server.db.migrate import migrate
from server.operations.admin.keys import install_key
from tests.cluster import Cluster
from tests.sql.acting import StoresTemplate, TwoStores, connected, retailer_on, stores_template
from tests.support import CONTEXT_KEY, Retailer


@pytest.fixture(scope="session")
async def stores(cluster: Cluster, template: str) -> AsyncIterator[StoresTemplate]:
    """Two filled stores, to make databases from."""
    async with stores_template(cluster, template) as stores:
        yield stores


@pytest.fixture(scope="session")
async def two_stores(stores: StoresTemplate) -> AsyncIterator[TwoStores]:
    """Two filled stores that all tests share: what a test writes, it rolls back."""
    async with stores.copy() as world:
        yield world


@pytest.fixture(scope="module")
async def mcp(two_stores: TwoStores) -> AsyncIterator[Any]:
    """A connection to the shared stores as the server's login."""
    async with connected(two_stores.retailer.app_url) as connection:
        yield connection


@pytest.fixture(scope="module")
async def operator(two_stores: TwoStores) -> AsyncIterator[Any]:
    """A connection to the shared stores as the superuser."""
    async with connected(two_stores.retailer.admin_url) as connection:
        yield connection


@pytest.fixture
async def own_stores(stores: StoresTemplate) -> AsyncIterator[TwoStores]:
    """Two filled stores of the test's own, to change as it likes."""
    async with stores.copy() as world:
        yield world


@pytest.fixture
async def admin(retailer: Retailer) -> AsyncIterator[Any]:
    """A connection to the test's own empty database as the superuser."""
    async with connected(retailer.admin_url) as connection:
        yield connection


@pytest.fixture(scope="session")
async def migrated(cluster: Cluster) -> AsyncIterator[Retailer]:
    """A database that was migrated itself: a copy of a template would lack the grants on the database."""
    async with cluster.temporary_database() as name:
        retailer = retailer_on(cluster, name)
        async with connected(retailer.admin_url) as connection:
            await migrate(connection)
            await install_key(connection, CONTEXT_KEY)
        yield retailer


@pytest.fixture(scope="module")
async def catalogue(migrated: Retailer) -> Any:
    """A superuser's connection to a database that was migrated."""
    async with connected(migrated.admin_url) as connection:
        yield connection
