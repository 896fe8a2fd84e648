from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date

import pytest

from seed.catalogue import catalogue
from seed.generate import generate
from tests.seed.rows import AS_OF, PACIFIC, SMALL, Rows, collect, digest, local_date, moment


@pytest.fixture(scope="module")
def rows() -> Rows:
    return collect(generate(SMALL))


def test_same_options_give_the_same_rows():
    assert digest(SMALL) == digest(SMALL)


def test_another_seed_gives_other_rows():
    assert digest(SMALL) != digest(replace(SMALL, random_seed=8))


def test_volumes_are_exactly_those_asked_for(rows):
    assert len(rows["stores"]) == 4
    assert len(rows["customers"]) == SMALL.customers
    assert len(rows["sales_transactions"]) == SMALL.transactions
    assert len({row["sku"] for row in rows["products"]}) == SMALL.products


@pytest.mark.parametrize(
    "extreme",
    [
        {"stores": 1, "products": 4, "customers": 1, "transactions": 1, "days": 1},
        {"stores": 1, "products": 4, "customers": 1, "transactions": 2_000, "days": 2},
        {"stores": 60, "products": 240, "customers": 30, "transactions": 300, "days": 10},
        {"stores": 1_000, "products": 4_000, "customers": 10, "transactions": 10, "days": 2},
    ],
)
def test_extreme_volumes_are_met_exactly(extreme):
    rows = collect(generate(replace(SMALL, **extreme)))

    assert len(rows["stores"]) == len({row["store_id"] for row in rows["stores"]}) == extreme["stores"]
    assert len(rows["sales_transactions"]) == extreme["transactions"]
    assert {row["store_id"] for row in rows["products"]} == {row["store_id"] for row in rows["stores"]}
    assert all(row["current_stock"] >= 0 for row in rows["products"])


def test_keys_are_distinct(rows):
    for table, key in (
        ("customers", "customer_id"),
        ("products", "product_id"),
        ("sales_transactions", "transaction_id"),
        ("sales_transaction_items", "item_id"),
    ):
        assert len({row[key] for row in rows[table]}) == len(rows[table])
    receipts = {(row["store_id"], row["receipt_number"]) for row in rows["sales_transactions"]}
    assert len(receipts) == SMALL.transactions
    addresses = {(row["store_id"], row["email"]) for row in rows["customers"]}
    assert len(addresses) == SMALL.customers


def test_flagship_and_web_shop_show_every_type_of_product():
    products = collect(generate(replace(SMALL, products=500, transactions=1)))["products"]
    types = defaultdict(set)
    for row in products:
        types[row["store_id"]].add(row["sku"].split("-")[1])

    assert len(types["seattle"]) == len(types["online"]) == len(catalogue().placements)
    assert all(1 <= count <= 4 for count in Counter(row["sku"] for row in products).values())


def test_some_people_are_customers_of_several_stores(rows):
    stores = Counter(email for _, email in {(row["store_id"], row["email"]) for row in rows["customers"]})

    assert any(count > 1 for count in stores.values())


def test_types_have_their_shares():
    rows = collect(generate(replace(SMALL, transactions=20_000, days=365)))
    counts = Counter(row["transaction_type"] for row in rows["sales_transactions"])

    assert counts["sale"] / 20_000 == pytest.approx(0.90, abs=0.01)
    assert counts["return"] / 20_000 == pytest.approx(0.07, abs=0.01)
    assert counts["exchange"] / 20_000 == pytest.approx(0.03, abs=0.01)


def test_nothing_happens_outside_the_period(rows):
    for receipt in rows["sales_transactions"]:
        assert SMALL.first_day <= local_date(receipt) < AS_OF
        assert receipt["created_at"] == receipt["transaction_date"]
    for movement in rows["stock_movements"]:
        assert SMALL.first_day <= moment(movement["moved_at"]).astimezone(PACIFIC).date() < AS_OF


def test_shops_keep_opening_hours_and_the_web_does_not(rows):
    hours = defaultdict(set)
    for receipt in rows["sales_transactions"]:
        hours[receipt["store_id"]].add(moment(receipt["transaction_date"]).astimezone(PACIFIC).hour)

    assert hours["seattle"] == set(range(9, 21))
    assert hours["online"] & set(range(9)) and hours["online"] & {21, 22, 23}


def test_online_takes_no_cash(rows):
    assert {row["payment_method"] for row in rows["sales_transactions"] if row["store_id"] == "online"} == {
        "credit_card",
        "debit_card",
        "digital_wallet",
    }


def test_customers_buy_only_after_they_joined(rows):
    since = {row["customer_id"]: row["customer_since"] for row in rows["customers"]}
    for receipt in rows["sales_transactions"]:
        if receipt["customer_id"]:
            assert since[receipt["customer_id"]] <= local_date(receipt).isoformat()


def test_customers_were_of_age_when_they_joined(rows):
    for row in rows["customers"]:
        if row["date_of_birth"]:
            born, joined = (date.fromisoformat(row[column]) for column in ("date_of_birth", "customer_since"))
            assert (joined - born).days >= 18 * 365.25


def test_walk_ins_are_about_fifteen_percent(rows):
    walk_ins = sum(row["customer_id"] is None for row in rows["sales_transactions"])

    assert walk_ins / SMALL.transactions == pytest.approx(0.15, abs=0.03)


def test_companions_are_bought_together_far_more_often_than_by_chance(rows):
    types = {row["product_id"]: row["sku"].split("-")[1] for row in rows["products"]}
    baskets = defaultdict(set)
    for line in rows["sales_transaction_items"]:
        baskets[line["transaction_id"]].add(types[line["product_id"]])
    holding = Counter(code for basket in baskets.values() for code in basket)
    together = by_chance = 0.0
    for placement in catalogue().placements:
        for companion in placement.type.goes_with:
            pair = {placement.type.code, companion}
            together += sum(pair <= basket for basket in baskets.values())
            by_chance += holding[placement.type.code] * holding[companion] / len(baskets)

    assert together > 4 * by_chance


def test_some_products_run_low_but_most_do_not(rows):
    active = [row for row in rows["products"] if row["is_active"] == "true"]
    low = sum(row["current_stock"] <= row["reorder_point"] for row in active)

    assert 0.02 <= low / len(active) <= 0.12
    assert 0 < len(rows["products"]) - len(active) < len(active) * 0.06


def test_same_article_has_its_own_price_in_each_store(rows):
    prices = defaultdict(set)
    for row in rows["products"]:
        prices[row["sku"]].add(row["price"])
        assert row["cost"] < row["price"]
        assert row["price"] % 100 in (49, 99)

    assert any(len(of_one) > 1 for of_one in prices.values())
