"""Fixtures of the transport tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.cluster import Cluster
from tests.support import Retailer
from tests.transport.serving import Served, serving
from tests.transport.shop import open_store


@pytest.fixture(scope="session")
async def two_stores(cluster: Cluster, template: str) -> AsyncIterator[Retailer]:
    """Two stores that tests share and only read; new tokens are no change."""
    async with cluster.temporary_database(template) as database:
        retailer = Retailer(cluster.admin_url(database), cluster.app_url(database))
        await open_store(retailer, "seattle", units=3)
        await open_store(retailer, "redmond", units=5)
        yield retailer


@pytest.fixture(scope="session")
async def http(two_stores: Retailer) -> AsyncIterator[Served]:
    """Those stores over HTTP."""
    async with serving(two_stores) as served:
        yield served


@pytest.fixture
async def seattle(two_stores: Retailer) -> str:
    """A token for Seattle."""
    return await two_stores.token("seattle")


@pytest.fixture
async def both(two_stores: Retailer) -> str:
    """A token for both stores."""
    return await two_stores.token("seattle", "redmond")
