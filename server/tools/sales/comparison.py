"""From sums to figures: metrics, changes, shares and ranks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar, cast

from server.tools.sales.aggregates import Key, Sums
from server.tools.sales.dimensions import SERIES, Dimension
from server.tools.sales.metrics import DEFINITIONS, FEW_EVENTS, Measures, Metric, Value, percent
from server.tools.sales.models import ComparedFigures, Figures, SalesGroup
from server.tools.sales.time_buckets import Periods

Name = TypeVar("Name")
_NOTHING = Measures()


def compared(now: Measures, before: Measures | None, metrics: Sequence[Metric]) -> dict[str, Any]:
    """Fields of `ComparedFigures`.

    Args:
        now: Sums of the period.
        before: Sums of the one beside it, if there is one.
        metrics: What to tell.
    """
    values = {metric: DEFINITIONS[metric].of(now) for metric in metrics}
    few = now.transactions + now.returns < FEW_EVENTS
    if before is None:
        return {"figures": _figures(values), "few_events": few or None}
    others = {metric: DEFINITIONS[metric].of(before) for metric in metrics}
    changes = {metric: _less(values[metric], others[metric]) for metric in metrics}
    percents = {
        metric: percent(change, _size(others[metric]))
        for metric, change in changes.items()
        if DEFINITIONS[metric].unit != "percent"
    }
    return {
        "figures": _figures(values),
        "comparison": _figures(others),
        "change": _figures(changes),
        "change_percent": {metric: value for metric, value in percents.items() if value is not None},
        "few_events": few or before.transactions + before.returns < FEW_EVENTS or None,
    }


def totals(sums: Sums, metrics: Sequence[Metric], *, is_compared: bool) -> ComparedFigures:
    """Figures of the whole period."""
    return ComparedFigures(**compared(sums.total, sums.total_before if is_compared else None, metrics))


def groups(
    sums: Sums, periods: Periods, dimensions: Sequence[Dimension], metrics: Sequence[Metric], offset: int, limit: int
) -> tuple[list[SalesGroup], int]:
    """One page of the breakdown, and how many groups there are on all pages."""
    first = metrics[0]
    is_compared = periods.before is not None
    keys = dict.fromkeys([*sums.groups, *sums.groups_before])
    is_ordered = any(dimension.is_ordered for dimension in dimensions)
    if len(dimensions) == 1 and dimensions[0] in SERIES:
        keys = dict.fromkeys((bucket,) for bucket in periods.buckets(dimensions[0]))
    rank = ranks({key: sums.groups.get(key, _NOTHING) for key in keys}, first)
    rank_before = ranks(sums.groups_before, first)

    def order(key: Key) -> tuple[Any, ...]:
        ordered = [part for part, dimension in zip(key, dimensions, strict=True) if dimension.is_ordered]
        before = sums.groups_before.get(key, _NOTHING)
        return (*ordered, rank[key], -(DEFINITIONS[first].of(before) or 0), key)

    whole = DEFINITIONS[first].of(sums.total)
    page = [
        SalesGroup(
            key=key[0],
            second_key=key[1] if len(key) > 1 else None,
            label=", ".join(sums.labels[part] for part in key if part in sums.labels) or None,
            share_percent=share(sums.groups.get(key, _NOTHING), whole, first),
            rank=rank[key],
            rank_change=(
                None if is_ordered or not is_compared or key not in rank_before else rank_before[key] - rank[key]
            ),
            **compared(
                sums.groups.get(key, _NOTHING), sums.groups_before.get(key, _NOTHING) if is_compared else None, metrics
            ),
        )
        for key in sorted(keys, key=order)[offset : offset + limit]
    ]
    return page, len(keys)


def ranks(groups_of: Mapping[Name, Measures], metric: Metric) -> dict[Name, int]:
    """Ranks by a metric, the most first; equal ones share a place, those without it share the last."""
    values = {name: DEFINITIONS[metric].of(measures) for name, measures in groups_of.items()}
    place: dict[Value, int] = {}
    for position, value in enumerate(sorted(_told(values.values()), reverse=True), 1):
        place.setdefault(value, position)
    last = len(list(_told(values.values()))) + 1
    return {name: last if value is None else place[value] for name, value in values.items()}


def share(measures: Measures, whole: Value, metric: Metric) -> float | None:
    """Share of the whole in percent, of a metric that adds up."""
    return percent(DEFINITIONS[metric].of(measures), whole) if DEFINITIONS[metric].adds_up else None


def _told(values: Iterable[Value]) -> Iterable[Any]:
    return (value for value in values if value is not None)


def _figures(values: Mapping[Metric, Value]) -> Figures:
    return cast("Figures", {metric: value for metric, value in values.items() if value is not None})


def _size(value: Value) -> Value:
    return value if value is None or value >= 0 else -value


def _less(one: Value, other: Value) -> Value:
    if one is None or other is None:
        return None
    if isinstance(one, float):
        return float(Decimal(str(one)) - Decimal(str(other)))
    return Decimal(one) - Decimal(other) if isinstance(one, Decimal) else int(one) - int(other)
