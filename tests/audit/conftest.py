"""Fixtures of the audit tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.audit.seals import sealed
from tests.cluster import Cluster
from tests.sql.acting import retailer_on
from tests.support import Retailer, answer
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


@pytest.fixture(scope="module")
async def history_template(cluster: Cluster, shop_template: str) -> AsyncIterator[str]:
    """Name of a database with entries in each log, all of them under two seals or more."""
    async with cluster.temporary_database(shop_template) as name:
        shop = retailer_on(cluster, name)
        async with shop.client("seattle") as client:
            for limit in range(1, 6):
                await answer(client, "list_transactions", limit=limit)
        await shop.execute("""select audit.record_operation('maintenance', 'seattle', '{"rows": 1}')""")
        await sealed(shop)
        await shop.execute("update retail.products set price = 11 where store_id = 'seattle'")
        await shop.execute("select audit.record_operation('maintenance', null, null)")
        await sealed(shop)
        yield name


@pytest.fixture
async def history(cluster: Cluster, history_template: str) -> AsyncIterator[Retailer]:
    """A copy of that of the test's own."""
    async with cluster.temporary_database(history_template) as name:
        yield retailer_on(cluster, name)
