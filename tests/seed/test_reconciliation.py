from __future__ import annotations

from collections import Counter, defaultdict
from datetime import timedelta

import pytest

from seed.generate import generate
from tests.seed.rows import SMALL, Rows, collect, local_date


@pytest.fixture(scope="module")
def rows() -> Rows:
    return collect(generate(SMALL))


def test_lines_are_priced_to_the_cent(rows):
    for line in rows["sales_transaction_items"]:
        gross = line["quantity"] * line["unit_price"]
        assert line["total_price"] == gross - line["discount_amount"]
        assert 0 <= line["discount_amount"] <= gross * 0.25 + 0.5


def test_receipts_are_the_signed_sums_of_their_lines(rows):
    sums = defaultdict(Counter)
    for line in rows["sales_transaction_items"]:
        for column in ("total_price", "tax_amount", "discount_amount"):
            sums[line["transaction_id"]][column] += line["direction"] * line[column]
    for receipt in rows["sales_transactions"]:
        total = sums[receipt["transaction_id"]]
        assert receipt["subtotal"] == total["total_price"]
        assert receipt["tax_amount"] == total["tax_amount"]
        assert receipt["discount_amount"] == total["discount_amount"]
        assert receipt["total_amount"] == receipt["subtotal"] + receipt["tax_amount"]


def test_lifetime_value_is_the_sum_of_the_receipts(rows):
    spent = Counter()
    for receipt in rows["sales_transactions"]:
        spent[receipt["customer_id"]] += receipt["total_amount"]

    assert all(row["total_lifetime_value"] == spent[row["customer_id"]] for row in rows["customers"])


def test_purchases_are_counted_and_dated_by_the_sale_receipts(rows):
    bought = defaultdict(list)
    for receipt in rows["sales_transactions"]:
        if receipt["transaction_type"] == "sale":
            bought[receipt["customer_id"]].append(receipt["transaction_date"])

    for row in rows["customers"]:
        dates = bought[row["customer_id"]]
        assert row["purchase_count"] == len(dates)
        assert (row["first_purchase_at"], row["last_purchase_at"]) == (
            min(dates, default=None),
            max(dates, default=None),
        )


def test_tiers_follow_spending_and_their_shares(rows):
    order = ["bronze", "silver", "gold", "platinum"]
    seattle = [row for row in rows["customers"] if row["store_id"] == "seattle"]
    seattle.sort(key=lambda row: (order.index(row["loyalty_tier"]), row["total_lifetime_value"]))
    values = [row["total_lifetime_value"] for row in seattle]
    tiers = Counter(row["loyalty_tier"] for row in seattle)

    assert values == sorted(values)
    for tier, share in zip(order, (0.5, 0.3, 0.15, 0.05), strict=True):
        assert tiers[tier] / len(seattle) == pytest.approx(share, abs=0.01)


def test_stock_is_the_sum_of_movements_and_never_negative(rows):
    on_hand = Counter()
    for movement in rows["stock_movements"]:
        assert movement["quantity"] != 0
        on_hand[movement["product_id"]] += movement["quantity"]
        assert on_hand[movement["product_id"]] >= 0

    assert all(row["current_stock"] == on_hand[row["product_id"]] for row in rows["products"])


def test_stock_is_never_negative_in_order_of_time_either(rows):
    on_hand = Counter()
    # A delivery counts before a sale of the same second.
    for movement in sorted(rows["stock_movements"], key=lambda row: (row["moved_at"], -row["quantity"])):
        on_hand[movement["product_id"]] += movement["quantity"]
        assert on_hand[movement["product_id"]] >= 0


def test_each_line_moves_stock_once(rows):
    moved = {row["item_id"]: row["quantity"] for row in rows["stock_movements"] if row["item_id"]}
    sold = {row["item_id"]: -row["direction"] * row["quantity"] for row in rows["sales_transaction_items"]}

    assert moved == sold
    reasons = {row["reason"] for row in rows["stock_movements"]}
    assert reasons == {"opening", "purchase", "sale", "return", "adjustment"}


def test_returns_refer_to_an_earlier_sale_of_the_same_customer(rows):
    receipts = {row["transaction_id"]: row for row in rows["sales_transactions"]}
    for receipt in rows["sales_transactions"]:
        original = receipts.get(receipt["original_transaction_id"])
        if receipt["transaction_type"] == "sale":
            assert original is None
            assert receipt["return_reason"] is None
            continue
        assert original["transaction_type"] == "sale"
        assert original["store_id"] == receipt["store_id"]
        assert original["customer_id"] == receipt["customer_id"]
        assert receipt["return_reason"]
        days = local_date(receipt) - local_date(original)
        assert timedelta(days=1) <= days <= timedelta(days=30)


def test_nothing_is_returned_that_was_not_bought_and_refunds_are_proportional(rows):
    lines = {row["item_id"]: row for row in rows["sales_transaction_items"]}
    receipts = {row["transaction_id"]: row for row in rows["sales_transactions"]}
    returned = Counter()
    for line in rows["sales_transaction_items"]:
        if line["direction"] == 1:
            assert line["original_item_id"] is None
            continue
        sold = lines[line["original_item_id"]]
        returned[line["original_item_id"]] += line["quantity"]
        assert sold["transaction_id"] == receipts[line["transaction_id"]]["original_transaction_id"]
        assert (sold["product_id"], sold["unit_price"]) == (line["product_id"], line["unit_price"])
        for column in ("discount_amount", "tax_amount"):
            exact = sold[column] * line["quantity"] / sold["quantity"]
            assert abs(line[column] - exact) <= 0.5
    assert returned
    assert all(count <= lines[item_id]["quantity"] for item_id, count in returned.items())


def test_exchanges_have_lines_both_ways(rows):
    directions = defaultdict(set)
    for line in rows["sales_transaction_items"]:
        directions[line["transaction_id"]].add(line["direction"])
    expected = {"sale": {1}, "return": {-1}, "exchange": {1, -1}}

    for receipt in rows["sales_transactions"]:
        assert directions[receipt["transaction_id"]] == expected[receipt["transaction_type"]]
