"""One product: what each field takes, and what it answers to what it does not."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from server.imports.products.product import COLUMNS, PRODUCTS, ImportedProduct
from tests.support import Retailer

DOCUMENTATION = Path(__file__).parents[2] / "docs/importing.md"


def product(currency: str = "USD", **values: Any) -> ImportedProduct:
    row = {"name": "Hammer", "sku": "H-1", "price": 28, **values}
    return ImportedProduct.model_validate(row, context={"currency": currency})


def fault(currency: str = "USD", **values: Any) -> str:
    """What is wrong with the one field that is, and how to correct it."""
    with pytest.raises(ValidationError) as refused:
        product(currency, **values)
    (found,) = refused.value.errors()
    assert found["loc"] == (next(iter(values)),)
    return f"{found['ctx']['problem']}. {found['ctx']['correction']}"


@pytest.mark.parametrize("field", ImportedProduct.model_fields)
def test_every_name_of_a_field_is_understood_and_documented(field: str) -> None:
    documentation = DOCUMENTATION.read_text(encoding="utf-8")
    for name in PRODUCTS.names_of(field):
        assert PRODUCTS.field_of(name) == field
        assert f"`{name}`" in documentation


@pytest.mark.parametrize("name", ["Product Name", "product-name", " PRODUCT_NAME ", "Title"])
def test_case_and_separators_of_a_name_do_not_matter(name: str) -> None:
    assert PRODUCTS.field_of(name) == "name"


def test_unknown_names_are_told() -> None:
    assert PRODUCTS.by_field({"name": "Hammer", "Colour": "red", "image_url": "x"}) == (
        {"name": "Hammer", "color": "red"},
        ["image_url"],
    )


def test_two_names_of_a_field_may_agree_but_not_differ() -> None:
    assert PRODUCTS.by_field({"stock": 5, "quantity": 5, "stock_level": None})[0] == {"stock_level": 5}
    with pytest.raises(PydanticCustomError, match="stock_level stands twice"):
        PRODUCTS.by_field({"stock": 5, "quantity": 6})


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        (28, "28.00"),
        (Decimal("28.1"), "28.10"),
        (Decimal("28.000"), "28.00"),
        ("28", "28.00"),
        ("28.00", "28.00"),
        ("$28.00", "28.00"),
        ("$ 28.5", "28.50"),
        ("1,299.00", "1299.00"),
        ("1,299", "1299.00"),
        ("12,345,678.90", "12345678.90"),
        (" 0 ", "0.00"),
        ("99999999.99", "99999999.99"),
        # Magento writes four and six decimals.
        ("34.000000", "34.00"),
        ("12.5000", "12.50"),
        ("0.500", "0.50"),
        ("1,299.500", "1299.50"),
        # pandas writes a sign before what rounds to nothing.
        ("-0.00", "0.00"),
        (Decimal("-0.0"), "0.00"),
        ("12,34,567.50", "1234567.50"),
        ("28 USD", "28.00"),
        ("USD28.50", "28.50"),
        ("28.50 $", "28.50"),
        ("US$ 28.50", "28.50"),
        ("'28.50", "28.50"),
        ("1e3", "1000.00"),
        ("2.85E+01", "28.50"),
    ],
)
def test_prices(value: object, amount: str) -> None:
    assert str(product(price=value).price) == amount


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "is empty. Fill it in."),
        (None, "is empty"),
        ("1.299,00", "can be read in two ways"),
        ("28,5", "can be read in two ways"),
        ("28,50 EUR", "can be read in two ways"),
        ("12,34,56", "is not an amount"),
        ("34.000", "more than two decimals"),
        ("1.5e-3", "more than two decimals"),
        ("1.299", "more than two decimals. Round it"),
        ("28.999", "more than two decimals"),
        (Decimal("28.999"), "more than two decimals"),
        (Decimal("1e-400"), "more than two decimals"),
        (-1, "'-1' is negative. Write an amount of 0 or more."),
        ("-28.00", "is negative"),
        ("($5)", "is negative"),
        ("100000000", "is too much. Write an amount of at most 99,999,999.99."),
        (Decimal("1e400"), "is too much"),
        ("9" * 10_000, "is too much"),
        ("28 EUR", "carries the code EUR, but the store's currency is USD"),
        ("28 each", "is not an amount"),
        ("USD 28 EUR", "carries the code EUR"),
        ("-$5", "is negative"),
        ("$-5", "is negative"),
        ("1e+400", "is not an amount"),
        ("nan", "is not an amount"),
        ("٢٨", "is not an amount"),
        ("free", "'free' is not an amount. Write a number like 28, 28.50 or 1,299.00."),
        (True, "is not an amount"),
        ([28], "is not an amount"),
        ("€28", "carries the sign €, but the store's currency is USD"),
    ],
)
def test_prices_that_are_none(value: object, message: str) -> None:
    assert message in fault(price=value)


@pytest.mark.parametrize("written", ["4.00638E+12", "4,00638E+12", "4E+12", "'4.00638e+012"])
@pytest.mark.parametrize("field", ["sku", "supplier_sku"])
def test_a_code_that_a_spreadsheet_has_shortened_is_refused(field: str, written: str) -> None:
    """Several articles have that code then, and none of them had it."""
    assert "is a number that a spreadsheet has shortened, so that digits are lost" in fault(**{field: written})


@pytest.mark.parametrize(
    ("written", "sku"),
    [("'0042", "0042"), ("1E5", "1E5"), ("E+12", "E+12"), ("'Round", "'Round"), ("12E+3456", "12E+3456"), (42, "42")],
)
def test_codes(written: object, sku: str) -> None:
    assert product(sku=written).sku == sku


def test_sign_of_the_stores_currency_is_understood() -> None:
    assert product("EUR", price="€28").price == 28
    assert "carries the sign $" in fault("EUR", price="$28")


@pytest.mark.parametrize(
    ("value", "number"), [(0, 0), ("25", 25), ("25.0", 25), ("1,000", 1000), (Decimal("25.0"), 25), ("", None)]
)
def test_stock_levels(value: object, number: int | None) -> None:
    assert product(stock_level=value).stock_level == number


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (-3, "'-3' is negative"),
        ("-3", "is negative"),
        ("2.5", "is not a whole number"),
        (Decimal("2.5"), "is not a whole number"),
        ("many", "is not a whole number"),
        (False, "is not a whole number"),
        ("9999999999", "is too much"),
        (Decimal("1e999999"), "is too much"),
    ],
)
def test_stock_levels_that_are_none(value: object, message: str) -> None:
    assert message in fault(stock_level=value)


@pytest.mark.parametrize(
    ("field", "limit"),
    [
        ("name", 200),
        ("sku", 50),
        ("description", 10_000),
        ("brand", 100),
        ("model", 100),
        ("color", 50),
        ("size", 50),
        ("dimensions_cm", 50),
        ("supplier_name", 100),
        ("supplier_sku", 50),
    ],
)
def test_texts_are_as_long_as_the_schema_lets_them_be(field: str, limit: int) -> None:
    assert getattr(product(**{field: "x" * limit}), field) == "x" * limit
    assert fault(**{field: "x" * (limit + 1)}) == (
        f"has {limit + 1:,} characters. Shorten it to at most {limit:,} characters."
    )
    assert "is not a text" in fault(**{field: ["x"]})


@pytest.mark.parametrize("field", ["name", "sku"])
@pytest.mark.parametrize("value", [None, "", "  ", "\x00\x1b\u202e"])
def test_needed_texts_are_not_empty(field: str, value: str | None) -> None:
    assert fault(**{field: value}) == "is empty. Fill it in."


def test_texts_lose_characters_that_act_but_nothing_else() -> None:
    text = "a\x00b\x1b[31mc\u202ed\u2066e\x85f\r\ng\th\ud800 <b>ü</b> 木 👩\u200d🔧 'x'; --"

    assert product(description=text).description == "ab[31mcdef\ng\th <b>ü</b> 木 👩\u200d🔧 'x'; --"
    assert product(description="  as given ").description == "  as given "
    assert product(name="  Hammer \n").name == "Hammer"


def test_number_as_sku_is_its_digits() -> None:
    assert product(sku=4711).sku == "4711"
    assert "is not a text" in fault(sku=Decimal("47.11"))


def test_message_repeats_a_value_shortly_and_harmlessly() -> None:
    message = fault(price="\u202e\x1b]0;" + "x" * 500)

    assert message.isprintable()
    assert len(message) < 200


@pytest.mark.parametrize(
    ("value", "levels"),
    [
        ("Tools", ("Tools",)),
        ("Hand Tools > Hammers", ("Hand Tools", "Hammers")),
        ([" Hand Tools ", "Hammers"], ("Hand Tools", "Hammers")),
        (["A > B"], ("A > B",)),
        ("", None),
        ([], None),
        (None, None),
    ],
)
def test_categories(value: object, levels: tuple[str, ...] | None) -> None:
    assert product(categories=value).categories == levels


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (["a"] * 7, "has 7 levels. Name at most 6 levels."),
        (["a", ""], "has a level without a name"),
        (["x" * 101], "has 101 characters"),
        ([["a"]], "is not a text"),
        (7, "is not a category"),
        ({"a": 1}, "is not a category"),
    ],
)
def test_categories_that_are_none(value: object, message: str) -> None:
    assert message in fault(categories=value)


@pytest.mark.parametrize(
    ("value", "tags"),
    [("steel, claw;steel", ("steel", "claw")), (["a, b", "c"], ("a, b", "c")), ("", ()), (None, ()), ([], ())],
)
def test_tags(value: object, tags: tuple[str, ...]) -> None:
    assert product(tags=value).tags == tags


def test_tags_that_are_none() -> None:
    assert "has 51 tags" in fault(tags=[f"t{number}" for number in range(51)])
    assert "has 51 characters" in fault(tags=["x" * 51])
    assert "is not a list of tags" in fault(tags={"a": 1})


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ({"a": [1, {"b": "x\x00"}]}, '{"a": [1, {"b": "x"}]}'),
        ('{"a": 1.50}', '{"a": 1.5}'),
        ("", "{}"),
        (None, "{}"),
    ],
)
def test_metadata(value: object, kept: str) -> None:
    assert product(metadata=value).metadata == kept


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("[1]", "is not an object"),
        ("{a: 1}", "is not JSON"),
        ("{" * 100_000, "is not JSON"),
        ('{"a": 1, "a": 2}', "names a key twice"),
        ('{"a": 1e999}', "too large"),
        ({"a": "x" * 10_000}, "has 10,009 characters"),
    ],
)
def test_metadata_that_is_none(value: object, message: str) -> None:
    assert message in fault(metadata=value)


@pytest.mark.parametrize(("value", "boolean"), [(True, True), ("yes", True), ("FALSE", False), (0, False), ("", False)])
def test_switches(value: object, boolean: bool) -> None:
    assert product(discontinued=value).discontinued is boolean
    assert product(is_featured=value).is_featured is boolean


def test_switch_that_is_none() -> None:
    assert "'maybe' is neither true nor false" in fault(discontinued="maybe")


def test_measures_are_rounded_and_bounded() -> None:
    found = product(weight_kg="0.45359237", rating_average=Decimal("4.666"), cost="$5.10")

    assert (found.weight_kg, found.rating_average, found.cost) == (Decimal("0.454"), Decimal("4.67"), Decimal("5.10"))
    assert "is not a number from 0 to 5" in fault(rating_average="5.1")
    assert "is not a number from 0 to 99,999.999" in fault(weight_kg="2 kg")
    assert "is not a number" in fault(weight_kg="0,5")


async def test_defaults_are_those_of_the_schema(retailer: Retailer) -> None:
    """An empty cell is what a product has of which nobody said anything."""
    await retailer.execute(
        "insert into retail.stores (store_id, store_name) values ('seattle', 'Seattle');"
        "insert into retail.products (store_id, sku, product_name, price) values ('seattle', 'H-1', 'Hammer', 28)"
    )
    (stored,) = await retailer.fetch("select * from retail.products")
    imported = product()

    for field, column in COLUMNS.items():
        value = getattr(imported, field)
        assert (list(value) if isinstance(value, tuple) else value) == stored[column], field


def test_aliases_belong_to_one_field_each() -> None:
    names = [*ImportedProduct.model_fields, *(alias for aliases in PRODUCTS.aliases.values() for alias in aliases)]
    assert sorted(set(names)) == sorted(names)
