# ruff: noqa: RUF001 - the characters that people type
"""People are found however their name is typed (coopdevs/timeoverflow#716, odoo/odoo#197925, open-mercato#6074)."""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncIterator

import pytest

from tests.support import answer
from tests.tools.shop import Shop

PEOPLE = (
    ("Jörg", "Müller"), ("Jürgen", "Groß"), ("Renée", "Lefèvre"), ("Zoë", "D’Souza"), ("Nguyễn", "Đặng"),
    ("Łukasz", "Żółć"), ("İpek", "Yılmaz"), ("Søren", "Kjær"), ("Anne", "O'Neil"), ("太郎", "山田"), ("Mu", "Ller"),
)  # fmt: skip


@pytest.fixture
async def people(shop: Shop) -> AsyncIterator[Shop]:
    for number, (first, last) in enumerate(PEOPLE):
        await shop.customer(first, last, email=f"c{number}@example.com")
    yield shop


async def found(shop: Shop, name: str) -> list[str]:
    async with shop.client() as client:
        page = await answer(client, "search_customers", name=name)
    return [customer["name"] for customer in page["rows"]]


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Muller", "Jörg Müller"), ("MÜLLER", "Jörg Müller"), ("Gross", "Jürgen Groß"), ("GROSS", "Jürgen Groß"),
        ("Lefevre", "Renée Lefèvre"), ("RENEE", "Renée Lefèvre"), ("Zoe", "Zoë D’Souza"), ("D'Souza", "Zoë D’Souza"),
        ("dsouza", "Zoë D’Souza"), ("D\u02bcSouza", "Zoë D’Souza"), ("D´Souza", "Zoë D’Souza"), ("Dang", "Nguyễn Đặng"),
        ("Nguyen", "Nguyễn Đặng"), ("Lukasz Zolc", "Łukasz Żółć"), ("yilmaz", "İpek Yılmaz"), ("IPEK", "İpek Yılmaz"),
        ("ipek", "İpek Yılmaz"), ("soren kjaer", "Søren Kjær"), ("O’Neil", "Anne O'Neil"), ("ONEIL", "Anne O'Neil"),
        ("Lefèvre, Renée", "Renée Lefèvre"), ("lefevre,renee", "Renée Lefèvre"),
        ("山田太郎", "太郎 山田"), ("山田", "太郎 山田"),
    ],
)  # fmt: skip
async def test_a_name_is_found_however_it_is_typed(typed: str, name: str, people: Shop) -> None:
    assert await found(people, typed) == [name]


async def test_what_the_exact_spelling_finds_others_find_too(people: Shop) -> None:
    for first, last in PEOPLE:
        exact = await found(people, f"{first} {last}")
        assert exact
        for form in ("NFC", "NFD", "NFKC", "NFKD"):
            for typed in (
                unicodedata.normalize(form, f"{first} {last}"),
                unicodedata.normalize(form, f"{last} {first}"),
            ):
                assert await found(people, typed) == exact, typed


async def test_the_exact_spelling_comes_first(shop: Shop) -> None:
    for number, last in enumerate(("Müller", "Muller", "Mullerova", "Müllerová")):
        await shop.customer("Jan", last, email=f"c{number}@example.com", total_lifetime_value=number)
    assert await found(shop, "Muller") == ["Jan Muller", "Jan Müller", "Jan Mullerova", "Jan Müllerová"]
    assert await found(shop, "Müller") == ["Jan Müller", "Jan Muller", "Jan Müllerová", "Jan Mullerova"]


@pytest.mark.parametrize("nothing", ["'", "’ ´", "´"])
async def test_a_name_of_signs_alone_is_nobodys(nothing: str, people: Shop) -> None:
    async with people.client() as client:
        page = await answer(client, "search_customers", name=nothing)
    assert page["rows"] == []


async def test_a_name_is_not_put_together_without_its_blank_in_latin_script(people: Shop) -> None:
    assert await found(people, "MullerJorg") == []
