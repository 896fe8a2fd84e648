from __future__ import annotations

import secrets
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from seed.demo import load_demo
from seed.errors import AlreadyLoadedError
from seed.generate import generate
from server.errors import LoadError
from tests.seed.rows import SMALL, collect

OPTIONS = replace(SMALL, customers=120, products=80, transactions=600, days=90)

TABLES = (
    "stores",
    "product_categories",
    "customers",
    "products",
    "sales_transactions",
    "sales_transaction_items",
    "stock_movements",
)

# What triggers would have checked or kept; each query must find nothing.
DISCREPANCIES = {
    "receipts differ from their lines": """
        select from retail.sales_transactions t
        join (
          select store_id, transaction_id, sum(direction * total_price) as subtotal,
            sum(direction * tax_amount) as tax, sum(direction * discount_amount) as discount
          from retail.sales_transaction_items group by 1, 2
        ) i using (store_id, transaction_id)
        where (t.subtotal, t.tax_amount, t.discount_amount) is distinct from (i.subtotal, i.tax, i.discount)
    """,
    "receipts without lines": """
        select from retail.sales_transactions t
        where not exists (
          select from retail.sales_transaction_items i
          where i.store_id = t.store_id and i.transaction_id = t.transaction_id
        )
    """,
    "lifetime values differ from receipts": """
        select from retail.customers c
        left join (
          select store_id, customer_id, sum(total_amount) as spent from retail.sales_transactions group by 1, 2
        ) t using (store_id, customer_id)
        where c.total_lifetime_value <> coalesce(t.spent, 0)
    """,
    "purchases differ from sale receipts": """
        select from retail.customers c
        left join (
          select store_id, customer_id, count(*) as purchases, min(transaction_date) as first_at,
            max(transaction_date) as last_at
          from retail.sales_transactions where transaction_type = 'sale' group by 1, 2
        ) t using (store_id, customer_id)
        where (c.purchase_count, c.first_purchase_at, c.last_purchase_at)
          is distinct from (coalesce(t.purchases, 0), t.first_at, t.last_at)
    """,
    "stock differs from movements": """
        select from retail.products p
        left join (
          select store_id, product_id, sum(quantity) as units from retail.stock_movements group by 1, 2
        ) m using (store_id, product_id)
        where p.current_stock <> coalesce(m.units, 0) or p.current_stock < 0
    """,
    "lines without exactly one movement": """
        select from retail.sales_transaction_items i
        left join retail.stock_movements m using (store_id, item_id)
        join retail.sales_transactions t using (store_id, transaction_id)
        where m.quantity is distinct from -i.direction * i.quantity
          or m.product_id <> i.product_id or m.moved_at <> t.transaction_date
    """,
    "refers to a line of another sale": """
        select from retail.sales_transaction_items i
        join retail.sales_transactions t using (store_id, transaction_id)
        join retail.sales_transaction_items o on o.store_id = i.store_id and o.item_id = i.original_item_id
        where o.transaction_id <> t.original_transaction_id or o.product_id <> i.product_id
          or i.quantity > o.quantity
    """,
    "stores unknown to the access control": """
        select from retail.stores s left join guard.tenant t using (store_id)
        where (t.store_name, t.currency, t.time_zone, t.is_active)
          is distinct from (s.store_name, s.currency, s.time_zone, s.is_active)
    """,
}

FOREIGN_KEYS = """
select conname, conrelid::regclass::text as child, confrelid::regclass::text as parent,
  (select array_agg(attname order by n) from unnest(conkey) with ordinality k (num, n)
    join pg_attribute on attrelid = conrelid and attnum = num) as child_columns,
  (select array_agg(attname order by n) from unnest(confkey) with ordinality k (num, n)
    join pg_attribute on attrelid = confrelid and attnum = num) as parent_columns
from pg_constraint
where contype = 'f' and connamespace = 'retail'::regnamespace
"""


@pytest.fixture
async def admin(admin_dsn):
    connection = await asyncpg.connect(admin_dsn)
    yield connection
    await connection.close()


async def counts(connection):
    return {table: await connection.fetchval(f"select count(*) from retail.{table}") for table in TABLES}


