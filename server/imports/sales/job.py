"""The import of sales."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from server.imports.checking import Checker
from server.imports.faults import Fault, FieldRow
from server.imports.fields.vocabulary import Vocabulary
from server.imports.kind import Faults
from server.imports.layouts import ForeignLayout
from server.imports.sales.grouping import receipts
from server.imports.sales.invalid_lines import find_invalid
from server.imports.sales.line import SALES
from server.imports.sales.merge import MergedSales, SalesOptions, merge, refresh_statistics, stage
from server.imports.sales.receipt import Receipt, receipt_of
from server.imports.shopify.orders import SHOPIFY_ORDERS
from server.imports.stores import Store

_BESIDE = Fault("", "belongs to a receipt of which another row is rejected", "Correct that row.")


@dataclass(frozen=True, slots=True)
class SalesImport:
    """Receipts with their lines, recognised by the receipt number. A known one is never changed.

    Attributes:
        options: What is done about stock, costs and customers.
    """

    noun: ClassVar[str] = "sales"
    vocabulary: ClassVar[Vocabulary] = SALES
    foreign: ClassVar[tuple[ForeignLayout, ...]] = (SHOPIFY_ORDERS,)

    options: SalesOptions = field(default_factory=SalesOptions)

    @property
    def context(self) -> dict[str, object]:
        """Nothing beside the store's currency and time zone."""
        return {}

    async def stage(self, connection: Any, store: Store, checker: Checker, rows: Iterable[FieldRow]) -> None:
        """Copy the receipts that are in order into temporary tables."""
        store.check_time_zone()
        await stage(connection, store.store_id, _checked(rows, checker))

    async def find_invalid(self, connection: Any, store: Store, checker: Checker) -> Faults:
        """Tell which receipts name what the store does not have, or differ from those it has."""
        found: Faults = {}
        async for rows, faults in find_invalid(connection, self.options, checker.rejected_keys):
            for number in rows:
                found[number] = faults.get(number, [_BESIDE])
        return found

    async def merge(self, connection: Any, store: Store, checker: Checker) -> MergedSales:
        """Enter the receipts that the store does not have."""
        return await merge(connection, store, self.options)

    async def refresh_statistics(self, connection: Any) -> None:
        """Tell the planner about the new rows."""
        await refresh_statistics(connection)


def _checked(rows: Iterable[FieldRow], checker: Checker) -> Iterator[Receipt]:
    for number, group in receipts(rows):
        receipt = receipt_of(group, checker)
        if receipt is not None:
            checker.accepted += len(group)
            yield receipt
            continue
        for found in group:
            if not found.faults:
                found.faults.append(_BESIDE)
            checker.reject(found, number)
