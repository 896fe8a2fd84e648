"""Exports of Shopify: what becomes of products with variants, of customers, and of orders."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import OptionError
from server.imports.customers.job import CustomerImport
from server.imports.errors import ImportFileError, RejectedRowsError
from server.imports.faults import FieldRow
from server.imports.reading.rows import SourceRow
from server.imports.sales.merge import SalesOptions
from server.imports.shopify.orders import _Money, shares
from server.imports.shopify.texts import plain
from tests.imports.catalogues import counts, load, load_kind, rejects_of, write_json, write_text
from tests.imports.receipts import lines, load_sales
from tests.imports.shopify_files import CUSTOMERS, ORDERS, PRODUCTS, PRODUCTS_NOW
from tests.support import Retailer


async def open_shop(retailer: Retailer, directory: Path) -> None:
    await load(retailer, write_text(directory, PRODUCTS))
    await load_kind(retailer, write_text(directory, CUSTOMERS), CustomerImport())


async def product(retailer: Retailer, sku: str) -> dict[str, Any]:
    (found,) = await retailer.fetch(
        "select p.*, t.names from retail.products p left join retail.category_tree t using (category_id)"
        " where sku = $1",
        sku,
    )
    return found


def export_of_products(*rows: dict[str, str]) -> str:
    """A row per product with the columns that matter."""
    columns = (
        "Handle", "Title", "Body (HTML)", "Vendor", "Type", "Tags", "Option1 Name", "Option1 Value", "Variant SKU",
        "Variant Price",
    )  # fmt: skip
    table = io.StringIO()
    writer = csv.DictWriter(table, columns, restval="")
    writer.writeheader()
    for number, row in enumerate(rows, start=1):
        writer.writerow(
            {"Handle": f"p{number}", "Title": "Lamp", "Variant SKU": f"L-{number}", "Variant Price": "1"} | row
        )
    return table.getvalue()


async def test_what_shopify_allows_to_be_longer_rejects_no_product(retailer: Retailer, tmp_path: Path) -> None:
    """Titles and options of 255 characters, 250 tags of as many, descriptions of half a megabyte (shopify.dev)."""
    size = "Large, 500 ml, with a lid that can be screwed off and on again"
    tags = ["collection:" + "x" * 52, *(f"tag-{number}" for number in range(60))]
    rows = (
        {"Title": "Travel mug " * 18, "Option1 Name": "Size", "Option1 Value": size},
        {"Option1 Name": "Colour", "Option1 Value": "Midnight navy with hand-dyed ochre, sage and terracotta stripes"},
        {"Tags": ", ".join(tags)},
        {"Body (HTML)": f"<p>{'Very long care text. ' * 600}</p>", "Vendor": "Lux " * 40},
        {"Title": "Mug", "Option1 Name": "Pattern", "Option1 Value": "stripes " * 31},
        {"Tags": ", ".join(f"{number}{'t' * 250}" for number in range(250))},
    )

    report = await load(retailer, write_text(tmp_path, export_of_products(*rows)))

    assert counts(report) == (6, 0, 0, 0)
    assert report.notices == {
        "names were cut to 200 characters": 2,
        "values of the option size are too long to filter by; they stay in the name and metadata": 1,
        "values of the option color are too long to filter by; they stay in the name and metadata": 1,
        "tags beyond 50, or longer than 50 characters, went into metadata": 261,
        "tags were left out, as metadata has no room for them": 219,
        "descriptions were cut to 10,000 characters": 1,
        "vendors were cut to 100 characters": 1,
    }
    mug, scarf, tagged, lamp, patterned, _ = [await product(retailer, f"L-{number}") for number in range(1, 7)]
    assert mug["product_name"].startswith("Travel mug Travel mug")
    assert mug["product_name"].endswith(f"… - {size}")
    assert len(mug["product_name"]) <= 200
    assert mug["size"] is None
    assert json.loads(mug["metadata"])["options"] == {"Size": size}
    assert scarf["color"] is None
    assert tagged["tags"] == tags[1:51]
    assert json.loads(tagged["metadata"])["more_tags"] == [tags[0], *tags[51:]]
    assert len(lamp["product_description"]) <= 10_000
    assert lamp["brand"].endswith("…")
    assert patterned["product_name"].startswith("Mug… - stripes")


async def test_each_variant_is_a_product(retailer: Retailer, tmp_path: Path) -> None:
    report = await load(retailer, write_text(tmp_path, PRODUCTS))

    assert counts(report) == (3, 0, 0, 0)
    assert report.notices == {
        "variants were sold beyond their stock, which was taken for 0": 1,
        "rows with a further picture of a product were passed over": 1,
    }
    small, medium, mug = [await product(retailer, sku) for sku in ("WS-S", "WS-M", "MUG-1")]
    assert small["product_name"] == "Work Shirt - S / Blue"
    assert small["product_description"] == "Heavy cotton & linen.\nTwo pockets"
    assert small["names"] == ["apparel & accessories", "clothing", "shirts"]
    assert (small["brand"], small["size"], small["color"], small["tags"]) == (
        "Ironside", "S", "Blue", ["work", "cotton"],
    )  # fmt: skip
    assert (small["price"], small["cost"], small["weight_kg"], small["current_stock"]) == (
        Decimal("39.90"), Decimal("14.50"), Decimal("0.350"), 12,
    )  # fmt: skip
    assert json.loads(small["metadata"]) == {
        "shopify_handle": "work-shirt",
        "barcode": "4006381333931",
        "options": {"Size": "S", "Color": "Blue"},
    }
    assert (medium["product_name"], medium["brand"], medium["current_stock"]) == ("Work Shirt - M / Red", "Ironside", 0)
    assert (mug["product_name"], mug["names"], mug["is_active"]) == ("Mug", ["kitchen"], False)

    assert counts(await load(retailer, write_text(tmp_path, PRODUCTS))) == (0, 0, 3, 0)
    now = await load(retailer, write_text(tmp_path, PRODUCTS_NOW), partial=True)
    assert counts(now) == (0, 1, 0, 0)
    mug = await product(retailer, "MUG-1")
    assert (mug["price"], mug["cost"], mug["weight_kg"], mug["current_stock"], mug["is_active"]) == (
        Decimal("8.50"), Decimal("3.00"), Decimal("0.250"), 7, True,
    )  # fmt: skip


async def test_variant_without_a_sku_is_rejected_or_takes_another_column(retailer: Retailer, tmp_path: Path) -> None:
    file = write_text(tmp_path, PRODUCTS.replace("'MUG-1", ""))
    with pytest.raises(RejectedRowsError, match=r"Row 4 .*sku: is empty"):
        await load(retailer, file)

    mug = PRODUCTS.splitlines()[0] + "\n" + PRODUCTS.splitlines()[4].replace("'MUG-1", "")
    await load(retailer, write_text(tmp_path, mug), mapping={"Handle": "sku"})
    assert (await product(retailer, "mug"))["product_name"] == "Mug"


async def test_customers_of_shopify(retailer: Retailer, tmp_path: Path) -> None:
    await load_kind(retailer, write_text(tmp_path, CUSTOMERS), CustomerImport())

    found = await retailer.fetch("select first_name, email, phone from retail.customers order by email")
    assert [tuple(row.values()) for row in found] == [
        ("Ann", "ann@example.com", "+12065550100"),
        ("Bob", "bob@example.com", "206-555-0101"),
    ]


async def test_orders_become_receipts(retailer: Retailer, tmp_path: Path) -> None:
    await open_shop(retailer, tmp_path)

    report = await load_sales(retailer, write_text(tmp_path, ORDERS))

    assert (report.merged.inserted, report.merged.lines) == (4, 5)
    assert report.notices == {
        "orders were refunded in full: each has a return of all lines, on its own day as no other is known": 1,
        "orders that are not paid, or cancelled, were passed over": 2,
    }
    # Ten off 98.79 spread by amount, 7.11 tax by what is paid; prices of #1005 include their tax.
    d = Decimal
    assert await lines(retailer) == [
        ("#1001", 1, "WS-M", 1, d("18.99"), d("1.92"), d("1.37"), d("17.07"), None),
        ("#1001", 1, "WS-S", 2, d("39.90"), d("8.08"), d("5.74"), d("71.72"), None),
        ("#1002", 1, "MUG-1", 1, d("8.00"), d("1.00"), d("0.00"), d("7.00"), None),
        ("#1002-refund", -1, "MUG-1", 1, d("8.00"), d("1.00"), d("0.00"), d("7.00"), "#1002"),
        ("#1005", 1, "MUG-1", 3, d("6.67"), d("0.01"), d("4.00"), d("20.00"), None),
    ]
    receipts = await retailer.fetch(
        "select t.total_amount, c.email, t.payment_method, t.cashier_id, t.register_id, t.notes, t.metadata"
        " from retail.sales_transactions t left join retail.customers c using (store_id, customer_id)"
        " order by t.receipt_number"
    )
    assert [(str(row["total_amount"]), row["email"], row["payment_method"]) for row in receipts] == [
        ("95.90", "ann@example.com", "credit_card"),
        ("7.00", None, "digital_wallet"),
        ("-7.00", None, "digital_wallet"),
        ("24.00", None, "cash"),
    ]
    assert [(row["cashier_id"], row["register_id"], row["notes"]) for row in receipts] == [
        (None, "Downtown", "Ring twice"),
        ("Kim", None, None),
        ("Kim", None, None),
        (None, None, None),
    ]
    assert json.loads(receipts[0]["metadata"]) == {"payment_method": "Shopify Payments", "shipping": "5.00"}
    assert json.loads(receipts[3]["metadata"])["prices_included_tax"] is True
    assert (await load_sales(retailer, write_text(tmp_path, ORDERS))).merged.unchanged == 4


ORDER_COLUMNS = (
    "Name", "Financial Status", "Currency", "Subtotal", "Shipping", "Taxes", "Total", "Discount Amount", "Created at",
    "Lineitem quantity", "Lineitem name", "Lineitem price", "Lineitem sku", "Lineitem taxable", "Refunded Amount",
)  # fmt: skip


def export_of_orders(*rows: dict[str, str]) -> str:
    table = io.StringIO()
    writer = csv.DictWriter(table, ORDER_COLUMNS, restval="")
    writer.writeheader()
    usual = {"Financial Status": "paid", "Currency": "USD", "Created at": "2026-03-02 10:15:00 -0800"}
    writer.writerows(usual | row for row in rows)
    return table.getvalue()


async def sums(retailer: Retailer) -> tuple[str, str, str]:
    """Net, tax and cost of all receipts."""
    (row,) = await retailer.fetch(
        "select sum(direction * total_price) as net, sum(direction * tax_amount) as tax,"
        " sum(direction * quantity * unit_cost) as cost from retail.sales_transaction_items"
    )
    return str(row["net"]), str(row["tax"]), str(row["cost"])


LAMP = {"name": "Lamp", "sku": "LAMP", "price": 120, "cost": 60}


async def test_prices_that_include_tax_are_stored_without_it(retailer: Retailer, tmp_path: Path) -> None:
    """OCA/margin-analysis#108, woocommerce/woocommerce#14402: net revenue and margin came out with the tax in them."""
    await load(retailer, write_json(tmp_path, [LAMP]))
    line = {"Lineitem name": "Lamp", "Lineitem price": "120.00", "Lineitem sku": "LAMP", "Lineitem taxable": "true"}
    first = {"Name": "#1", "Subtotal": "120.00", "Taxes": "20.00", "Total": "120.00", "Lineitem quantity": "1"}
    # One of the 41.00 is on the shipping.
    second = {"Name": "#2", "Subtotal": "240.00", "Shipping": "6.00", "Taxes": "41.00", "Total": "246.00"}
    text = export_of_orders(line | first, line | second | {"Lineitem quantity": "2"})

    await load_sales(retailer, write_text(tmp_path, text), sales=SalesOptions(cost_from_catalogue=True))

    assert await sums(retailer) == ("300.00", "60.00", "180.00")
    assert {row[4:6] for row in await lines(retailer)} == {(Decimal("100.00"), Decimal("0.00"))}
    (found,) = await retailer.fetch("select metadata from retail.sales_transactions where receipt_number = '#2'")
    assert json.loads(found["metadata"]) == {"shipping": "6.00", "prices_included_tax": True, "shipping_tax": "1.00"}


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 50_000)), min_size=1, max_size=6),
    st.sampled_from([5, 7, 19, 20, 25]),
)
def test_a_basket_is_the_same_in_both_conventions(basket: list[tuple[int, int]], percent: int) -> None:
    """Net and tax of each line; the prices are whole units before tax, so that no cent has to be rounded."""
    net = [quantity * units for quantity, units in basket]
    tax = [Decimal(line * percent) / 100 for line in net]
    for included in (False, True):
        rows = [
            {
                "lineitem_quantity": str(quantity),
                "lineitem_price": str(units + Decimal(included * units * percent) / 100),
            }
            for quantity, units in basket
        ]
        order: dict[str, object] = {
            "subtotal": str(sum(net) + included * sum(tax)),
            "taxes": str(sum(tax)),
            "total": str(sum(net) + sum(tax)),
        }
        goods = [FieldRow(SourceRow(1, 2, {}), dict(values)) for values in rows]
        money = _Money(order, goods, tips=[])
        assert money.fault is None
        found = [
            (quantity * Decimal(str(line.get("unit_price", values["lineitem_price"]))) - Decimal(str(line["discount"])))
            for (quantity, _), values, line in zip(basket, rows, money.lines, strict=True)
        ]
        assert found == net
        assert [line["tax"] for line in money.lines] == tax


