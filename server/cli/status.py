"""The command that tells what a database holds."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

from cyclopts import Parameter
from rich.table import Table

from server.cli.operator import as_operator
from server.cli.tables import print_table, stdout_console
from server.config import load_settings
from server.embeddings import build_embedder
from server.embeddings.models import ModelInUse
from server.operations.admin.status import DatabaseStatus, read_status

_MIB = 1 << 20


def status(*, as_json: Annotated[bool, Parameter("--json", negative=())] = False) -> None:
    """Tell what each store holds, and how many products lack an embedding or have one of an older text.

    Args:
        as_json: Print JSON for a program instead of a table.
    """
    embedder = build_embedder(load_settings())
    model = ModelInUse(embedder.model, embedder.dimensions)
    found = as_operator(lambda connection: read_status(connection, model))
    if as_json:
        print(json.dumps(asdict(found), default=str, indent=2))  # noqa: T201
    else:
        _print(found)


def _print(found: DatabaseStatus) -> None:
    table = Table(
        "store", "products", "missing", "outdated", "model", "customers", "receipts", "last receipt", box=None
    )
    for store in found.stores:
        table.add_row(
            store.store_id if store.is_active else f"{store.store_id} (closed)",
            f"{store.products:,}",
            f"{store.missing:,}",
            f"{store.outdated:,}",
            store.model,
            f"{store.customers:,}",
            f"{store.receipts:,}",
            f"{store.last_receipt:%Y-%m-%d %H:%M %Z}" if store.last_receipt else "",
        )
    if found.stores:
        print_table(table)
    else:
        stdout_console().print(
            "There is no store yet. Open one with retail-mcp store add, or by retail-mcp-seed import --create-store"
        )
    sealed = f"sealed {found.sealed_at:%Y-%m-%d %H:%M %Z}" if found.sealed_at else "never sealed"
    stdout_console().print(f"Schema {found.newest_file}, {found.bytes / _MIB:,.0f} MiB, audit log {sealed}.")
