"""How each defence of the database is taken out, in a database that is thrown away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from server.db.operator import admin_connection
from tests.support import Retailer

CONTEXT = "guard.context()"
SET_CONTEXT = "retail.set_store_context(text)"


@dataclass(frozen=True)
class Edit:
    """A piece of a function's text, and what stands there instead."""

    function: str
    text: str
    instead: str = ""

    async def apply(self, connection: Any) -> None:
        """Replace the function; fails where the piece is not there exactly once."""
        definition = await connection.fetchval("select pg_get_functiondef($1::text::regprocedure)", self.function)
        assert definition.count(self.text) == 1, f"{self.function} has no single {self.text!r}: adapt its removal"
        await connection.execute(definition.replace(self.text, self.instead))


@dataclass(frozen=True)
class Statement:
    """A script of the superuser."""

    sql: str

    async def apply(self, connection: Any) -> None:
        """Run it."""
        await connection.execute(self.sql)


Removal = tuple[Edit | Statement, ...]


async def remove(retailer: Retailer, removal: Removal) -> None:
    """Take a defence out of this database."""
    async with admin_connection(retailer.admin_url) as connection:
        for step in removal:
            await step.apply(connection)


def without(function: str, text: str, instead: str = "") -> Removal:
    """A function without a piece of it."""
    return (Edit(function, text, instead),)


def statement(sql: str) -> Removal:
    """A script."""
    return (Statement(sql),)


_MAC = "guard.hmac(key.inner_pad, key.outer_pad, payload)"
_RETIRED = " and k.not_after > now()"
_START = "and field[3] = date_part('epoch', transaction_timestamp())::text"
_BACKEND = "and field[4] = pg_backend_pid()::text"
_LOCAL = """|| context,
    true"""

# What is checked of a request token; the forgery of tests/security/forgeries.py that then works; what it shows.
TOKEN_CHECKS: dict[str, tuple[Removal, str, list[str]]] = {
    "signature": (without(SET_CONTEXT, f"and {_MAC} = left(token, 64)"), "principal and store changed", ["redmond"]),
    "key not retired": (
        (Edit(SET_CONTEXT, _RETIRED), Edit(CONTEXT, _RETIRED)),
        "retired key",
        ["seattle"],
    ),
    "type": (without(SET_CONTEXT, "and field[1] = 'T'"), "wrong type, well signed", ["seattle"]),
    "number of fields": (
        without(SET_CONTEXT, "and (array_length(field, 1) = 6 or array_length(field, 1) = 7 and field[7] = 'masked')"),
        "one field too many, well signed",
        ["seattle"],
    ),
    "expiry": (
        without(SET_CONTEXT, "and field[3]::float8 >= date_part('epoch', clock_timestamp())"),
        "expired",
        ["seattle"],
    ),
    "access of this principal": (
        without(SET_CONTEXT, "a.principal_id = field[4]::integer", "true"),
        "store of somebody else",
        ["redmond"],
    ),
    "access still valid": (without(SET_CONTEXT, "and a.valid_until > now()"), "access revoked", ["seattle"]),
    "principal active": (without(SET_CONTEXT, "and p.is_active"), "principal deactivated", ["seattle"]),
    "store open": (without(SET_CONTEXT, "and t.is_active"), "store closed", []),
    "credential exists": (
        without(SET_CONTEXT, "field[6] = '0'", "true"),
        "credential that does not exist",
        ["seattle"],
    ),
    "credential not revoked": (without(SET_CONTEXT, "and k.revoked_at is null"), "credential revoked", ["seattle"]),
    "credential not expired": (without(SET_CONTEXT, "and k.expires_at > now()"), "credential expired", ["seattle"]),
    "credential of this principal": (
        without(SET_CONTEXT, "and k.principal_id = a.principal_id"),
        "credential of somebody else",
        ["seattle"],
    ),
}
# The same for what is checked of a context.
CONTEXT_CHECKS: dict[str, tuple[Removal, str, list[str]]] = {
    "signature": (without(CONTEXT, f"and {_MAC} = left(signed, 64)"), "store changed", ["redmond"]),
    "key not retired": (without(CONTEXT, _RETIRED), "signed with a retired key", ["redmond"]),
    "type": (without(CONTEXT, "and field[1] = 'C'"), "wrong type, well signed", ["redmond"]),
    "transaction": (without(CONTEXT, _START), "of an earlier transaction", ["seattle"]),
    "backend": (without(CONTEXT, _BACKEND), "copied from a backend that began at the same moment", ["redmond"]),
    "transaction and backend": (
        (Edit(CONTEXT, _START), Edit(CONTEXT, _BACKEND)),
        "copied from another backend",
        ["redmond"],
    ),
}
LASTING_CONTEXT: Removal = (Edit(SET_CONTEXT, _LOCAL, _LOCAL.replace("true", "false")), Edit(CONTEXT, _START))
# A function that promises never to change its answer is folded into a cached plan.
CONSTANT_STORE = statement("alter function guard.store() immutable")

