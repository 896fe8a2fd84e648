"""What every import takes on the command line."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from server.errors import OptionError
from server.imports.fields.timestamps import DateOrder
from server.imports.job import ImportOptions
from server.imports.layouts import AUTO
from server.imports.stores import TargetStore
from server.operations.admin.store_values import check_currency, check_time_zone

Flag = Annotated[bool, Parameter(negative=())]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class CommonOptions:
    """Options of every kind of import.

    Attributes:
        store: Id of the store.
        create_store: Open the store if there is none.
        name: Name of the new store; made from its id when not given.
        currency: ISO 4217 code of the new store's amounts; USD when not given.
        time_zone: IANA time zone of the new store; America/Los_Angeles when not given.
        map: A column of the file and the field that it is: "Their column=our_field". Repeatable.
        date_order: How the file writes days: ymd (2026-03-31, read in any file), dmy (31.03.2026) or mdy (03/31/2026).
        format: own, shopify, or auto to recognise it by the columns.
        dry_run: Do everything, tell what became of it, and undo it.
        skip_rejected: Load the rows that are in order although others are rejected.
        rejects: Where to list rejected rows; FILE.rejected.csv when not given.
    """

    store: str
    create_store: Flag = False
    name: str | None = None
    currency: str | None = None
    time_zone: str | None = None
    map: Annotated[list[str], Parameter(negative=())] = field(default_factory=list)
    date_order: DateOrder = "ymd"
    format: str = AUTO
    dry_run: Flag = False
    skip_rejected: Flag = False
    rejects: Path | None = None

    def import_options(self) -> ImportOptions:
        """The same for the job.

        Raises:
            OptionError: A mapping has no column, no field, or a column twice.
        """
        if self.currency is not None:
            check_currency(self.currency)
        if self.time_zone is not None:
            check_time_zone(self.time_zone)
        return ImportOptions(
            TargetStore(self.store, self.create_store, self.name, self.currency, self.time_zone),
            skip_rejected=self.skip_rejected,
            rejects=self.rejects,
            dry_run=self.dry_run,
            layout=self.format,
            mapping=_mapping(self.map),
            date_order=self.date_order,
        )


def _mapping(said: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in said:
        column, _, name = pair.rpartition("=")
        if not column.strip() or not name.strip():
            raise OptionError(f'--map {pair!r} is no mapping. Write --map "Their column=our_field".')
        if column.strip() in found:
            raise OptionError(f"--map names the column {column.strip()!r} twice. Keep one of the fields.")
        found[column.strip()] = name.strip()
    return found
