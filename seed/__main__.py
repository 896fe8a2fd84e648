"""Command line: `retail-mcp-seed` loads the demo data, `retail-mcp-seed embed` makes embeddings."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Annotated, TypeVar

from cyclopts import App, Parameter

from seed.console import embed_with_progress
from seed.embed import EmbedOptions
from seed.imports.cli import app as imports_app
from seed.options import DemoOptions, latest_as_of
from server.cli.numbers import whole
from server.cli.running import run
from server.config import Settings, load_settings
from server.deployment import Deployment, open_deployment, prepare_embedded
from server.embeddings import build_embedder

Answer = TypeVar("Answer")

app = App(name="retail-mcp-seed", help="Fill the retail database with believable demo data.")
app.command(imports_app, name="import")


@app.default
def demo(
    *,
    stores: Annotated[int, whole()] = DemoOptions.stores,
    customers: Annotated[int, whole()] = DemoOptions.customers,
    products: Annotated[int, whole()] = DemoOptions.products,
    transactions: Annotated[int, whole()] = DemoOptions.transactions,
    days: Annotated[int, whole()] = DemoOptions.days,
    random_seed: Annotated[int, whole()] = DemoOptions.random_seed,
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
        # Imported here: the other commands of this program need no generator, which takes long to import.
        from seed.loading import load_with_progress

        await load_with_progress(admin_url, options, reset=reset)
        if embed:
            await _embed(admin_url, settings, store=None)

    _with_database(load)


@app.command(name="embed")
def embed_command(
    *,
    model: str | None = None,
    store: str | None = None,
    concurrency: Annotated[int, whole(gte=1, lte=32)] = 1,
    max_texts: Annotated[int | None, whole(gte=0)] = None,
    max_tokens: Annotated[int | None, whole(gte=0)] = None,
    remove_old: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Make missing and stale embeddings; what is current stays, so a run that was stopped goes on where it was.

    A store stays searchable with the model that it has until every product has a vector of the new one.

    Args:
        model: MODEL or MODEL@DIMENSIONS; wordllama is the local one. The settings' model when not given.
        store: Only this store.
        concurrency: Requests to the provider at a time.
        max_texts: Stop after so many texts were sent to the provider.
        max_tokens: Stop after so many tokens, by estimate.
        remove_old: Afterwards remove the embeddings of models that stores are no longer searched with.
    """
    options = EmbedOptions(max_texts, max_tokens, concurrency=concurrency, remove_old=remove_old)

    async def work(admin_url: str, settings: Settings) -> None:
        await _embed(admin_url, settings, store, model, options)

    _with_database(work, url=_embed_url)


async def _embed(
    url: str, settings: Settings, store: str | None, model: str | None = None, options: EmbedOptions | None = None
) -> None:
    embedder = build_embedder(settings, model)
    try:
        await embed_with_progress(url, embedder, store_id=store, options=options)
    finally:
        await embedder.close()


def _embed_url(deployment: Deployment) -> str:
    """A login that may embed and no more, where there is one."""
    return deployment.embed_database_url or deployment.require_admin_url()


def _with_database(
    work: Callable[[str, Settings], Awaitable[Answer]],
    url: Callable[[Deployment], str] = Deployment.require_admin_url,
) -> Answer:
    settings = load_settings()
    with open_deployment(settings) as deployment:
        return asyncio.run(_prepared(deployment, settings, work, url))


async def _prepared(
    deployment: Deployment,
    settings: Settings,
    work: Callable[[str, Settings], Awaitable[Answer]],
    url: Callable[[Deployment], str],
) -> Answer:
    if deployment.embedded:
        await prepare_embedded(deployment)
    return await work(url(deployment), settings)


def main() -> None:
    """Entry point of the console script."""
    run(app)


if __name__ == "__main__":
    main()