TENANT_TABLES = (
    "stores",
    "customers",
    "products",
    "sales_transactions",
    "sales_transaction_items",
    "stock_movements",
    "product_embeddings",
    "product_words",
)
NO_POLICY = {table: statement(f"alter table retail.{table} disable row level security") for table in TENANT_TABLES}
PLAIN_POLICY = statement(
    "alter policy own_store on retail.products using (store_id = current_setting('retail.plain', true))"
)
NO_FORCE = statement("alter table retail.products no force row level security")
NO_WRITE_CHECK = statement(
    "alter policy own_store on retail.products with check (true);"
    "alter policy own_store on retail.customers with check (true);"
    "alter policy own_store on retail.sales_transactions with check (true)"
)

# A grant too many, and the door of tests/security/attacks.py that it opens.
GRANTS: dict[str, str] = {
    "raw personal columns": "grant select (email) on retail.customers to mcp_user",
    "the signing key": "grant select on guard.context_key to mcp_user",
    "the hashes of the tokens": "grant select on guard.api_token to mcp_user",
    "who may enter which store": "grant select on guard.store_access to mcp_user",
    "whose a token is": "grant execute on function guard.authenticate(bytea) to mcp_user",
    "names of principals": "grant execute on function guard.subject(integer) to mcp_user",
    "the audit log": "grant usage on schema audit to mcp_user; grant select on audit.row_change to mcp_user",
    "the audit log under the lab's name": "grant select on retail.audit_log to mcp_user",
    "switch the policies off": "alter table retail.products owner to mcp_user",
    "replace the guard": (
        "grant create, usage on schema guard to mcp_user; alter function guard.store() owner to mcp_user"
    ),
    "a view of the caller's": "grant create on schema public to mcp_user",
    "an operator that sees rows first": "grant create on schema public to mcp_user",
    "a schema of the caller's": 'grant create on database "{database}" to mcp_user',
    "a temporary table": 'grant temporary on database "{database}" to mcp_user',
    "a function of the caller's": 'grant temporary on database "{database}" to mcp_user',
}

# A key without the store in it, and the question of tests/security/oracles.py that then tells.
_BY_ID = "alter table retail.{table} add constraint by_id unique ({key});"
KEYS: dict[str, Removal] = {
    "e-mail": statement(_BY_ID.format(table="customers", key="email")),
    "sku": statement(
        "delete from retail.products where sku = 'UNSOLD'; update retail.products set sku = store_id"
        " where sku = 'SOLD';" + _BY_ID.format(table="products", key="sku")
    ),
    "receipt number": statement(_BY_ID.format(table="sales_transactions", key="receipt_number")),
    "key of a customer": statement(_BY_ID.format(table="customers", key="customer_id")),
    "receipt to customer": statement(
        _BY_ID.format(table="customers", key="customer_id")
        + "alter table retail.sales_transactions drop constraint sales_transactions_store_id_customer_id_fkey,"
        " add foreign key (customer_id) references retail.customers (customer_id)"
    ),
    "line to product": statement(
        _BY_ID.format(table="products", key="product_id") + "alter table retail.sales_transaction_items"
        " drop constraint sales_transaction_items_store_id_product_id_fkey,"
        " add foreign key (product_id) references retail.products (product_id)"
    ),
    "embedding to product": statement(
        _BY_ID.format(table="products", key="product_id")
        + "alter table retail.product_embeddings drop constraint product_embeddings_store_id_product_id_fkey,"
        " add foreign key (product_id) references retail.products (product_id)"
    ),
    "product put there onto a sku": NO_WRITE_CHECK,
    "customer put there": NO_WRITE_CHECK,
    "receipt put there": NO_WRITE_CHECK,
    "product by key": NO_POLICY["products"],
    "product priced": NO_POLICY["products"],
    "customer by key": NO_POLICY["customers"],
    "customer by e-mail": NO_POLICY["customers"],
    "customer deleted": NO_POLICY["customers"],
    "receipt by number": NO_POLICY["sales_transactions"],
    "movements of a line": NO_POLICY["stock_movements"],
    "rows by store": NO_POLICY["stores"],
    "division": NO_POLICY["products"],
    "cast": NO_POLICY["products"],
    "json": NO_POLICY["products"],
}