async def test_no_order_is_lost_to_a_line_without_an_article(retailer: Retailer, tmp_path: Path) -> None:
    """frappe/ecommerce_integrations#195, gatsbyjs/gatsby-source-shopify#59: tips, custom items, deleted articles."""
    await load(retailer, write_json(tmp_path, [LAMP]))
    line = {"Lineitem quantity": "1", "Lineitem taxable": "false"}
    text = export_of_orders(
        line
        | {"Name": "#1", "Subtotal": "125.00", "Taxes": "0.00", "Total": "125.00"}
        | {"Lineitem name": "Lamp", "Lineitem price": "120.00", "Lineitem sku": "LAMP"},
        line | {"Name": "#1", "Lineitem name": "Tip", "Lineitem price": "5.00"},
        line
        | {"Name": "#2", "Subtotal": "35.00", "Total": "35.00"}
        | {"Lineitem name": "Gift wrapping", "Lineitem price": "35.00"},
        line
        | {"Name": "#3", "Subtotal": "10.00", "Total": "10.00"}
        | {"Lineitem name": "Old Shade", "Lineitem price": "10.00", "Lineitem sku": "SHADE"},
        line | {"Name": "#4", "Subtotal": "3.00", "Total": "3.00", "Lineitem name": "Tip", "Lineitem price": "3.00"},
    )

    report = await load_sales(retailer, write_text(tmp_path, text))

    assert (report.merged.inserted, report.merged.placeholders, report.rejected) == (3, 2, 0)
    assert "2 lines are of articles that the catalogue lacks" in report.merged.notes()[-1]
    assert report.notices == {
        "orders have a tip, which is kept in the receipt's metadata and is no revenue": 1,
        "orders of a tip alone were passed over": 1,
    }
    assert (await sums(retailer))[0] == "165.00"
    made = await retailer.fetch(
        "select sku, product_name, price::text, is_active from retail.products where metadata ? 'placeholder'"
        ' order by sku collate "C"'
    )
    assert [tuple(row.values()) for row in made] == [
        ("SHADE", "Old Shade", "10.00", False),
        ("custom:gift-wrapping", "Gift wrapping", "35.00", False),
    ]
    (tipped,) = await retailer.fetch("select metadata from retail.sales_transactions where receipt_number = '#1'")
    assert json.loads(tipped["metadata"])["tip"] == "5.00"
    # The catalogue has the article after all.
    await load(retailer, write_json(tmp_path, [LAMP, LAMP | {"sku": "SHADE"}]))
    assert (await product(retailer, "SHADE"))["is_active"]
    again = await load_sales(retailer, write_text(tmp_path, text))
    assert (again.merged.inserted, again.merged.unchanged) == (0, 3)