async def contents(connection, *, without=(), movements_in_order=True):
    """A hash of all cells per table but the random salts; of movements, unless told otherwise, as they were written."""
    hashes = {}
    for table in TABLES:
        cells = "(to_jsonb(t) - $1::text[])::text"
        key = "movement_id" if table == "stock_movements" and movements_in_order else cells
        hashes[table] = await connection.fetchval(
            f"select md5(string_agg({cells}, '' order by {key})) from retail.{table} t",
            ["movement_id", "pseudonym_salt", *without],
        )
    return hashes


@asynccontextmanager
async def own_role(admin, attributes):
    """A login of the test's own; roles belong to the cluster, which other tests share."""
    role = f"loader_{secrets.token_hex(4)}"
    database = await admin.fetchval("select current_database()")
    await admin.execute(f"create role {role} login password '{role}' {attributes}")
    await admin.execute(f'grant connect on database "{database}" to {role}')
    try:
        yield role
    finally:
        await admin.execute(f"drop owned by {role}; drop role {role}")


def dsn_of(admin_dsn, role):
    parts = urlsplit(admin_dsn)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}:{role}@{host}"))


async def assert_sound(connection):
    for discrepancy, query in DISCREPANCIES.items():
        assert not await connection.fetch(query), discrepancy
    for key in await connection.fetch(FOREIGN_KEYS):
        pairs = list(zip(key["child_columns"], key["parent_columns"], strict=True))
        join = " and ".join(f"p.{parent} = c.{child}" for child, parent in pairs)
        given = " and ".join(f"c.{child} is not null" for child, _ in pairs)
        orphans = await connection.fetchval(
            f"select count(*) from {key['child']} c where {given} "
            f"and not exists (select from {key['parent']} p where {join})"
        )
        assert orphans == 0, key["conname"]


async def test_everything_that_was_generated_is_loaded(admin_dsn, admin):
    report = await load_demo(admin_dsn, OPTIONS)
    generated = {table: len(rows) for table, rows in collect(generate(OPTIONS)).items()}

    assert report.rows == generated == await counts(admin)
    assert report.transactions_per_second == pytest.approx(OPTIONS.transactions / report.seconds)


async def test_keys_sums_and_access_control_agree(admin_dsn, admin):
    await load_demo(admin_dsn, OPTIONS)

    await assert_sound(admin)


async def test_text_arrives_unchanged(admin_dsn, admin):
    await load_demo(admin_dsn, OPTIONS)
    stored = await admin.fetch("select product_id, product_description, size, metadata from retail.products")
    generated = {row["product_id"]: row for row in collect(generate(OPTIONS))["products"]}

    for row in stored:
        source = generated[row["product_id"].hex]
        assert row["product_description"] == source["product_description"]
        assert row["size"] == source["size"]


async def test_same_options_leave_the_same_contents(admin_dsn, admin):
    await load_demo(admin_dsn, OPTIONS)
    first = await contents(admin)
    await load_demo(admin_dsn, OPTIONS, reset=True)

    assert await contents(admin) == first


async def test_load_is_one_entry_of_the_audit_log(admin_dsn, admin):
    report = await load_demo(admin_dsn, OPTIONS)
    entry = await admin.fetchrow(
        "select metadata ->> 'sales_transactions' as receipts, metadata ->> 'products' as products "
        "from audit.operation where action = 'demo_data_loaded' and store_id is null"
    )

    assert entry["receipts"] == str(OPTIONS.transactions)
    assert entry["products"] == str(report.rows["products"])
    assert await admin.fetchval("select count(*) from audit.row_change") == 0
    # And one for the auditors of each store, without what the others hold.
    assert await admin.fetch("select store_id from audit.operation where metadata = '{}' order by 1") == (
        await admin.fetch("select store_id from retail.stores order by 1")
    )


async def test_next_category_gets_a_free_number(admin_dsn, admin):
    await load_demo(admin_dsn, OPTIONS)

    added = await admin.fetchval(
        "insert into retail.product_categories (category_name) values ('Pets') returning category_id"
    )
    assert added == await admin.fetchval("select max(category_id) from retail.product_categories")


