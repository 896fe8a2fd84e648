"""A customer whose values occur nowhere else, and searches for them in everything that a database holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from tests.sql.factories import Sale, insert_customer, insert_item, insert_transaction
from tests.support import Retailer

ZELDA: dict[str, Any] = {
    "first_name": "Zeldamaria",
    "last_name": "Quackenbush",
    "email": "zq.1977@example.net",
    "phone": "+44 (20) 7946-0958",
    "date_of_birth": date(1977, 7, 19),
    "gender": "genderqueer",
}
NOTES = "Mrs Quackenbush wants a call back on 020 7946 0958"
RETURN_NOTES = "brought back for Zeldamaria"
REASON = "zeldamaria did not like it"
METADATA = {"till": "T-1", "pickup": {"by": "Z. QUACKENBUSH"}, "zq.1977@example.net": True, "phone": "442079460958"}
# In lower case; parts of them too, but none so short that an id or a hash could hold it by chance.
TRACES = (
    "zeldamaria",
    "quackenbush",
    "zq.1977",
    "7946-0958",
    "79460958",
    "1977-07-19",
    "genderqueer",
    "wants a call back",
    "brought back for",
)
SCHEMAS = ("retail", "guard", "audit", "migrations")
Found = dict[str, set[str]]


@dataclass(frozen=True)
class Zelda:
    """Zelda, one sale of hers with notes, and two returns of it: one in her name, one in nobody's."""

    customer_id: UUID
    sale: Sale
    own_return: UUID
    nameless_return: UUID


async def insert_zelda(connection: Any, store_id: str, product_id: UUID) -> Zelda:
    """Write her and her receipts; some values change afterwards, so that the log holds old ones too."""
    customer_id = await insert_customer(connection, store_id, **ZELDA | {"first_name": "Zeldamaria-Old"})
    await connection.execute(
        "update retail.customers set first_name = $1 where customer_id = $2", ZELDA["first_name"], customer_id
    )
    sold = await insert_transaction(
        connection, store_id, customer_id=customer_id, notes=NOTES, metadata=json.dumps(METADATA)
    )
    sale = Sale(sold, await insert_item(connection, store_id, sold, product_id))
    back = {"transaction_type": "return", "original_transaction_id": sold, "amount": -10}
    own = await insert_transaction(connection, store_id, customer_id=customer_id, return_reason=REASON, **back)
    nameless = await insert_transaction(connection, store_id, notes=RETURN_NOTES, **back)
    return Zelda(customer_id, sale, own, nameless)


async def everything(retailer: Retailer) -> Found:
    """Traces of Zelda in each table of each schema of ours, whatever the column, and in the planner's samples."""
    tables = await retailer.fetch(
        "select c.oid::regclass::text as name,"
        " format('select lower(t::text) as line from only %s t', c.oid::regclass) as sql"
        " from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where n.nspname = any ($1) and c.relkind in ('r', 'p', 'm')",
        list(SCHEMAS),
    )
    queries = {row["name"]: row["sql"] for row in tables}
    queries["pg_stats"] = (
        "select lower(s::text) as line from pg_stats s where s.schemaname = any ('{retail,guard,audit}')"
    )
    lines = {name: await retailer.fetch(sql) for name, sql in queries.items()}
    found = {name: traces(row["line"] for row in rows) for name, rows in lines.items()}
    return {name: marks for name, marks in found.items() if marks}


def traces(lines: Iterable[str]) -> set[str]:
    """What of Zelda is in some texts."""
    text = "\n".join(lines).lower()
    return {trace for trace in TRACES if trace in text}


async def pseudonyms(retailer: Retailer, zelda: Zelda, salts: Iterable[UUID | None]) -> set[str]:
    """What the log would hold for Zelda's values: computed as somebody could who has the key and these salts."""
    secret = await retailer.value("select secret from guard.pseudonym_key")
    values = [(zelda.customer_id, column, str(value)) for column, value in ZELDA.items()]
    values += [(zelda.sale.transaction_id, "notes", NOTES), (zelda.own_return, "return_reason", REASON)]
    values += [(zelda.nameless_return, "notes", RETURN_NOTES)]
    stored = await retailer.fetch("select $1::jsonb::text as text", json.dumps(METADATA))
    values += [(zelda.sale.transaction_id, "metadata", stored[0]["text"])]
    made = set()
    for salt in salts:
        for record, column, value in values:
            text = "|".join([*([str(salt)] if salt else []), str(record), column, value]).encode()
            digest = hashlib.sha256(secret + hashlib.sha256(secret + text).digest()).hexdigest()
            made.add(f"keyed:{digest[:32]}")
    return made


async def salts(retailer: Retailer) -> set[UUID | None]:
    """Every salt that the database holds, and none."""
    rows = await retailer.fetch(
        "select pseudonym_salt from retail.customers union all select pseudonym_salt from retail.sales_transactions"
    )
    return {None, *(row["pseudonym_salt"] for row in rows)}


async def log(retailer: Retailer) -> str:
    """The audit of rows as one text."""
    return str(await retailer.value("select string_agg(c::text, ' ') from audit.row_change c"))