async def test_a_refund_in_full_is_a_return(retailer: Retailer, tmp_path: Path) -> None:
    """woocommerce/woocommerce-admin#1555: an order that was refunded counted as revenue."""
    await load(retailer, write_json(tmp_path, [LAMP | {"cost": None}]))
    order = {
        "Subtotal": "120.00", "Taxes": "12.00", "Total": "132.00", "Lineitem quantity": "1", "Lineitem name": "Lamp",
        "Lineitem price": "120.00", "Lineitem sku": "LAMP", "Lineitem taxable": "true",
    }  # fmt: skip
    paid = export_of_orders(order | {"Name": "#1", "Refunded Amount": "0.00"}, order | {"Name": "#2"})
    await load_sales(retailer, write_text(tmp_path, paid))
    assert await sums(retailer) == ("240.00", "24.00", "None")

    refunded = export_of_orders(
        order | {"Name": "#1", "Financial Status": "refunded", "Refunded Amount": "132.00"},
        order | {"Name": "#2", "Financial Status": "partially_refunded", "Refunded Amount": "32.00"},
    )
    report = await load_sales(retailer, write_text(tmp_path, refunded))

    assert (report.merged.inserted, report.merged.unchanged) == (1, 2)
    assert [(name.partition(":")[0], times) for name, times in report.notices.items()] == [
        ("orders were refunded in full", 1),
        ("orders were refunded in part, which the export does not break down by line", 1),
    ]
    assert await sums(retailer) == ("120.00", "12.00", "None")
    (back,) = [row for row in await lines(retailer) if row[1] == -1]
    assert (back[0], back[-1]) == ("#1-refund", "#1")