async def test_second_load_is_refused_and_changes_nothing(admin_dsn, admin):
    await load_demo(admin_dsn, OPTIONS)
    before = await contents(admin)

    with pytest.raises(AlreadyLoadedError, match="--reset"):
        await load_demo(admin_dsn, replace(OPTIONS, random_seed=8))
    assert await contents(admin) == before


async def test_store_without_data_does_not_count_as_loaded(admin_dsn, admin):
    await admin.execute("insert into retail.stores (store_id, store_name) values ('seattle', 'Old name')")

    await load_demo(admin_dsn, OPTIONS)
    assert await admin.fetchval("select store_name from retail.stores where store_id = 'seattle'") == (
        "Zava Retail Seattle"
    )
    await assert_sound(admin)


async def test_reset_replaces_the_data_and_keeps_stores_and_access(admin_dsn, admin):
    await load_demo(admin_dsn, OPTIONS)
    await admin.execute(
        "insert into retail.stores (store_id, store_name) values ('outlet', 'Outlet');"
        "insert into guard.principal (subject) values ('ana');"
        "insert into guard.store_access (principal_id, store_id, role) "
        "select principal_id, store_id, 'manager' from guard.principal, guard.tenant"
    )

    await load_demo(admin_dsn, replace(OPTIONS, random_seed=8, transactions=300), reset=True)

    assert (await counts(admin))["sales_transactions"] == 300
    assert await admin.fetchval("select count(*) from guard.store_access") == 5
    assert await admin.fetchval("select count(*) from retail.products where store_id = 'outlet'") == 0
    await assert_sound(admin)


async def test_interrupted_load_leaves_nothing(admin_dsn, admin):
    class InterruptedError(Exception):
        pass

    def interrupt(phase, done, total):
        if done:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        await load_demo(admin_dsn, OPTIONS, report=interrupt)
    assert set((await counts(admin)).values()) == {0}
    await load_demo(admin_dsn, OPTIONS)


async def test_interrupted_reset_keeps_the_old_data(admin_dsn, admin):
    await load_demo(admin_dsn, OPTIONS)
    before = await contents(admin)

    def interrupt(phase, done, total):
        if done:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await load_demo(admin_dsn, OPTIONS, reset=True, report=interrupt)
    assert await contents(admin) == before


async def test_role_that_may_not_skip_triggers_loads_the_same_data(admin_dsn, admin):
    await load_demo(admin_dsn, OPTIONS)
    # The sums are updates, and triggers enter movements in an order of their own.
    fast = await contents(admin, without=["updated_at"], movements_in_order=False)

    async with own_role(admin, "bypassrls in role retail_owner") as role:
        report = await load_demo(dsn_of(admin_dsn, role), OPTIONS, reset=True)

    assert await contents(admin, without=["updated_at"], movements_in_order=False) == fast
    assert report.rows == await counts(admin)
    # Triggers were at work.
    assert await admin.fetchval("select count(*) from audit.row_change") > OPTIONS.transactions
    await assert_sound(admin)


async def test_role_under_row_level_security_is_refused(admin_dsn, admin):
    async with own_role(admin, "in role retail_owner") as role:
        with pytest.raises(LoadError, match="BYPASSRLS"):
            await load_demo(dsn_of(admin_dsn, role), OPTIONS)
    assert set((await counts(admin)).values()) == {0}


async def test_failure_of_the_database_names_reason_and_remedy(admin_dsn, admin):
    await admin.execute("alter table retail.customers add constraint nobody check (false)")

    with pytest.raises(LoadError, match=r"nobody.*run it again") as refusal:
        await load_demo(admin_dsn, OPTIONS)
    assert "@example" not in str(refusal.value)
    assert set((await counts(admin)).values()) == {0}


async def test_unreachable_database_is_named_as_the_reason(admin_dsn):
    nowhere = urlunsplit(urlsplit(admin_dsn)._replace(path="/no_such_database"))

    with pytest.raises(LoadError, match="no database of that name"):
        await load_demo(nowhere, OPTIONS)


async def test_database_without_schema_is_told_to_migrate(admin_dsn):
    unmigrated = urlunsplit(urlsplit(admin_dsn)._replace(path="/postgres"))

    with pytest.raises(LoadError, match="no retail schema"):
        await load_demo(unmigrated, OPTIONS)
