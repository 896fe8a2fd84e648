"""What the customer tools must answer beside the base figures, in plain Python from the raw rows.

Segments are looked up in the table of docs/customers.md, scores are counted, and who lapses is found by going
through the days one by one.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_left, bisect_right
from calendar import monthrange
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from functools import cache
from pathlib import Path
from statistics import mean, median
from typing import Any

from tests.tools.reference.customers import customer_profile, customers
from tests.tools.reference.rows import Row, StoreData, money, percent, rounded, total

TIERS = ("bronze", "silver", "gold", "platinum")
DOCUMENT = Path(__file__).parents[3] / "docs/customers.md"


def today_in(data: StoreData) -> date:
    return datetime.now(UTC).astimezone(data.zone).date()


def purchase_days(data: StoreData, customer: Row) -> list[date]:
    """Days of the customer's sale receipts, one for each receipt, in order."""
    return sorted(receipt.day for receipt in data.receipts_by_customer[customer["customer_id"]] if receipt.is_sale)


def lifetime_value(data: StoreData, customer: Row) -> Decimal:
    return total(receipt.row["total_amount"] for receipt in data.receipts_by_customer[customer["customer_id"]])


def last_purchase(data: StoreData, customer: Row) -> datetime | None:
    """The moment of the latest sale receipt."""
    sales = [receipt for receipt in data.receipts_by_customer[customer["customer_id"]] if receipt.is_sale]
    return max((receipt.row["transaction_date"] for receipt in sales), default=None)


# Segments


@cache
def segment_table() -> dict[tuple[int, int], str]:
    """Segment by score of recency and of frequency and monetary value together, as documented."""
    rows = re.findall(r"^\| \*\*R ([1-5])\*\* \|(.*)\|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    table = {
        (int(recency), number): cell.strip().strip("`")
        for recency, cells in rows
        for number, cell in enumerate(cells.split("|"), start=1)
    }
    assert len(table) == 25
    return table


