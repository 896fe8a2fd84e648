"""Fixtures of the fault tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastmcp import Client

from tests.cluster import Cluster
from tests.support import Retailer
from tests.transport.shop import open_store


@pytest.fixture(scope="session")
async def shop(cluster: Cluster, template: str) -> AsyncIterator[Retailer]:
    """Two stores that tests share and only read."""
    async with cluster.temporary_database(template) as database:
        retailer = Retailer(cluster.admin_url(database), cluster.app_url(database))
        await open_store(retailer, "seattle", units=3)
        await open_store(retailer, "redmond", units=5)
        yield retailer


@pytest.fixture(scope="session")
async def manager(shop: Retailer) -> AsyncIterator[Client[Any]]:
    """A client of Seattle's manager; whatever one test does to it, the next call of another one must work."""
    async with shop.client("seattle") as client:
        yield client


@pytest.fixture(scope="session")
async def auditor(shop: Retailer) -> AsyncIterator[Client[Any]]:
    """The same for Seattle's auditor."""
    async with shop.client("seattle", role="auditor") as client:
        yield client


@pytest.fixture
async def seattle(retailer: Retailer) -> Retailer:
    """A store of the test's own, to break things in."""
    await open_store(retailer, "seattle")
    return retailer