async def test_order_that_does_not_add_up_is_rejected(retailer: Retailer, tmp_path: Path) -> None:
    await open_shop(retailer, tmp_path)
    text = ORDERS.replace("7.11,100.90", "7.11,101.90").replace(",24.00,0.00,4.00,24.00,", ",23.00,0.00,4.00,23.00,")
    text = text.replace("USD,7.00", "EUR,7.00")

    with pytest.raises(RejectedRowsError):
        await load_sales(retailer, write_text(tmp_path, text))

    rejects = rejects_of(tmp_path / "catalogue.csv.rejected.csv")
    assert [(reject["row"], reject["field"]) for reject in rejects] == [
        ("1", "total"), ("2", ""), ("3", "currency"), ("6", "subtotal"),
    ]  # fmt: skip
    assert json.loads(rejects[0]["raw"])["Lineitem sku"] == "WS-S"


async def test_format_is_what_the_operator_says(retailer: Retailer, tmp_path: Path) -> None:
    with pytest.raises(ImportFileError, match="The file is JSON"):
        await load(retailer, write_json(tmp_path, [{"sku": "A"}]), layout="shopify")
    with pytest.raises(ImportFileError, match=r"The header lacks a column\. Name one: handle or url_handle"):
        await load(retailer, write_text(tmp_path, "name,sku,price\nHammer,H-1,28\n"), layout="shopify")
    with pytest.raises(ImportFileError, match="Name one: name or product_name or title"):
        await load(retailer, write_text(tmp_path, "Handle,Variant SKU\na,b\n"), layout="own")
    # Columns that Shopify has as well do not make a file one of its exports.
    own = await load(retailer, write_text(tmp_path, "handle,title,sku,price\nx,Hammer,H-1,28\n"))
    assert own.ignored == ["handle"]
    with pytest.raises(OptionError, match="no format 'magento'"):
        await load(retailer, write_text(tmp_path, PRODUCTS), layout="magento")


@given(
    st.integers(0, 10**7).map(lambda cents: Decimal(cents) / 100),
    st.lists(st.integers(0, 10**7).map(lambda cents: Decimal(cents) / 100), min_size=1, max_size=20),
)
def test_shares_add_up_and_are_fair(amount: Decimal, weights: list[Decimal]) -> None:
    parts = shares(amount, weights)

    assert sum(parts) == amount
    whole = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        assert part == part.quantize(Decimal("0.01"))
        fair = amount * weight / whole if whole else amount / len(weights)
        assert abs(part - fair) < Decimal("0.01")


def test_descriptions_lose_their_tags() -> None:
    assert plain("a &lt; b") == "a < b"
    assert plain("5 > 3") == "5 > 3"
    assert plain("<p>One</p>\n<p>Two<br>Three</p><script>x()</script>") == "One\nTwo\nThree"
