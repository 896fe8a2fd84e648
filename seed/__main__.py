"""Command line: `retail-mcp-seed` loads the demo data. It has `import` and `embed` of the server's, too."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from cyclopts import App, Parameter

from seed.options import DemoOptions, latest_as_of
from server.config import Settings
from server.console.numbers import whole
from server.console.running import run
from server.embeddings import build_embedder
from server.embeddings.command import embed_command, embed_with_progress
from server.imports.command import app as imports_app
from server.operations.command import with_database, with_embed_database

app = App(name="retail-mcp-seed", help="Fill the retail database with believable demo data.")
app.command(imports_app, name="import")
app.command(embed_command(with_embed_database), name="embed")


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
            embedder = build_embedder(settings)
            try:
                await embed_with_progress(admin_url, embedder)
            finally:
                await embedder.close()

    with_database(load)


def main() -> None:
    """Entry point of the console script."""
    run(app)


if __name__ == "__main__":
    main()
