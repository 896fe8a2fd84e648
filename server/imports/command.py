"""The commands that import files: `import products|customers|sales FILE --store S`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from server.config import Settings
from server.console.progress import bar
from server.embeddings.command import embed_with_progress
from server.embeddings.models import Embedders
from server.errors import EmbeddingUnavailableError
from server.imports.customers.job import CustomerImport
from server.imports.job import ImportOptions, import_file
from server.imports.kind import Kind, Outcome
from server.imports.options import CommonOptions, Flag
from server.imports.products.job import ProductImport
from server.imports.report import print_line, print_report
from server.imports.sales.job import SalesImport
from server.imports.sales.merge import SalesOptions, Stock
from server.operations.command import with_database

# The command lines that have this command name the negative forms of options differently.
Embed = Annotated[bool, Parameter(negative="--no-embed")]

app = App(name="import", help="Load your own data into a store.")


@app.command
def products(file: Path, /, *, common: CommonOptions, partial: Flag = False, embed: Embed = True) -> None:
    """Load a product catalogue into one store; docs/importing.md describes the file.

    Products are recognised by their SKU: new ones are inserted, changed ones updated, those that the
    file does not name discontinued. If a row is rejected, nothing is loaded.

    Args:
        file: The catalogue: CSV, JSON or JSON lines.
        common: Options of every import.
        partial: The file is a part of the range: products that it does not name stay as they are.
        embed: Make the embeddings of the store's products afterwards; a running server makes them otherwise.
    """
    _import(file, ProductImport(partial), common.import_options(), embed=embed)


@app.command
def customers(file: Path, /, *, common: CommonOptions, missing_name: str | None = None) -> None:
    """Load customers into one store; docs/importing.md describes the file.

    Customers are recognised by their e-mail address: new ones are inserted, changed ones updated, all others
    stay as they are. If a row is rejected, nothing is loaded.

    Args:
        file: The customers: CSV, JSON or JSON lines.
        common: Options of every import.
        missing_name: Stands for a first or last name that is empty; without it such a row is rejected.
    """
    _import(file, CustomerImport(missing_name), common.import_options())


@app.command
def sales(
    file: Path,
    /,
    *,
    common: CommonOptions,
    stock: Stock = "auto",
    cost_from_catalogue: Flag = False,
    unknown_customers: Flag = False,
) -> None:
    """Load receipts with their lines into one store; docs/importing.md describes the file.

    Receipts are recognised by their number. New ones are inserted; one that is known and the same is left
    alone, one that is known and differs is rejected. If a row is rejected, nothing is loaded.

    Args:
        file: The receipts: CSV with a row per line, JSON or JSON lines.
        common: Options of every import.
        stock: Which receipts move stock: auto for those after the last count of a product, move for all,
            keep for none.
        cost_from_catalogue: Take the product's present cost for a line without one.
        unknown_customers: Enter receipts of customers whom the store does not know without a customer.
    """
    options = SalesOptions(stock, cost_from_catalogue, unknown_customers)
    _import(file, SalesImport(options), common.import_options())


def _import(file: Path, kind: Kind[Outcome], options: ImportOptions, *, embed: bool = False) -> None:
    async def work(admin_url: str, settings: Settings) -> None:
        # Before anything is loaded, for a setting that it lacks.
        embedders = Embedders(settings) if embed and not options.dry_run else None
        try:
            with bar("Import", None) as show:
                report = await import_file(admin_url, file, kind, options, report=show)
            print_report(file, options, report)
            if embedders is not None:
                await _embed(admin_url, embedders, options.target.store_id)
        finally:
            if embedders is not None:
                await embedders.close()

    with_database(work)


async def _embed(admin_url: str, embedders: Embedders, store_id: str) -> None:
    try:
        await embed_with_progress(admin_url, embedders, store_id=store_id)
    except EmbeddingUnavailableError as error:
        print_line(f"{error} The import stands; make the embeddings with: retail-mcp-seed embed --store {store_id}")
