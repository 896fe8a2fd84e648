"""Fixtures: stores whose ranges are large enough to be told from a demo, with real vectors made offline."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import numpy as np
import pytest

from server.config import Settings
from server.db.operator import admin_connection
from server.embeddings import build_embedder
from server.embeddings.all_stores import embed_products
from tests.cluster import Cluster
from tests.sql.factories import insert_store
from tests.support import Retailer

EMBEDDER = build_embedder(Settings(_env_file=None))
LARGE, SMALL = "seattle", "redmond"
_KINDS = (
    "hammer", "garden hose", "paint brush", "desk lamp", "kettle", "running shoe", "rain jacket", "tent", "yoga mat",
    "head phone", "phone charger", "picture book", "board game", "shampoo", "hand soap", "wiper blade", "car battery",
    "bicycle helmet", "kitchen knife", "frying pan", "office chair", "wall shelf", "screw driver", "extension cord",
    "junction box", "flower pot", "lawn mower", "pillow", "bath towel", "coffee mug",
)  # fmt: skip
_TRAITS = ("red", "steel", "folding", "waterproof", "cordless", "small", "heavy duty", "child size", "bamboo", "silent")
_USES = ("for the workshop", "for travel", "for winter", "for the balcony", "as a gift")
NAMES = tuple(f"{trait} {kind} {use}" for kind in _KINDS for trait in _TRAITS for use in _USES)
WISHES = tuple(f"{trait} {kind} to have" for kind in _KINDS[::3] for trait in _TRAITS[::5])


@dataclass(frozen=True)
class Stores:
    """A retailer with a large store and a small one that sells every fifth of the same articles."""

    retailer: Retailer

    async def vectors(self, store_id: str) -> dict[UUID, np.ndarray[Any, Any]]:
        """Every vector of a store, as its owner reads them."""
        rows = await self.retailer.fetch(
            "select product_id, embedding::text from retail.product_embeddings where store_id = $1", store_id
        )
        return {row["product_id"]: np.array(row["embedding"].strip("[]").split(","), np.float64) for row in rows}

    async def scans(self) -> dict[str, int]:
        """How often each vector index was asked, as far as backends have told."""
        rows = await self.retailer.fetch(
            "select indexrelname, idx_scan from pg_stat_user_indexes where indexrelname ~ '^nearest_'"
        )
        return {row["indexrelname"]: row["idx_scan"] for row in rows}


@asynccontextmanager
async def open_stores(cluster: Cluster, template: str) -> AsyncIterator[Stores]:
    """Both stores, embedded, without an index."""
    async with cluster.temporary_database(template) as name:
        retailer = Retailer(cluster.admin_url(name), cluster.app_url(name))
        async with admin_connection(retailer.admin_url) as connection:
            for store_id, names in ((LARGE, NAMES), (SMALL, NAMES[::5])):
                await insert_store(connection, store_id)
                await connection.execute(
                    "insert into retail.products (store_id, sku, product_name, price)"
                    " select $1, 'P-' || n, name, 1 + n % 50 from unnest($2::text[]) with ordinality t (name, n)",
                    store_id,
                    list(names),
                )
        await embed_products(retailer.admin_url, EMBEDDER)
        # What autovacuum does within a minute.
        await retailer.execute("analyze")
        yield Stores(retailer)


@pytest.fixture(scope="session")
async def stores_template(cluster: Cluster, template: str) -> AsyncIterator[Stores]:
    """Both stores, to be copied: nobody may be connected."""
    async with open_stores(cluster, template) as stores:
        yield stores


@pytest.fixture
async def stores(cluster: Cluster, stores_template: Stores) -> AsyncIterator[Stores]:
    """Both stores of the test's own, without an index."""
    source = urlsplit(stores_template.retailer.admin_url).path.lstrip("/")
    async with cluster.temporary_database(source) as name:
        yield Stores(Retailer(cluster.admin_url(name), cluster.app_url(name)))
