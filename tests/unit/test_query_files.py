"""Query files: each block has one name and is bound once."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
from pydantic import BaseModel

from server.db.queries import QueryFile

TWO_BLOCKS = """\
-- About this file.

-- name: first_one
-- What it does.
select 1 as number;

-- name: second_one
select 2 as number;
"""

WITH_PARTS = """\
-- name: numbers
-- Numbers.
-- if doubled
select 2 as number
-- else
select 1 as number
-- end
  -- if named
  , 'one' as name
  -- end
where true
  -- if doubled or named
  and 1 < 2
  -- end
;
"""


class Row(BaseModel):
    number: int


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An importable package to put query files in."""
    # A new name each time: Python would find the package of the test before again.
    folder = tmp_path / f"queries_{secrets.token_hex(4)}"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "queries.sql").write_text(TWO_BLOCKS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def test_a_block_is_the_sql_between_two_names(package: Path) -> None:
    queries = QueryFile(package.name)
    first = queries.query("first_one", Row)
    assert first.name == "first_one"
    assert first.sql == "-- What it does.\nselect 1 as number;"
    assert first.rows.validate_python([{"number": 1}]) == [Row(number=1)]
    assert queries.statement("second_one") == "select 2 as number;"


def test_unbound_blocks_are_known(package: Path) -> None:
    queries = QueryFile(package.name)
    assert queries.unbound == ("first_one", "second_one")
    queries.query("first_one", Row)
    assert queries.unbound == ("second_one",)
    queries.statement("second_one")
    assert queries.unbound == ()


def test_a_block_with_optional_parts_is_bound_once_for_each_choice_of_them(package: Path) -> None:
    (package / "queries.sql").write_text(WITH_PARTS, encoding="utf-8")
    queries = QueryFile(package.name)
    found = queries.variants("numbers", Row)

    assert {tuple(sorted(parts)): query.sql for parts, query in found.items()} == {
        (): "-- Numbers.\nselect 1 as number\nwhere true\n;",
        ("doubled",): "-- Numbers.\nselect 2 as number\nwhere true\n  and 1 < 2\n;",
        ("named",): "-- Numbers.\nselect 1 as number\n  , 'one' as name\nwhere true\n  and 1 < 2\n;",
        ("doubled", "named"): "-- Numbers.\nselect 2 as number\n  , 'one' as name\nwhere true\n  and 1 < 2\n;",
    }
    assert sorted(query.name for query in found.values()) == [
        "numbers",
        "numbers_with_doubled",
        "numbers_with_doubled_with_named",
        "numbers_with_named",
    ]
    assert queries.queries == list(found.values())
    assert queries.unbound == ()


def test_a_name_may_not_be_used_twice(package: Path) -> None:
    (package / "queries.sql").write_text(TWO_BLOCKS.replace("second_one", "first_one"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"/queries\.sql names a query twice"):
        QueryFile(package.name)


def test_an_unknown_name_is_an_error(package: Path) -> None:
    queries = QueryFile(package.name)
    with pytest.raises(KeyError, match="third_one"):
        queries.query("third_one", Row)
    with pytest.raises(KeyError, match="third_one"):
        queries.statement("third_one")


def test_a_block_cannot_be_bound_twice(package: Path) -> None:
    queries = QueryFile(package.name)
    queries.query("first_one", Row)
    with pytest.raises(KeyError, match="first_one"):
        queries.query("first_one", Row)
    with pytest.raises(KeyError, match="first_one"):
        queries.statement("first_one")
