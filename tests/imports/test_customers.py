"""Customers: recognised by e-mail, inserted, updated, and never removed."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from server.imports.customers.customer import CUSTOMERS
from server.imports.customers.job import CustomerImport
from server.imports.errors import RejectedRowsError
from tests.imports.catalogues import load_kind, rejects_of, write_json, write_text
from tests.support import Retailer

DOCUMENTATION = Path(__file__).parents[2] / "docs/importing.md"
COLUMNS = "first_name, last_name, email, phone, date_of_birth, gender, customer_since, loyalty_tier"

ANN = {
    "First Name": "Ann",
    "surname": "Lee",
    "E-Mail": "Ann@Example.com",
    "phone": "+1 206 555 0100",
    "birthday": "1980-02-29",
    "gender": "Female",
    "customer_since": "2021-05-01",
    "tier": "Gold",
}
BOB = {"first_name": "Bob", "last_name": "Ray", "email": "bob@example.com"}


async def customers(retailer: Retailer) -> list[dict[str, Any]]:
    return await retailer.fetch(f"select {COLUMNS} from retail.customers order by email")


async def load(retailer: Retailer, file: Path, missing_name: str | None = None, **others: Any) -> tuple[int, int, int]:
    merged = (await load_kind(retailer, file, CustomerImport(missing_name), **others)).merged
    return merged.inserted, merged.updated, merged.unchanged


def test_every_field_is_documented() -> None:
    documentation = DOCUMENTATION.read_text(encoding="utf-8")
    for field in CUSTOMERS.fields:
        for name in CUSTOMERS.names_of(field):
            assert f"`{name}`" in documentation


async def test_customers_arrive_change_and_stay(retailer: Retailer, tmp_path: Path) -> None:
    assert await load(retailer, write_json(tmp_path, [ANN, BOB])) == (2, 0, 0)

    ann, bob = await customers(retailer)
    assert ann == {
        "first_name": "Ann",
        "last_name": "Lee",
        "email": "ann@example.com",
        "phone": "+1 206 555 0100",
        "date_of_birth": date(1980, 2, 29),
        "gender": "Female",
        "customer_since": date(2021, 5, 1),
        "loyalty_tier": "gold",
    }
    today = await retailer.value("select (now() at time zone time_zone)::date from retail.stores")
    assert (bob["customer_since"], bob["loyalty_tier"], bob["phone"]) == (today, "bronze", None)

    # As JSON lines the same again; then one changes, one is new, and what is not said stays.
    lines = "\n".join(json.dumps(row) for row in (ANN, BOB))
    audited = "select count(*) from audit.row_change where table_name = 'customers'"
    before = await retailer.value(audited)
    assert await load(retailer, write_text(tmp_path, lines, "customers.jsonl")) == (0, 0, 2)
    assert await retailer.value(audited) == before
    csv = "email;first_name;last_name;phone\nANN@example.com;Ann;Lee-Ray;\ncy@example.com;Cy;Fox;\n"
    assert await load(retailer, write_text(tmp_path, csv)) == (1, 1, 0)

    ann, bob_now, cy = await customers(retailer)
    assert (ann["last_name"], ann["phone"], ann["loyalty_tier"], ann["date_of_birth"]) == (
        "Lee-Ray", None, "gold", date(1980, 2, 29),
    )  # fmt: skip
    assert bob_now == bob
    assert cy["first_name"] == "Cy"
    (last,) = await retailer.fetch(
        "select store_id, metadata::jsonb ->> 'updated' as updated from audit.operation"
        " where action = 'customers_imported' order by operation_id desc limit 1"
    )
    assert last == {"store_id": "tacoma", "updated": "1"}


async def test_faulty_customers_are_listed_and_nothing_is_loaded(retailer: Retailer, tmp_path: Path) -> None:
    faulty = [
        ({"email": "bob"}, "email: 'bob' is not an e-mail address"),
        ({"email": "BOB@example.com "}, "email: 'bob@example.com' stands in row 1 already"),
        ({"email": ""}, "email: is empty"),
        ({"email": f"{'b' * 90}@example.com"}, "email: has 102 characters"),
        ({"first_name": " "}, "first_name: is empty"),
        ({"last_name": "x" * 51}, "last_name: has 51 characters"),
        ({"phone": "call me"}, "phone: 'call me' is not a telephone number"),
        ({"date_of_birth": "31.12.1980"}, "date_of_birth: '31.12.1980' is not a day"),
        ({"date_of_birth": "1980-02-30"}, "date_of_birth: '1980-02-30' is not a day"),
        ({"customer_since": "2999-01-01"}, "customer_since: '2999-01-01' is before 1900-01-01 or to come"),
        ({"tier": "diamond"}, "loyalty_tier: 'diamond' is none of bronze, silver, gold, platinum"),
    ]
    rows = [BOB] + [{**BOB, "email": f"b{n}@example.com", **change} for n, (change, _) in enumerate(faulty)]

    with pytest.raises(RejectedRowsError, match="11 of 12 rows were rejected"):
        await load(retailer, write_json(tmp_path, rows))

    rejects = rejects_of(tmp_path / "catalogue.json.rejected.csv")
    found = {int(reject["row"]): f"{reject['field']}: {reject['problem']}" for reject in rejects}
    assert sorted(found) == list(range(2, 13))
    for number, (_, problem) in enumerate(faulty, start=2):
        assert found[number].startswith(problem)
    assert await customers(retailer) == []
    assert await load(retailer, write_json(tmp_path, rows), skip_rejected=True) == (1, 0, 0)


async def test_missing_name_is_what_the_operator_says(retailer: Retailer, tmp_path: Path) -> None:
    file = write_json(tmp_path, [{**BOB, "last_name": ""}])

    assert await load(retailer, file, missing_name="-") == (1, 0, 0)
    assert (await customers(retailer))[0]["last_name"] == "-"


async def test_erased_customer_is_not_filled_again(retailer: Retailer, tmp_path: Path) -> None:
    """Whoever comes back is a new record, as after an erasure in general."""
    await load(retailer, write_json(tmp_path, [BOB]))
    await retailer.execute(
        "update retail.customers set first_name = null, last_name = null, email = null, erased_at = now()"
    )

    assert await load(retailer, write_json(tmp_path, [BOB])) == (1, 0, 0)
    assert await retailer.value("select count(*) from retail.customers where erased_at is not null") == 1
