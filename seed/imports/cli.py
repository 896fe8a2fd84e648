"""Command line: `python -m seed import products FILE --store S`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from seed.console import bar, console, embed_with_progress
from seed.imports.job import ImportOptions, ImportReport, import_products
from seed.imports.rejects import listed
from seed.imports.stores import TargetStore
from server.config import Settings, load_settings
from server.deployment import Deployment, open_deployment, prepare_embedded
from server.embeddings.models import Embedders
from server.errors import EmbeddingUnavailableError

Flag = Annotated[bool, Parameter(negative=())]

app = App(name="import", help="Load your own data into a store.")


@app.command
def products(
    file: Path,
    /,
    *,
    store: str,
    create_store: Flag = False,
    name: str | None = None,
    currency: str | None = None,
    time_zone: str | None = None,
    partial: Flag = False,
    skip_rejected: Flag = False,
    rejects: Path | None = None,
    embed: bool = True,
) -> None:
    """Load a product catalogue, JSON or CSV, into one store; docs/importing.md describes the file.

    Products are recognised by their SKU: new ones are inserted, changed ones updated, those that the
    file does not name discontinued. If a row is rejected, nothing is loaded.

    Args:
        file: The catalogue.
        store: Id of the store.
        create_store: Open the store if there is none.
        name: Name of the new store; made from its id when not given.
        currency: ISO 4217 code of the new store's amounts; USD when not given.
        time_zone: IANA time zone of the new store; America/Los_Angeles when not given.
        partial: The file is a part of the range: products that it does not name stay as they are.
        skip_rejected: Load the rows that are in order although others are rejected.
        rejects: Where to list rejected rows; FILE.rejected.csv when not given.
        embed: Make the embeddings of the store's products afterwards.
    """
    target = TargetStore(store, create_store, name, currency, time_zone)
    options = ImportOptions(target, partial=partial, skip_rejected=skip_rejected, rejects=rejects)
    settings = load_settings()
    with open_deployment(settings) as deployment:
        asyncio.run(_run(deployment, settings, file, options, embed=embed))


async def _run(deployment: Deployment, settings: Settings, file: Path, options: ImportOptions, *, embed: bool) -> None:
    # Before anything is loaded, for a setting that it lacks.
    embedders = Embedders(settings) if embed else None
    if deployment.embedded:
        await prepare_embedded(deployment)
    admin_url = deployment.require_admin_url()
    try:
        with bar("Import", None) as show:
            report = await import_products(admin_url, file, options, report=show)
        _tell(file, options, report)
        if embedders is not None:
            await _embed(admin_url, embedders, options.target.store_id)
    finally:
        if embedders is not None:
            await embedders.close()


def _tell(file: Path, options: ImportOptions, report: ImportReport) -> None:
    merged, store_id = report.merged, options.target.store_id
    if report.ignored:
        _print(f"Ignored columns: {listed(report.ignored)}.")
    if report.rejected:
        _print(f"Rejected rows are listed in {report.reject_file}. The first faults:")
        for example in report.examples:
            _print(f"  {example}")
    if report.kept_missing:
        _print("No product was discontinued for being missing: a rejected row without a SKU may be about it.")
    if merged.missing:
        _print(f"{merged.missing:,} discontinued products are not in the file; --partial would have kept them.")
    opened = f"opened store {store_id}, " if report.store_opened else ""
    back = f" ({merged.reactivated:,} of them back in the range)" if merged.reactivated else ""
    new_categories = f" and {merged.categories:,} new categories" if merged.categories else ""
    _print(
        f"{file.name} into {store_id}: {opened}{merged.inserted:,} inserted, {merged.updated:,} updated{back}, "
        f"{merged.unchanged:,} unchanged, {merged.discontinued:,} discontinued, {report.rejected:,} rejected"
        f"{new_categories} in {report.seconds:.1f} s."
    )


async def _embed(admin_url: str, embedders: Embedders, store_id: str) -> None:
    try:
        await embed_with_progress(admin_url, embedders, store_id=store_id)
    except EmbeddingUnavailableError as error:
        _print(f"{error} The import stands; make the embeddings with: python -m seed embed --store {store_id}")


def _print(line: str) -> None:
    console.print(line, markup=False, soft_wrap=True)
