"""Sales: every metric by every dimension, compared and ranked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tests.tools.reference.rows import CENT, NONE, Entry, Row, StoreData, money, percent, period, total

TIME = ("day", "week", "month", "quarter")
OF_DAYS = (*TIME, "weekday")
ORDERED = (*OF_DAYS, "hour")
RATES = ("margin_rate", "return_rate")
NOT_ADDITIVE = (*RATES, "average_basket", "items_per_basket")
MONEY = ("net_revenue", "gross_revenue", "returns_value", "discounts", "tax", "average_basket", "cost", "margin")
DEFAULT = ("net_revenue", "units_sold", "transactions", "average_basket")
WEEKDAYS = {"1": "Monday", "2": "Tuesday", "3": "Wednesday", "4": "Thursday", "5": "Friday", "6": "Saturday"}
WEEKDAYS["7"] = "Sunday"

Entries = Sequence[Entry]
Period = tuple[date, date]


def net_revenue(entries: Iterable[Entry]) -> Decimal:
    """Goods sold less goods returned."""
    return total(line.sign * line.row["total_price"] for _, line in entries)


def _one_way(entries: Entries, column: str, sign: int) -> Any:
    return sum((line.row[column] for _, line in entries if line.sign == sign), Decimal(0))


def _receipts(entries: Entries, *, sales: bool) -> int:
    return len({receipt.row["transaction_id"] for receipt, _ in entries if receipt.is_sale is sales})


def _per_sale(entries: Entries, column: str) -> Decimal | None:
    sales = _receipts(entries, sales=True)
    amount = sum((line.row[column] for receipt, line in entries if receipt.is_sale), Decimal(0))
    return (amount / sales).quantize(CENT, ROUND_HALF_UP) if sales else None


def _cost(entries: Entries) -> Decimal | None:
    if any(line.row["unit_cost"] is None for _, line in entries):
        return None
    return total(line.sign * line.row["quantity"] * line.row["unit_cost"] for _, line in entries)


def _margin(entries: Entries) -> Decimal | None:
    cost = _cost(entries)
    return None if cost is None else net_revenue(entries) - cost


def _rate(part: Decimal | None, whole: Decimal) -> Decimal | None:
    return (100 * part / whole).quantize(CENT, ROUND_HALF_UP) if part is not None and whole else None


METRICS: Mapping[str, Callable[[Entries], Decimal | None]] = {
    "net_revenue": net_revenue,
    "gross_revenue": lambda entries: _one_way(entries, "total_price", 1),
    "returns_value": lambda entries: _one_way(entries, "total_price", -1),
    "discounts": lambda entries: _one_way(entries, "discount_amount", 1),
    "tax": lambda entries: total(line.sign * line.row["tax_amount"] for _, line in entries),
    "units_sold": lambda entries: Decimal(_one_way(entries, "quantity", 1)),
    "units_returned": lambda entries: Decimal(_one_way(entries, "quantity", -1)),
    "transactions": lambda entries: Decimal(_receipts(entries, sales=True)),
    "returns": lambda entries: Decimal(_receipts(entries, sales=False)),
    "average_basket": lambda entries: _per_sale(entries, "total_price"),
    "items_per_basket": lambda entries: _per_sale(entries, "quantity"),
    "cost": _cost,
    "margin": _margin,
    "margin_rate": lambda entries: _rate(_margin(entries), net_revenue(entries)),
    "return_rate": lambda entries: _rate(
        Decimal(_one_way(entries, "quantity", -1)), Decimal(_one_way(entries, "quantity", 1))
    ),
}


def written(metric: str, value: Decimal) -> Any:
    """A value as the tools write it."""
    if metric in MONEY:
        return money(value)
    return float(value) if metric in (*RATES, "items_per_basket") else int(value)


def figures(values: Mapping[str, Decimal | None]) -> Row:
    """What can be told, as the tools write it."""
    return {metric: written(metric, value) for metric, value in values.items() if value is not None}


def compared(now: Entries, before: Entries | None, metrics: Sequence[str]) -> Row:
    """Figures, and what follows from comparing them."""
    values = {metric: METRICS[metric](now) for metric in metrics}
    answer: Row = {"figures": figures(values)}
    few = len({receipt.row["transaction_id"] for receipt, _ in now}) < 5
    if before is not None:
        others = {metric: METRICS[metric](before) for metric in metrics}
        changes: dict[str, Decimal | None] = {}
        percents: Row = {}
        for metric in metrics:
            value, other = values[metric], others[metric]
            changes[metric] = None if value is None or other is None else value - other
            if changes[metric] is not None and other and metric not in RATES:
                percents[metric] = percent(changes[metric] or Decimal(0), abs(other))
        answer |= {"comparison": figures(others), "change": figures(changes), "change_percent": percents}
        few = few or len({receipt.row["transaction_id"] for receipt, _ in before}) < 5
    return answer | ({"few_events": True} if few else {})


def comparison_period(first: date, last: date, compare_to: str) -> Period:
    """First and last day of the period to compare with."""
    if compare_to == "same_period_last_year":
        return _in_year(first, first.year - 1), _in_year(last, last.year - 1)
    days = (last - first).days + 1
    return first - timedelta(days=days), first - timedelta(days=1)


def _in_year(day: date, year: int) -> date:
    try:
        return day.replace(year=year)
    except ValueError:
        return day.replace(year=year, day=28)


def _beside(day: date, now: Period, other: Period, dimension: str, compare_to: str | None) -> date | None:
    """The day of the period that a day of the other one stands beside."""
    if compare_to == "same_period_last_year":
        day = max(_in_year(day, day.year + 1), now[0])
    elif now[0].day == other[0].day == 1 and dimension in ("month", "quarter"):
        # Any day of the right month will do: the bucket is the same.
        month = (day.year - other[0].year) * 12 + day.month - other[0].month + now[0].month - 1
        day = date(now[0].year + month // 12, month % 12 + 1, 1)
    else:
        day = now[0] + (day - other[0])
    return day if day <= now[1] else None


def bucket(day: date, first: date, dimension: str) -> str:
    """Key of the time bucket that a day of the period is in."""
    start = {
        "day": day,
        "week": day - timedelta(days=day.weekday()),
        "month": day.replace(day=1),
        "quarter": date(day.year, (day.month + 2) // 3 * 3 - 2, 1),
    }[dimension]
    return max(start, first).isoformat()


def price_band(price: Decimal) -> str:
    bands = ((10, "0 to 9.99"), (25, "10 to 24.99"), (50, "25 to 49.99"), (100, "50 to 99.99"), (250, "100 to 249.99"))
    return next((name for below, name in bands if price < below), "250 and more")


def _first_sales(data: StoreData) -> dict[Any, date]:
    found: dict[Any, date] = {}
    for receipt in data.receipts:
        if receipt.is_sale and receipt.row["customer_id"] is not None:
            day = found.get(receipt.row["customer_id"], receipt.day)
            found[receipt.row["customer_id"]] = min(day, receipt.day)
    return found


def member(data: StoreData, entry: Entry, dimension: str, first_sales: Mapping[Any, date]) -> str:
    """What a line is counted under, for dimensions that days do not decide."""
    receipt, line = entry
    row, product = receipt.row, line.product
    if dimension == "new_or_returning":
        first = first_sales.get(row["customer_id"])
        return NONE if first is None else "new" if receipt.day <= first else "returning"
    found = {
        "hour": f"{row['transaction_date'].astimezone(data.zone).hour:02}",
        "category": data.top_category(product),
        "subcategory": data.subcategory(product) or data.top_category(product),
        "brand": product["brand"],
        "product": product["sku"],
        "price_band": price_band(line.row["unit_price"]),
        "payment_method": row["payment_method"],
        "transaction_type": row["transaction_type"],
        "customer_tier": receipt.customer and receipt.customer["loyalty_tier"],
        "cashier": row["cashier_id"],
        "register": row["register_id"],
        "store": data.store["store_id"],
    }[dimension]
    return str(found or NONE)


def wanted(data: StoreData, entry: Entry, filters: Mapping[str, str]) -> bool:
    """Whether a line passes the filters."""
    receipt, line = entry
    return (
        data.is_in(line.product, filters.get("category"))
        and filters.get("brand", "").lower() in ("", (line.product["brand"] or NONE).lower())
        and filters.get("payment_method") in (None, receipt.row["payment_method"] or NONE)
        and filters.get("transaction_type") in (None, receipt.row["transaction_type"])
    )


def summary(
    stores: Sequence[StoreData],
    now: Period,
    *,
    group_by: Sequence[str] = (),
    metrics: Sequence[str] = DEFAULT,
    compare_to: str | None = None,
    other: Period | None = None,
    **filters: str,
) -> Row:
    """What summarize_sales answers when all groups fit on one page, equal ranks in any order."""
    other = comparison_period(*now, compare_to) if compare_to else other
    groups: defaultdict[tuple[str, ...], tuple[list[Entry], list[Entry]]] = defaultdict(lambda: ([], []))
    whole: tuple[list[Entry], list[Entry]] = ([], [])
    for data in stores:
        first_sales = _first_sales(data)
        for place, days in enumerate((now, other)):
            for entry in data.entries(*days) if days else ():
                if not wanted(data, entry, filters):
                    continue
                whole[place].append(entry)
                keys = []
                for dimension in group_by:
                    day: date | None = entry[0].day
                    if dimension == "weekday":
                        keys.append(str(entry[0].day.isoweekday()))
                    elif dimension in TIME:
                        if place and other:
                            day = _beside(entry[0].day, now, other, dimension, compare_to)
                        keys.append(day and bucket(day, now[0], dimension))
                    else:
                        keys.append(member(data, entry, dimension, first_sales))
                if None not in keys:
                    groups[tuple(map(str, keys))][place].append(entry)
    if len(group_by) == 1 and group_by[0] in TIME:
        days_of_period = [now[0] + timedelta(days=n) for n in range((now[1] - now[0]).days + 1)]
        groups = defaultdict(
            lambda: ([], []), {(key,): groups[key,] for key in (bucket(d, now[0], group_by[0]) for d in days_of_period)}
        )
    answer: Row = {
        "store_id": stores[0].store["store_id"] if len(stores) == 1 else None,
        "currency": stores[0].store["currency"],
        "period": period(stores[0], *now),
        "group_by": list(group_by),
        "totals": compared(whole[0], whole[1] if other else None, metrics),
        "rows": _rows(stores, dict(groups), whole[0], group_by, metrics, is_compared=other is not None),
        "has_more": False,
        "next_cursor": None,
    }
    return answer | ({"comparison_period": period(stores[0], *other)} if other else {})


def _rows(
    stores: Sequence[StoreData],
    groups: Mapping[tuple[str, ...], tuple[list[Entry], list[Entry]]],
    whole: Entries,
    group_by: Sequence[str],
    metrics: Sequence[str],
    *,
    is_compared: bool,
) -> list[Row]:
    if not group_by:
        return []
    metric = metrics[0]
    labels = {store.store["store_id"]: store.store["store_name"] for store in stores} if "store" in group_by else {}
    if "product" in group_by:
        labels |= {product["sku"]: product["product_name"] for store in stores for product in store.products}
    if "weekday" in group_by:
        labels |= WEEKDAYS
    values = {key: METRICS[metric](entries[0]) for key, entries in groups.items()}
    before = {key: METRICS[metric](entries[1]) for key, entries in groups.items() if entries[1]}
    is_ordered = any(dimension in ORDERED for dimension in group_by)
    rows = []
    for key, (entries, others) in groups.items():
        row = compared(entries, others if is_compared else None, metrics) | {"key": key[0]}
        if len(key) == 2:
            row["second_key"] = key[1]
        if label := ", ".join(labels[part] for part in key if part in labels):
            row["label"] = label
        all_of_it = METRICS[metric](whole)
        if metric not in NOT_ADDITIVE and values[key] is not None and all_of_it:
            row["share_percent"] = percent(values[key] or Decimal(0), all_of_it)
        row["rank"] = _rank(values, key)
        if not is_ordered and is_compared and key in before:
            row["rank_change"] = _rank(before, key) - row["rank"]
        ordered = [part for part, dimension in zip(key, group_by, strict=True) if dimension in ORDERED]
        rows.append((ordered, _rank(values, key), row))
    return [row for _, _, row in sorted(rows, key=lambda place: place[:2])]


def _rank(values: Mapping[Any, Decimal | None], key: Any) -> int:
    value = values[key]
    told = [other for other in values.values() if other is not None]
    return len(told) + 1 if value is None else 1 + sum(other > value for other in told)


def top_products(
    data: StoreData,
    first: date,
    last: date,
    rank_by: str = "revenue",
    order: str = "best",
    category: str | None = None,
) -> list[Row]:
    """Rows of list_top_products, all of them."""
    metric = {"revenue": "net_revenue", "margin": "margin"}.get(rank_by)
    other = comparison_period(first, last, "previous_period")
    now, before = _by_product(data, first, last), _by_product(data, *other)
    whole = net_revenue(data.entries(first, last))
    sign = -1 if order == "best" else 1

    def value(entries: Entries) -> Decimal | None:
        return METRICS[metric](entries) if metric else Decimal(_units(entries))

    shown = [
        product
        for product in data.products
        if data.is_in(product, category) and (now[product["product_id"]] if order == "best" else product["is_active"])
    ]

    def ranked(sold: Mapping[Any, list[Entry]], among: Sequence[Row]) -> dict[Any, int]:
        places = sorted(among, key=lambda p: (sign * (value(sold[p["product_id"]]) or Decimal(0)), p["sku_place"]))
        return {product["product_id"]: rank for rank, product in enumerate(places, 1)}

    ranks = ranked(now, shown)
    ranks_before = ranked(before, [product for product in shown if before[product["product_id"]]])
    rows = []
    for product in shown:
        product_id = product["product_id"]
        lines, others = now[product_id], before[product_id]
        margin, present, past = _margin(lines), value(lines), value(others)
        change = None if present is None or past is None else present - past
        rows.append(
            {
                "rank": ranks[product_id],
                "product_id": str(product_id),
                "sku": product["sku"],
                "product_name": product["product_name"],
                "brand": product["brand"],
                "category": data.top_category(product),
                "net_revenue": money(net_revenue(lines)),
                "units": _units(lines),
                "margin": money(margin),
                "margin_percent": None if margin is None else percent(margin, net_revenue(lines)),
                "transactions": _receipts(lines, sales=True),
                "share_of_net_revenue_percent": percent(net_revenue(lines), whole),
                "change": money(change),
                "change_percent": None if change is None else percent(change, abs(past or Decimal(0))),
                "rank_change": ranks_before[product_id] - ranks[product_id] if product_id in ranks_before else None,
                "few_events": min(len({r.row["transaction_id"] for r, _ in side}) for side in (lines, others)) < 5,
                "current_stock": product["current_stock"],
                "is_active": product["is_active"],
            }
        )
    return sorted(rows, key=lambda row: row["rank"])


def _units(entries: Iterable[Entry]) -> int:
    return sum(line.sign * line.row["quantity"] for _, line in entries)


def _by_product(data: StoreData, first: date, last: date) -> defaultdict[Any, list[Entry]]:
    found: defaultdict[Any, list[Entry]] = defaultdict(list)
    for entry in data.entries(first, last):
        found[entry[1].product["product_id"]].append(entry)
    return found
