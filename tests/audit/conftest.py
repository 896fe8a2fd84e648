"""Fixtures of the audit tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.cluster import Cluster
from tests.support import Retailer
from tests.transport.shop import open_store


@pytest.fixture(scope="session")
async def shop_template(cluster: Cluster, template: str) -> AsyncIterator[str]:
    """Name of a database with two stores, to make others from."""
    async with cluster.temporary_database(template) as name:
        retailer = Retailer(cluster.admin_url(name), cluster.app_url(name))
        await open_store(retailer, "seattle", units=3)
        await open_store(retailer, "redmond", units=5)
        yield name


@pytest.fixture
async def shop(cluster: Cluster, shop_template: str) -> AsyncIterator[Retailer]:
    """Two stores of the test's own, whose audit log has seen no tool call yet."""
    async with cluster.temporary_database(shop_template) as name:
        yield Retailer(cluster.admin_url(name), cluster.app_url(name))
