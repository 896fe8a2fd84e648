"""Command line: `python -m seed` loads the demo data, `python -m seed embed` makes embeddings."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Annotated, TypeVar

from cyclopts import App, Parameter

from seed.console import embed_with_progress, load_with_progress
from seed.demo import DemoOptions
from seed.imports.cli import app as imports_app
from seed.options import latest_as_of
from server.cli.running import run
from server.config import Settings, load_settings
from server.deployment import Deployment, open_deployment, prepare_embedded
from server.embeddings import build_embedder

Answer = TypeVar("Answer")

app = App(name="seed", help="Fill the retail database with believable demo data.")
app.command(imports_app, name="import")


@app.default
def demo(
    *,
    stores: int = DemoOptions.stores,
    customers: int = DemoOptions.customers,
    products: int = DemoOptions.products,
    transactions: int = DemoOptions.transactions,
    days: int = DemoOptions.days,
    random_seed: int = DemoOptions.random_seed,
    as_of: date | None = None,
    reset: Annotated[bool, Parameter(negative=())] = False,
    embed: bool = True,
) -> None:
    """Load stores, customers, products and a sales history into the configured database.

    Args:
        stores: Number of stores; the first four are the demo's own.
        customers: Customer records over all stores.
        products: Distinct SKUs, each sold by one to four stores.
        transactions: Receipts over all stores.
        days: Length of the sales history; it ends the day before --as-of.
        random_seed: Another seed gives other data of the same shape.
        as_of: Date on which the data is up to date; today when not given.
        reset: Remove existing retail data first. Stores and identities stay.
        embed: Make the embeddings of the products afterwards.
    """
    options = DemoOptions(
        stores=stores,
        customers=customers,
        products=products,
        transactions=transactions,
        days=days,
        random_seed=random_seed,
        as_of=as_of or latest_as_of(),
    )

    async def load(admin_url: str, settings: Settings) -> None:
        await load_with_progress(admin_url, options, reset=reset)
        if embed:
            await _embed(admin_url, settings, store=None)

    _with_database(load)


@app.command(name="embed")
def embed_command(*, store: str | None = None) -> None:
    """Make missing and stale embeddings with the configured model; what is current stays.

    Args:
        store: Only this store.
    """

    async def work(admin_url: str, settings: Settings) -> None:
        await _embed(admin_url, settings, store)

    _with_database(work)


async def _embed(admin_url: str, settings: Settings, store: str | None) -> None:
    embedder = build_embedder(settings)
    try:
        await embed_with_progress(admin_url, embedder, store_id=store)
    finally:
        await embedder.close()


def _with_database(work: Callable[[str, Settings], Awaitable[Answer]]) -> Answer:
    settings = load_settings()
    with open_deployment(settings) as deployment:
        return asyncio.run(_prepared(deployment, settings, work))


async def _prepared(
    deployment: Deployment, settings: Settings, work: Callable[[str, Settings], Awaitable[Answer]]
) -> Answer:
    if deployment.embedded:
        await prepare_embedded(deployment)
    return await work(deployment.require_admin_url(), settings)


if __name__ == "__main__":
    run(app)
