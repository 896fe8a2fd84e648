"""Fixtures of the monitoring tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.cluster import Cluster
from tests.support import Retailer
from tests.transport.shop import open_store


@pytest.fixture(scope="session")
async def watched(cluster: Cluster, template: str) -> AsyncIterator[Retailer]:
    """Two stores whose tests only read."""
    async with cluster.temporary_database(template) as name:
        retailer = Retailer(cluster.admin_url(name), cluster.app_url(name))
        await open_store(retailer, "seattle", units=3)
        await open_store(retailer, "redmond", units=5)
        yield retailer
