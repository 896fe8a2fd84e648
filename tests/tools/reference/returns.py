"""What summarize_returns and list_bought_together must answer, in plain Python from the raw rows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date
from fractions import Fraction
from itertools import combinations
from statistics import median
from typing import Any

from tests.tools.reference.receipts import pseudonym, shown_name
from tests.tools.reference.rows import NONE, Entry, Row, StoreData, money, percent, total
from tests.tools.reference.sales import bucket

TIME = ("day", "week", "month")


def _returned(entries: list[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry[1].sign == -1]


def _units(entries: list[Entry], sign: int) -> int:
    return sum(line.row["quantity"] for _, line in entries if line.sign == sign)


def _receipts(entries: list[Entry]) -> int:
    return len({receipt.row["transaction_id"] for receipt, _ in _returned(entries)})


def figures(entries: list[Entry]) -> Row:
    """Returns of a period."""
    returned, sold = _units(entries, -1), _units(entries, 1)
    return {
        "units_returned": returned,
        "units_sold": sold,
        "return_rate_percent": percent(returned, sold),
        "returns_value": money(total(line.row["total_price"] for _, line in _returned(entries))),
        "receipts": _receipts(entries),
        "is_few": _receipts(entries) < 5,
    }


def change(now: list[Entry], before: list[Entry]) -> Row:
    difference = _units(now, -1) - _units(before, -1)
    rates = [Fraction(100 * _units(part, -1), sold) if (sold := _units(part, 1)) else None for part in (now, before)]
    points = None if None in rates else rates[0] - rates[1]  # type: ignore[operator]
    return {
        "units_returned": difference,
        "units_returned_percent": percent(difference, _units(before, -1)),
        "return_rate_points": None if points is None else percent(points.numerator, 100 * points.denominator),
    }


def returns(
    data: StoreData, first: date, last: date, before: tuple[date, date], group_by: str, role: str = "manager"
) -> Row:
    """What summarize_returns answers, with all of its groups on one page."""
    now, earlier = data.entries(first, last), data.entries(*before)
    sold_then = {line.row["item_id"]: receipt for receipt, line in now if line.sign == 1}
    of_item = {line.row["item_id"]: receipt for receipt in data.receipts for line in receipt.lines}
    back = [
        (receipt, line)
        for receipt in data.receipts
        for line in receipt.lines
        if line.sign == -1 and line.row["original_item_id"] in sold_then
    ]
    delays = [(receipt.day - of_item[line.row["original_item_id"]].day).days for receipt, line in _returned(now)]
    came_back = _units(back, -1)
    return {
        "totals": figures(now),
        "median_days_to_return": float(median(delays)) if delays else None,
        "units_sold_and_returned": came_back,
        "sold_and_returned_percent": percent(came_back, _units(now, 1)),
        "earlier_totals": figures(earlier),
        "change": change(now, earlier),
        "rows": _rows(data, first, last, now, earlier, group_by, role),
    }


def _rows(
    data: StoreData, first: date, last: date, now: list[Entry], earlier: list[Entry], group_by: str, role: str
) -> list[Row]:
    of: dict[str, Callable[[Entry], Any]] = {
        "reason": lambda entry: (entry[0].row["return_reason"] or NONE) if entry[1].sign == -1 else None,
        "product": lambda entry: entry[1].product["sku"],
        "category": lambda entry: data.top_category(entry[1].product) or NONE,
        "customer": lambda entry: str(entry[0].row["customer_id"] or NONE),
        **{name: lambda entry: bucket(entry[0].day, first, group_by) for name in TIME},
    }
    groups: dict[str, tuple[list[Entry], list[Entry]]] = defaultdict(lambda: ([], []))
    if group_by in TIME:
        for ordinal in range(first.toordinal(), last.toordinal() + 1):
            _ = groups[bucket(date.fromordinal(ordinal), first, group_by)]
    for place, entries in enumerate((now, [] if group_by in TIME else earlier)):
        for entry in entries:
            groups[of[group_by](entry)][place].append(entry)
    whole = _units(now, -1)
    rows = []
    for key, (here, there) in groups.items():
        if key is None or (group_by not in TIME and not _units(here, -1) and not _units(there, -1)):
            continue
        told = figures(here)
        rows.append(
            {
                "key": key,
                "label": _label(data, key, group_by, role),
                "customer_id": key if group_by == "customer" and key != NONE else None,
                **told,
                "share_of_returned_units_percent": percent(told["units_returned"], whole),
                "earlier_units_returned": _units(there, -1),
                "units_returned_change": told["units_returned"] - _units(there, -1),
            }
        )
    if group_by in TIME:
        rows.sort(key=lambda row: row["key"])
    else:
        place = {product["sku"]: product["sku_place"] for product in data.products}
        names = {row["category_name"]: row["name_place"] for row in data.categories.values()}
        value = {
            key: total(line.row["total_price"] for _, line in _returned(here)) for key, (here, _) in groups.items()
        }
        rows.sort(
            key=lambda row: (
                -row["units_returned"],
                -value[row["key"]],
                -row["earlier_units_returned"],
                place.get(row["key"], names.get(row["key"], 0)),
                row["key"],
            )
        )
    for row in rows:
        if group_by == "reason":
            row["units_sold"] = None
        if group_by in TIME:
            row |= {"earlier_units_returned": None, "units_returned_change": None}
    return rows


def _label(data: StoreData, key: str, group_by: str, role: str) -> str:
    if group_by == "product":
        return str(next(product["product_name"] for product in data.products if product["sku"] == key))
    if group_by == "customer" and key != NONE:
        customer = next(c for c in data.customers if str(c["customer_id"]) == key)
        return shown_name(customer, role) or pseudonym(customer)
    return key


def bought_together(
    data: StoreData, first: date, last: date, *, sku: str | None = None, min_baskets: int = 5, sort: str = "lift"
) -> list[Row]:
    """Rows of list_bought_together, all of them."""
    baskets = [
        {line.product["product_id"]: line.product for line in receipt.lines}
        for receipt in data.receipts
        if receipt.is_sale and first <= receipt.day <= last
    ]
    alone: Counter[Any] = Counter(product_id for basket in baskets for product_id in basket)
    pairs: Counter[Any] = Counter(pair for basket in baskets for pair in combinations(sorted(basket), 2))
    of = {product["product_id"]: product for product in data.products}
    ranked = []
    for pair, together in pairs.items():
        one, other = sorted(pair, key=lambda product_id: (alone[product_id], product_id))
        if sku is not None:
            if sku not in (of[one]["sku"], of[other]["sku"]):
                continue
            one, other = sorted(pair, key=lambda product_id: of[product_id]["sku"] != sku)
        if together < min_baskets:
            continue
        lift = Fraction(together * len(baskets), alone[one] * alone[other])
        row = {
            "sku": of[one]["sku"],
            "product_name": of[one]["product_name"],
            "other_sku": of[other]["sku"],
            "other_product_name": of[other]["product_name"],
            "baskets_together": together,
            "baskets": alone[one],
            "other_baskets": alone[other],
            "support_percent": float(round(Fraction(100 * together, len(baskets)), 4)),
            "confidence_percent": percent(together, alone[one]),
            "other_confidence_percent": percent(together, alone[other]),
            "lift": percent(lift.numerator, 100 * lift.denominator),
            "is_few": together < 5,
        }
        figure = {"lift": lift, "confidence": Fraction(together, alone[one]), "baskets": together}[sort]
        ranked.append((-figure, -together, of[one]["sku_place"], of[other]["sku_place"], row))
    return [place[-1] for place in sorted(ranked, key=lambda place: place[:-1])]
