"""Reads sums of sales: from the rollups where they have them, else from the lines of the receipts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from server.db.queries import QueryFile
from server.errors import InvalidInputError
from server.tenancy.store_scope import StoreScope
from server.tools.sales.dimensions import WEEKDAYS, Dimension
from server.tools.sales.metrics import Measures
from server.tools.sales.rollup_ranges import ranges_of
from server.tools.sales.time_buckets import DateRange, Periods

# More than anybody reads, page by page; they are ranked here.
MOST_GROUPS = 20_000
# Dimension of the sums that are of everything.
_TOTAL = "total"

Key = tuple[str, ...]


class _SumsRow(Measures):
    """Columns of rolled_up_sales and of sales_of_lines."""

    is_current: bool
    is_total: bool
    key_1: str | None
    key_2: str | None
    member_1: str | None
    member_2: str | None
    label: str | None


QUERIES = QueryFile("server.tools.sales", "summary.sql")
ROLLED_UP_SALES = QUERIES.query("rolled_up_sales", _SumsRow)
SALES_OF_LINES = QUERIES.query("sales_of_lines", _SumsRow)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which sales count: null for all.

    Attributes:
        category: Name of a category, in any case; sales of what is below it count too.
        brand: Name of a brand, in any case.
        payment_method: How it was paid.
        transaction_type: Kind of receipt.
    """

    category: str | None = None
    brand: str | None = None
    payment_method: str | None = None
    transaction_type: str | None = None

    @property
    def by_dimension(self) -> dict[Dimension, str]:
        """Those that name a member of a dimension exactly, and None of the others is there; else nothing."""
        if self.category is not None or self.brand is not None:
            return {}
        exact = {
            Dimension.PAYMENT_METHOD: self.payment_method,
            Dimension.TRANSACTION_TYPE: self.transaction_type,
        }
        return {dimension: member for dimension, member in exact.items() if member is not None}

    @property
    def is_empty(self) -> bool:
        """Whether all sales count."""
        return (self.category, self.brand, self.payment_method, self.transaction_type) == (None, None, None, None)


@dataclass(slots=True)
class Sums:
    """Sums of a period and of the one beside it, as a whole and by group."""

    total: Measures = field(default_factory=Measures)
    total_before: Measures = field(default_factory=Measures)
    groups: dict[Key, Measures] = field(default_factory=dict)
    groups_before: dict[Key, Measures] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)


async def read_sums(store: StoreScope, periods: Periods, dimensions: Sequence[Dimension], filters: Filters) -> Sums:
    """Read the sums of one store.

    Args:
        store: The store, entered.
        periods: The period and the one beside it.
        dimensions: Up to two, without the store.
        filters: Which sales count.

    Raises:
        InvalidInputError: There are more groups than can be ranked.
    """
    members = [dimension for dimension in dimensions if not dimension.is_of_days]
    exact = filters.by_dimension
    wanted = {*members, *exact}
    stretches = periods.stretches(dimensions)
    if len(wanted) <= 1 and all(dimension.is_rolled_up for dimension in wanted) and (exact or filters.is_empty):
        (rolled_up,) = wanted or (_TOTAL,)
        is_whole = rolled_up == _TOTAL or bool(exact)
        spans = [*_spans(stretches, rolled_up), *([] if is_whole else _spans(periods.stretches(()), _TOTAL))]
        rows = await store.db.all(
            ROLLED_UP_SALES, *zip(*spans, strict=True), rolled_up, next(iter(exact.values()), None)
        )
    else:
        first, second = [*(None if d.is_of_days else d for d in dimensions), None, None][:2]
        is_whole = False
        await store.enable_analytic_settings()
        rows = await store.db.all(
            SALES_OF_LINES,
            *zip(*((s.is_current, day, s.key_1, s.key_2) for s in stretches for day in s.days), strict=True),
            first,
            second,
            periods.first_day,
            periods.last_day,
            store.time_zone,
            filters.category,
            filters.brand,
            filters.payment_method,
            filters.transaction_type,
        )
    return _sums(rows, dimensions, is_whole=is_whole)


def _spans(stretches: Sequence[DateRange], rolled_up: str) -> list[tuple[Any, ...]]:
    """Sums to add up to those of the days: of a product whole months at once, which are kept too."""
    if rolled_up != Dimension.PRODUCT:
        return [(s.is_current, s.key_1, s.key_2, rolled_up, s.first, s.last, 1) for s in stretches]
    return [
        (s.is_current, s.key_1, s.key_2, span.dimension, span.first, span.last, span.sign)
        for s in stretches
        for span in ranges_of(s.first, s.last)
    ]


def _sums(rows: Sequence[_SumsRow], dimensions: Sequence[Dimension], *, is_whole: bool) -> Sums:
    """Put rows in order.

    Args:
        rows: As they were read.
        dimensions: What they are grouped by.
        is_whole: Whether the groups together are the whole, and no row says so.
    """
    totals = [row for row in rows if row.is_total or is_whole]
    sums = Sums(
        total=Measures.total([row for row in totals if row.is_current]),
        total_before=Measures.total([row for row in totals if not row.is_current]),
    )
    parts: defaultdict[tuple[bool, Key], list[Measures]] = defaultdict(list)
    for row in rows:
        if row.is_total or not dimensions:
            continue
        keys = [
            day_key if dimension.is_of_days else member
            for dimension, day_key, member in zip(
                dimensions, (row.key_1, row.key_2), (row.member_1, row.member_2), strict=False
            )
        ]
        key = tuple(part for part in keys if part is not None)
        # A day that has no day of the period beside it is in the whole only.
        if len(key) == len(dimensions):
            parts[row.is_current, key].append(row)
            if row.label is not None:
                sums.labels[key[dimensions.index(Dimension.PRODUCT)]] = row.label
    if len(parts) > 2 * MOST_GROUPS:
        raise InvalidInputError(
            f"That makes more than {MOST_GROUPS:,} groups. Ask for fewer days, filter, or group by less."
        )
    for (is_current, key), found in parts.items():
        (sums.groups if is_current else sums.groups_before)[key] = Measures.total(found) if len(found) > 1 else found[0]
    if Dimension.WEEKDAY in dimensions:
        sums.labels |= {str(number): name for number, name in enumerate(WEEKDAYS, 1)}
    return sums
