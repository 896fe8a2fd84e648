"""Cursors: they come back only to the query that they left."""

from __future__ import annotations

import base64
import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel

from server.errors import InvalidInputError
from server.toolkit.cursors import Pager, RankedPages


class Place(BaseModel):
    date: AwareDatetime
    id: int


ARGUMENTS: dict[str, Any] = {"start": date(2026, 1, 1), "sku": "Å-1", "limit": None}
PLACE = Place(date=datetime(2026, 11, 20, 12, 30, 0, 123456, tzinfo=UTC), id=7)


def pager(tool: str = "list_things", store: str = "seattle", arguments: dict[str, Any] = ARGUMENTS) -> Pager[Place]:
    return Pager(Place, tool, store, arguments)


def test_no_cursor_is_the_first_page() -> None:
    assert pager().read(None) is None


def test_a_position_comes_back_as_it_was() -> None:
    assert pager().read(pager().write(PLACE)) == PLACE


def test_the_order_of_the_arguments_does_not_matter() -> None:
    turned = dict(reversed(ARGUMENTS.items()))
    assert pager(arguments=turned).read(pager().write(PLACE)) == PLACE


def test_a_cursor_fits_its_parameter() -> None:
    cursor = pager().write(PLACE)
    assert len(cursor) <= 1000
    assert cursor.isascii()
    assert not set(cursor) & set("+/= ")


@pytest.mark.parametrize(
    "other",
    [
        pager(tool="list_others"),
        pager(store="redmond"),
        pager(arguments={**ARGUMENTS, "start": date(2026, 1, 2)}),
        pager(arguments={**ARGUMENTS, "more": 1}),
        pager(arguments={}),
    ],
    ids=["other tool", "other store", "other value", "one more argument", "no arguments"],
)
def test_a_cursor_of_another_query_is_refused(other: Pager[Place]) -> None:
    with pytest.raises(InvalidInputError, match="does not belong to this query"):
        pager().read(other.write(PLACE))


CURSOR = pager().write(PLACE)


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "hunter2-secret",
        "=",
        "\ud800",
        "Ünïcode",
        CURSOR[:-1],
        CURSOR[:-5],
        CURSOR[:16],
        CURSOR[4:],
        CURSOR[::-1],
        CURSOR * 2,
        CURSOR.swapcase(),
        base64.urlsafe_b64encode(b"\xff\xfe\x00" * 20).decode(),
        base64.urlsafe_b64encode(b"[" * 100_000).decode(),
        "A" * 1_000_000,
    ],
    ids=lambda text: f"{len(text)} characters",
)
def test_a_damaged_cursor_is_refused_and_not_repeated(damaged: str) -> None:
    with pytest.raises(InvalidInputError, match="Pass next_cursor back unchanged") as refused:
        pager().read(damaged)
    assert damaged == "" or damaged not in str(refused.value)


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    with pytest.raises(InvalidInputError):
        pager().read(text)


@given(st.integers(0, len(CURSOR) - 1), st.characters(codec="ascii"))
def test_one_changed_character_is_noticed_or_harmless(position: int, character: str) -> None:
    changed = CURSOR[:position] + character + CURSOR[position + 1 :]
    try:
        found = pager().read(changed)
    except InvalidInputError:
        return
    assert isinstance(found, Place)


def ranked(cursor: str | None) -> RankedPages:
    return RankedPages("list_things", "seattle", ARGUMENTS, cursor)


def test_ranked_pages_count_the_rows_before() -> None:
    first = ranked(None)
    assert first.offset == 0
    second = ranked(first.next_cursor(10, 25))
    assert second.offset == 10
    third = ranked(second.next_cursor(10, 25))
    assert third.offset == 20
    assert third.next_cursor(5, 25) is None


def test_a_full_last_page_has_no_next() -> None:
    assert ranked(None).next_cursor(25, 25) is None


def test_a_page_without_rows_has_no_next() -> None:
    """Rows may vanish between two pages; a page that is empty for it must not promise another."""
    assert ranked(None).next_cursor(0, 25) is None


@pytest.mark.parametrize("offset", [-1, 1_000_000_001, 2**31 - 1, 2**31, 2**63, 10**30])
def test_an_offset_that_no_page_wrote_is_refused(offset: int) -> None:
    """The database would fail on it, and blame us instead of the cursor."""
    cursor = ranked(None).next_cursor(10, 25)
    assert cursor is not None
    text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    forged = text.replace(json.dumps({"offset": 10}, separators=(",", ":")), json.dumps({"offset": offset}))
    assert forged != text
    with pytest.raises(InvalidInputError):
        ranked(base64.urlsafe_b64encode(forged.encode()).decode())
