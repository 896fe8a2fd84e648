"""Days of a period as whole months, whose sums are kept, and the days around them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from server.toolkit.periods import months_later


@dataclass(frozen=True, slots=True)
class RollupRange:
    """Days whose sums are added, or taken away: by month, where these are whole months."""

    by_month: bool
    first: date
    last: date
    sign: int = 1

    @property
    def dimension(self) -> str:
        """Dimension under which the sums are kept."""
        return "product_month" if self.by_month else "product"

    @property
    def rows(self) -> int:
        """How many sums there are for each product."""
        days = (self.last - self.first).days + 1
        return -(-days // 31) if self.by_month else days


def ranges_of(first: date, last: date) -> list[RollupRange]:
    """The whole months that a period has or nearly has; then the days that they lack, or have too much."""
    ways = [
        [RollupRange(by_month=True, first=month, last=next_month - timedelta(days=1)), *head, *tail]
        for month, head in _edges_before(first)
        for next_month, tail in _edges_after(last)
        if month < next_month
    ]
    return min(
        [[RollupRange(by_month=False, first=first, last=last)], *ways], key=lambda ranges: sum(r.rows for r in ranges)
    )


def _edges_before(first: date) -> list[tuple[date, list[RollupRange]]]:
    """The month to begin with, and the days that it has too much before `first`; or the next, and those it lacks."""
    month = first.replace(day=1)
    if month == first:
        return [(month, [])]
    next_month, day_before = months_later(month, 1), first - timedelta(days=1)
    return [
        (month, [RollupRange(by_month=False, first=month, last=day_before, sign=-1)]),
        (next_month, [RollupRange(by_month=False, first=first, last=next_month - timedelta(days=1))]),
    ]


def _edges_after(last: date) -> list[tuple[date, list[RollupRange]]]:
    """The month to end before, and the days that are lacking then; or the next, and those that are too much."""
    day_after = last + timedelta(days=1)
    month = day_after.replace(day=1)
    if month == day_after:
        return [(month, [])]
    next_month = months_later(month, 1)
    return [
        (next_month, [RollupRange(by_month=False, first=day_after, last=next_month - timedelta(days=1), sign=-1)]),
        (month, [RollupRange(by_month=False, first=month, last=last)]),
    ]
