"""Fixtures of the tool tests: clients that stay open, and the reference of the demo stores."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from fastmcp import Client

from seed.demo import DemoOptions, load_demo
from server.db.operator import admin_connection
from tests.cluster import Cluster
from tests.support import DEMO_AS_OF, Retailer
from tests.tools.asking import Callers
from tests.tools.neighbours import Neighbours, open_neighbours
from tests.tools.reference.rows import StoreData, load
from tests.tools.shop import Shop

SEEDS = (7, 11, 2024)
Seeded = dict[int, tuple[Client[Any], StoreData]]
DEMO_STORES = ("seattle", "redmond", "bellevue", "online")


@pytest.fixture(scope="session")
async def demo_as(demo: Retailer) -> AsyncIterator[Callers]:
    """Clients of the demo retailer: `await demo_as("seattle", role="support")`."""
    async with AsyncExitStack() as stack:
        yield Callers(demo, stack)


@pytest.fixture(scope="session")
async def demo_data(demo: Retailer) -> dict[str, StoreData]:
    """The raw rows of every demo store."""
    return {store_id: await load(demo, store_id) for store_id in DEMO_STORES}


@pytest.fixture(scope="session")
async def years(cluster: Cluster, template: str) -> AsyncIterator[Retailer]:
    """One demo store with sales from 20 February 2024 on, so that years and a leap day can be compared."""
    async with cluster.temporary_database(template) as name:
        retailer = Retailer(cluster.admin_url(name), cluster.app_url(name))
        options = DemoOptions(stores=1, customers=100, products=60, transactions=2_000, days=1_005, as_of=DEMO_AS_OF)
        await load_demo(retailer.admin_url, options)
        yield retailer


@pytest.fixture(scope="session")
async def years_client(years: Retailer) -> AsyncIterator[Client[Any]]:
    """The manager of that store."""
    async with years.client("seattle") as client:
        yield client


@pytest.fixture(scope="session")
async def years_data(years: Retailer) -> StoreData:
    """The raw rows of that store."""
    return await load(years, "seattle")


@pytest.fixture(scope="session")
async def seeded(
    cluster: Cluster, template: str, years_client: Client[Any], years_data: StoreData
) -> AsyncIterator[Seeded]:
    """The store of `years`, and two others of that length with other random seeds."""
    found: Seeded = {SEEDS[0]: (years_client, years_data)}
    async with AsyncExitStack() as stack:
        for seed in SEEDS[1:]:
            name = await stack.enter_async_context(cluster.temporary_database(template))
            retailer = Retailer(cluster.admin_url(name), cluster.app_url(name))
            options = DemoOptions(
                stores=1, customers=80, products=40, transactions=1_200, days=1_005, random_seed=seed, as_of=DEMO_AS_OF
            )
            await load_demo(retailer.admin_url, options)
            client = await stack.enter_async_context(retailer.client("seattle"))
            found[seed] = client, await load(retailer, "seattle")
        yield found


@pytest.fixture(scope="session")
async def recent(cluster: Cluster, template: str) -> AsyncIterator[Retailer]:
    """The demo retailer with sales up to yesterday, for answers about the last days."""
    async with cluster.temporary_database(template) as name:
        retailer = Retailer(cluster.admin_url(name), cluster.app_url(name))
        await load_demo(retailer.admin_url, DemoOptions())
        yield retailer


@pytest.fixture(scope="session")
async def recent_as(recent: Retailer) -> AsyncIterator[Callers]:
    """Clients of that retailer."""
    async with AsyncExitStack() as stack:
        yield Callers(recent, stack)


@pytest.fixture(scope="session")
async def recent_data(recent: Retailer) -> dict[str, StoreData]:
    """The raw rows of two of its stores."""
    return {store_id: await load(recent, store_id) for store_id in ("seattle", "online")}


@pytest.fixture(scope="session")
async def neighbours(cluster: Cluster, template: str) -> AsyncIterator[Neighbours]:
    """Seattle and Redmond with the same shape; everything that Redmond has says do-not-leak."""
    async with cluster.temporary_database(template) as name, AsyncExitStack() as stack:
        retailer = Retailer(cluster.admin_url(name), cluster.app_url(name))
        yield await open_neighbours(retailer, Callers(retailer, stack))


@pytest.fixture
async def shop(retailer: Retailer) -> AsyncIterator[Shop]:
    """The empty store seattle, to be filled by hand."""
    async with admin_connection(retailer.admin_url) as connection:
        yield await Shop.open(retailer, connection)