def scores(data: StoreData) -> dict[Any, Row]:
    """Scores and segment of every buyer, by customer id; of nobody where buyers are fewer than five."""
    buyers = [c for c in data.customers if purchase_days(data, c) and c["erased_at"] is None]
    count = len(buyers)
    if count < 5:
        return {}
    latest = sorted(filter(None, (last_purchase(data, c) for c in buyers)))
    orders = sorted(len(purchase_days(data, c)) for c in buyers)
    values = sorted(lifetime_value(data, c) for c in buyers)
    found = {}
    for customer in buyers:
        more_recent = count - bisect_right(latest, last_purchase(data, customer) or latest[0])
        recency = 5 - 5 * more_recent // count
        frequency = 1 + 5 * bisect_left(orders, len(purchase_days(data, customer))) // count
        monetary = 1 + 5 * bisect_left(values, lifetime_value(data, customer)) // count
        found[customer["customer_id"]] = {
            "segment": segment_table()[recency, (frequency + monetary + 1) // 2],
            "recency_score": recency,
            "frequency_score": frequency,
            "monetary_score": monetary,
        }
    return found


def segments(data: StoreData, today: date) -> dict[str, Row]:
    """What view=segments tells of each segment that anybody is in, but for its definition."""
    found = scores(data)
    members = defaultdict(list)
    for customer in data.customers:
        if customer["customer_id"] in found:
            members[found[customer["customer_id"]]["segment"]].append(customer)
    whole = total(lifetime_value(data, c) for those in members.values() for c in those)
    rows = {}
    for segment, those in members.items():
        value = total(lifetime_value(data, c) for c in those)
        rows[segment] = {
            "segment": segment,
            "customers": len(those),
            "share_of_customers_percent": percent(len(those), len(found)),
            "lifetime_value": money(value),
            "share_of_lifetime_value_percent": percent(value, whole),
            "average_lifetime_value": money(value / len(those)),
            "average_orders": rounded(Decimal(sum(len(purchase_days(data, c)) for c in those)) / len(those), 1),
            "average_days_since_last_purchase": rounded(
                Decimal(sum((today - purchase_days(data, c)[-1]).days for c in those)) / len(those), 1
            ),
            "is_few": len(those) < 5,
        }
    return rows


# One customer, and lists of them


def profile(data: StoreData, customer: Row, today: date) -> Row:
    """What get_customer answers to a manager."""
    return {
        **customer_profile(data, customer, today),
        "rfm": scores(data).get(customer["customer_id"]),
        "rhythm": rhythm(sorted(set(purchase_days(data, customer))), today),
    }


def rhythm(days: list[date], today: date) -> Row:
    """Purchase rhythm by the days on which somebody bought."""
    pauses = [(later - earlier).days for earlier, later in itertools.pairwise(days)]
    expected = None
    if len(pauses) >= 3:
        whole = Decimal(str(median(pauses))).to_integral_value(ROUND_CEILING)
        expected = days[-1] + timedelta(days=int(whole))
    return {
        "purchase_days": len(days),
        "median_days_between": float(median(pauses)) if pauses else None,
        "mean_days_between": rounded(mean(map(Decimal, pauses)), 1) if pauses else None,
        "expected_next_purchase_date": expected.isoformat() if expected else None,
        "is_overdue": today > expected if expected else None,
        "days_overdue": max((today - expected).days, 0) if expected else None,
    }


def found_customers(data: StoreData, *, segment: str | None = None, **criteria: Any) -> list[Row]:
    """Rows of search_customers, all of them."""
    today = today_in(data)
    of = {str(customer["customer_id"]): customer for customer in data.customers}
    in_segment = {str(key): row["segment"] for key, row in scores(data).items()} if segment else {}
    rows = []
    for row in customers(data, **criteria):
        days = purchase_days(data, of[row["customer_id"]])
        row |= {"days_since_last_purchase": (today - days[-1]).days if days else None, "orders": len(days)}
        if segment in (None, in_segment.get(row["customer_id"])):
            rows.append(row)
    return rows


# The clientele


def activity(data: StoreData, first: date, last: date, today: date, lapse_days: int) -> Row:
    """Figures of view=activity for one period."""
    buyers, new, returning, repeat, won_back, lapsed, orders = 0, 0, 0, 0, 0, 0, 0
    revenue: defaultdict[str, Decimal] = defaultdict(Decimal)
    first_days = {c["customer_id"]: (purchase_days(data, c) or [date.max])[0] for c in data.customers}
    for receipt in data.receipts:
        if first <= receipt.day <= last:
            customer_id = receipt.row["customer_id"]
            is_new = customer_id is not None and first <= first_days[customer_id] <= last
            revenue["anonymous" if customer_id is None else "new" if is_new else "returning"] += receipt.row["subtotal"]
    for customer in data.customers:
        days = purchase_days(data, customer)
        bought = [day for day in days if first <= day <= last]
        orders += len(bought)
        buyers += bool(bought)
        new += bool(bought) and days[0] >= first
        returning += bool(bought) and days[0] < first
        repeat += len(bought) > 1
        won_back += any(
            earlier and (day - earlier[-1]).days > lapse_days
            for day in bought
            for earlier in [[other for other in days if other < day]]
        )
        lapsed += any(
            _days_without(days, first + timedelta(days=number)) == lapse_days
            for number in range((min(last, today) - first).days + 1)
        )
    counts = {
        "buyers": buyers,
        "new_customers": new,
        "returning_customers": returning,
        "won_back_customers": won_back,
        "lapsed_customers": lapsed,
        "repeat_buyers": repeat,
    }
    return {
        **counts,
        "orders": orders,
        "new_net_revenue": money(revenue["new"]),
        "returning_net_revenue": money(revenue["returning"]),
        "anonymous_net_revenue": money(revenue["anonymous"]),
        "net_revenue_per_buyer": money((revenue["new"] + revenue["returning"]) / buyers) if buyers else None,
        "few_people": [name for name, count in counts.items() if count in range(1, 5)],
    }


def _days_without(days: list[date], on: date) -> int | None:
    """Days since the latest purchase, as it was at the end of a day."""
    place = bisect_right(days, on)
    return (on - days[place - 1]).days if place else None


def activity_change(now: Row, before: Row) -> Row:
    change: Row = {}
    for name in ("buyers", "new_customers", "returning_customers", "lapsed_customers"):
        change[name] = now[name] - before[name]
        change[f"{name}_percent"] = percent(change[name], before[name])
    return change


def tiers(data: StoreData, first: date, last: date) -> list[Row]:
    figures = []
    for tier in TIERS:
        those = [c for c in data.customers if c["loyalty_tier"] == tier]
        receipts = [
            receipt
            for c in those
            for receipt in data.receipts_by_customer[c["customer_id"]]
            if first <= receipt.day <= last
        ]
        buyers = {receipt.row["customer_id"] for receipt in receipts if receipt.is_sale}
        figures.append((tier, len(those), len(buyers), total(receipt.row["subtotal"] for receipt in receipts)))
    whole = total(revenue for *_, revenue in figures)
    return [
        {
            "loyalty_tier": tier,
            "customers": count,
            "share_of_customers_percent": percent(count, len(data.customers)),
            "buyers": buyers,
            "net_revenue": money(revenue),
            "share_of_net_revenue_percent": percent(revenue, whole),
            "is_few": count < 5,
        }
        for tier, count, buyers, revenue in figures
    ]


def month_start(day: date, months: int = 0) -> date:
    number = day.year * 12 + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def is_over(month: date, day: date) -> bool:
    """Whether a month has ended by the end of a day."""
    return month.replace(day=monthrange(month.year, month.month)[1]) <= day


def cohorts(data: StoreData, first: date, last: date) -> tuple[list[Row], list[float | None], int]:
    """Rows of view=cohorts for the months from one to another, shares of all cohorts, and their customers."""
    months = []
    while not months or months[-1] < last:
        months.append(month_start(first, len(months)))
    members: dict[date, list[list[date]]] = {month: [] for month in months}
    for customer in data.customers:
        days = purchase_days(data, customer)
        if days and month_start(days[0]) in members:
            members[month_start(days[0])].append(days)
    rows, whole = [], [[0, 0] for _ in months[1:]]
    for place, month in enumerate(months):
        later = months[place + 1 :]
        retained = [sum(any(month_start(day) == then for day in days) for days in members[month]) for then in later]
        for age, count in enumerate(retained):
            whole[age][0] += count
            whole[age][1] += len(members[month])
        rows.append(
            {
                "cohort_month": month.isoformat(),
                "customers": len(members[month]),
                "retained": retained,
                "retained_percent": [percent(count, len(members[month])) for count in retained],
                "is_few": len(members[month]) < 5,
            }
        )
    return rows, [percent(*counts) for counts in whole], sum(map(len, members.values()))


def value(data: StoreData) -> tuple[Row, list[Row]]:
    """Figures and bands of view=value."""
    buyers = [c for c in data.customers if purchase_days(data, c)]
    ranked = sorted(buyers, key=lambda c: (-lifetime_value(data, c), c["customer_id"]))
    values = [lifetime_value(data, c) for c in ranked]
    whole, above, rows, taken = total(values), Decimal(0), [], 0
    for band in range(1, min(10, len(values)) + 1):
        # The first bands take what does not divide.
        size = len(values) // 10 + (band <= len(values) % 10)
        those, taken = values[taken : taken + size], taken + size
        above += total(those)
        rows.append(
            {
                "band": band,
                "customers": size,
                "lowest_value": money(those[-1]),
                "highest_value": money(those[0]),
                "lifetime_value": money(total(those)),
                "share_percent": percent(total(those), whole),
                "share_with_those_above_percent": percent(above, whole),
                "is_few": size < 5,
            }
        )
    figures = {
        "buyers": len(buyers),
        "customers_without_purchase": len(data.customers) - len(buyers),
        "lifetime_value": money(whole),
        "mean_value": money(whole / len(values)) if values else None,
        "median_value": money(sorted(values)[(len(values) - 1) // 2]) if values else None,
    }
    return figures, rows
