"""What a customer gets who asks what a store holds about them."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from server.db.operator import admin_connection
from server.errors import NotFoundError
from server.operations.admin import customer_export
from server.operations.admin.customers import erase_customer, export_customer
from tests.sql.acting import TwoStores
from tests.sql.factories import insert_customer, insert_transaction
from tests.sql.personal import METADATA, NOTES, REASON, ZELDA, Zelda, insert_zelda, traces
from tests.support import Retailer

PRIVACY = (Path(__file__).parents[2] / "docs/privacy.md").read_text(encoding="utf-8")
# What is about the books, or for the machine: each table's columns that no export has.
LEFT_OUT = {
    "customers": {"store_id", "phone_key", "pseudonym_salt"},
    "sales_transactions": {"store_id", "customer_id", "pseudonym_salt"},
    "sales_transaction_items": {"store_id", "transaction_id", "unit_cost", "created_at"},
}
MODELS: dict[str, type[BaseModel]] = {
    "customers": customer_export.ExportedCustomer,
    "sales_transactions": customer_export.ExportedReceipt,
    "sales_transaction_items": customer_export.ExportedLine,
}
ADDED = {"lines", "sku", "product_name"}


@dataclass(frozen=True)
class World:
    """Seattle with Zelda in it, and the operator's connection."""

    retailer: Retailer
    operator: Any
    zelda: Zelda


@pytest.fixture
async def world(own_stores: TwoStores) -> AsyncIterator[World]:
    async with admin_connection(own_stores.retailer.admin_url) as operator:
        zelda = await insert_zelda(operator, "seattle", own_stores.seattle.product_id)
        yield World(own_stores.retailer, operator, zelda)


async def exported(world: World, who: str | None = None) -> dict[str, Any]:
    """An export as it is written to a file."""
    found = await export_customer(world.operator, "seattle", who or str(world.zelda.customer_id))
    return dict(json.loads(found.model_dump_json()))


async def test_export_holds_the_profile_receipts_and_free_text(world: World) -> None:
    export = await exported(world)

    assert export["format"] == "retail-customer-export/1"
    assert export["store"]["store_id"] == "seattle"
    assert {key: export["customer"][key] for key in ZELDA} == {
        **ZELDA,
        "date_of_birth": ZELDA["date_of_birth"].isoformat(),
    }
    sale, own_return = export["receipts"]
    assert (sale["transaction_id"], sale["notes"], sale["metadata"]) == (
        str(world.zelda.sale.transaction_id),
        NOTES,
        METADATA,
    )
    assert (sale["total_amount"], own_return["total_amount"], own_return["return_reason"]) == (
        "10.00",
        "-10.00",
        REASON,
    )
    (line,) = sale["lines"]
    assert (line["sku"], line["quantity"], line["unit_price"], own_return["lines"]) == ("SOLD", 1, "10.00", [])


async def test_export_holds_the_changes_of_the_record_and_the_receipts(world: World) -> None:
    changes = (await exported(world))["changes"]

    about = {(change["table_name"], change["action"], change["record_id"]) for change in changes}
    assert about == {
        ("customers", "INSERT", str(world.zelda.customer_id)),
        ("customers", "UPDATE", str(world.zelda.customer_id)),
        ("sales_transactions", "INSERT", str(world.zelda.sale.transaction_id)),
        ("sales_transactions", "INSERT", str(world.zelda.own_return)),
    }
    assert [change["changed_at"] for change in changes] == sorted(change["changed_at"] for change in changes)


async def test_export_is_about_nobody_else(world: World) -> None:
    other = await insert_customer(world.operator, "seattle", first_name="Do-not-leak", email="do-not-leak@example.com")
    await insert_transaction(world.operator, "seattle", customer_id=other, notes="do-not-leak")

    assert "do-not-leak" not in json.dumps(await exported(world)).lower()


async def test_export_holds_no_salt(world: World) -> None:
    salts = await world.operator.fetch(
        "select pseudonym_salt::text as salt from retail.customers"
        " union all select pseudonym_salt::text from retail.sales_transactions"
    )
    text = json.dumps(await exported(world))

    assert [row["salt"] for row in salts if row["salt"] in text] == []


async def test_export_is_entered_in_the_log_without_a_name(world: World) -> None:
    await exported(world, ZELDA["email"])

    (logged,) = await world.operator.fetch("select * from audit.operation where action = 'customer_exported'")
    assert (logged["store_id"], json.loads(logged["metadata"])) == (
        "seattle",
        {"customer_id": str(world.zelda.customer_id)},
    )


async def test_erased_customer_gets_what_is_left(world: World) -> None:
    await erase_customer(world.operator, "seattle", str(world.zelda.customer_id))

    export = await exported(world)

    assert traces([json.dumps(export, ensure_ascii=False)]) == set()
    assert export["customer"]["erased_at"] is not None
    assert len(export["receipts"]) == 2


async def test_customer_of_another_store_is_an_unknown_one(world: World) -> None:
    for store_id in ("redmond", "atlantis"):
        with pytest.raises(NotFoundError, match=f"^No customer with this id or e-mail in {store_id}."):
            await export_customer(world.operator, store_id, ZELDA["email"])

    assert await world.operator.fetchval("select count(*) from audit.operation") == 0


@pytest.mark.parametrize("table", MODELS)
async def test_every_column_about_a_customer_is_exported(world: World, table: str) -> None:
    columns = await world.operator.fetch(
        "select attname::text as name from pg_attribute where attrelid = $1::text::regclass and attnum > 0"
        " and not attisdropped",
        f"retail.{table}",
    )

    assert set(MODELS[table].model_fields) - ADDED == {row["name"] for row in columns} - LEFT_OUT[table]


@pytest.mark.parametrize(
    "model",
    [
        customer_export.CustomerExport,
        customer_export.ExportedStore,
        customer_export.ExportedCustomer,
        customer_export.ExportedReceipt,
        customer_export.ExportedLine,
        customer_export.ExportedChange,
    ],
)
def test_every_field_of_the_format_is_documented(model: type[BaseModel]) -> None:
    assert [field for field in model.model_fields if not re.search(rf"`{field}`", PRIVACY)] == []
