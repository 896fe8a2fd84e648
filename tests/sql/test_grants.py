"""What every login may do: exactly what is listed here, by table, column and function, and nothing by way of public."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sql.catalogue import OURS, column

TABLE_GRANTS = {
    "migrations.applied": {"SELECT"},
    "retail.customer_card": {"SELECT"},
    "retail.customer_scores": {"SELECT"},
    "retail.category_tree": {"SELECT"},
    "retail.customers": {"DELETE"},
    "retail.product_categories": {"SELECT"},
    "retail.daily_sales": {"SELECT"},
    "retail.product_embeddings": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "retail.product_words": {"SELECT", "INSERT"},
    "retail.products": {"SELECT", "DELETE"},
    "retail.sales_transaction_items": {"SELECT", "INSERT"},
    "retail.receipt_lines": {"SELECT"},
    "retail.sold_lines": {"SELECT"},
    "retail.stores": {"SELECT"},
    "retail.transaction_notes": {"SELECT"},
}
# By table: all columns but these.
COLUMNS_NOT_GRANTED = {
    ("customers", "SELECT"): {
        "date_of_birth",
        "email",
        "erased_at",
        "first_name",
        "gender",
        "last_name",
        "phone",
        "phone_key",
        "pseudonym_salt",
    },
    ("customers", "INSERT"): {
        "created_at",
        "erased_at",
        "first_purchase_at",
        "last_purchase_at",
        "phone_key",
        "pseudonym_salt",
        "purchase_count",
        "total_lifetime_value",
        "updated_at",
    },
    ("customers", "UPDATE"): {
        "created_at",
        "customer_id",
        "customer_since",
        "erased_at",
        "first_purchase_at",
        "last_purchase_at",
        "phone_key",
        "pseudonym_salt",
        "purchase_count",
        "store_id",
        "total_lifetime_value",
        "updated_at",
    },
    ("stock_movements", "SELECT"): {"movement_id"},
    ("stock_movements", "INSERT"): {"movement_id"},
    ("products", "INSERT"): {"current_stock", "search_document", "updated_at"},
    ("products", "UPDATE"): {
        "created_at",
        "current_stock",
        "product_id",
        "search_document",
        "store_id",
        "updated_at",
    },
    ("sales_transactions", "SELECT"): {"metadata", "notes", "pseudonym_salt"},
    ("sales_transactions", "INSERT"): {"pseudonym_salt"},
}
PERSONAL_COLUMNS = {
    "customers": {"first_name", "last_name", "email", "phone", "phone_key", "date_of_birth", "gender"},
    "sales_transactions": {"notes", "metadata"},
}
# The other logins hold no grant on any table of ours but what is listed.
OTHER_TABLE_GRANTS: dict[str, dict[str, set[str]]] = {
    "mcp_auth": {},
    "mcp_audit": {"audit.tool_call": {"INSERT"}},
    "mcp_embed": {},
    "mcp_sql": {
        "analytics.customers": {"SELECT"},
        "analytics.products": {"SELECT"},
        "analytics.sale_items": {"SELECT"},
        "analytics.sales": {"SELECT"},
        "analytics.stores": {"SELECT"},
    },
}
OTHER_FUNCTION_GRANTS: dict[str, set[str]] = {
    "mcp_auth": {"guard.authenticate", "guard.authenticate_subject"},
    "mcp_audit": {"audit.add_partitions", "audit.seal_entries"},
    "mcp_embed": {
        "guard.enter_to_embed",
        "guard.stores_to_embed",
        "retail.drop_embeddings",
        "retail.drop_other_embeddings",
        "retail.embedding_in_use",
        "retail.embedding_state",
        "retail.products_to_embed",
        "retail.save_embeddings",
        "retail.use_embeddings",
    },
    "mcp_sql": {
        "analytics.array_agg",
        "analytics.concatenate",
        "analytics.concatenate_value",
        "analytics.describe",
        "analytics.generate_series",
        "analytics.json_agg",
        "analytics.jsonb_agg",
        "analytics.lpad",
        "analytics.replace",
        "analytics.rpad",
        "analytics.set_store_context",
        "analytics.string_agg",
        "guard.store",
    },
}
FUNCTION_GRANTS = {
    "guard.context",
    "guard.knows_key",
    "guard.role",
    "guard.store",
    "guard.viewer",
    "retail.categories_within",
    "retail.code_key",
    "retail.day_end",
    "retail.day_start",
    "retail.embedding_state",
    "retail.learn_words",
    "retail.list_audit_events",
    "retail.local_date",
    "retail.match_customers",
    "retail.nearest_products",
    "retail.new_id",
    "retail.product_document",
    "retail.rfm_score",
    "retail.rfm_segment",
    "retail.search_products_by_similarity",
    "retail.search_text",
    "retail.set_store_context",
    "retail.words_in",
}

each_login = pytest.mark.parametrize("login", ["mcp_user", "mcp_auth", "mcp_audit", "mcp_embed", "mcp_sql"])


@pytest.mark.parametrize(
    "sql",
    [
        f"""select c.oid::regclass || ' ' || a.privilege_type from pg_class c
            join pg_namespace n on n.oid = c.relnamespace, aclexplode(c.relacl) a where a.grantee = 0 and {OURS}""",
        f"""select c.oid::regclass || '.' || t.attname from pg_class c
            join pg_namespace n on n.oid = c.relnamespace join pg_attribute t on t.attrelid = c.oid,
            aclexplode(t.attacl) a where a.grantee = 0 and {OURS}""",
        f"""select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace,
            aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.grantee = 0 and {OURS}""",
        f"""select n.nspname || ' ' || a.privilege_type from pg_namespace n, aclexplode(n.nspacl) a
            where a.grantee = 0 and ({OURS} or n.nspname = 'public')""",
        """select a.privilege_type from pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
           where d.datname = current_database() and a.grantee = 0""",
        "select defaclobjtype::text from pg_default_acl, aclexplode(defaclacl) a where a.grantee = 0",
    ],
    ids=["tables", "columns", "functions", "schemas", "database", "default privileges"],
)
async def test_nothing_is_granted_to_public(catalogue: Any, sql: str) -> None:
    assert await column(catalogue, sql) == []


@each_login
async def test_server_login_has_no_power_of_its_own(catalogue: Any, login: str) -> None:
    role = await catalogue.fetchrow(
        "select rolcanlogin, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication, rolinherit"
        " from pg_roles where rolname = $1",
        login,
    )

    assert tuple(role) == (True, False, False, False, False, False, False)


@each_login
async def test_server_login_is_a_member_of_nothing_but_who_may_call_builtins(catalogue: Any, login: str) -> None:
    groups = await catalogue.fetch(
        "select roleid::regrole::text, inherit_option, set_option, admin_option from pg_auth_members"
        f" where member = '{login}'::regrole"
    )

    assert [tuple(group) for group in groups] == (
        [] if login == "mcp_sql" else [("retail_builtins", True, False, False)]
    )


@each_login
@pytest.mark.parametrize(("privilege", "granted"), [("CONNECT", True), ("TEMP", False), ("CREATE", False)])
async def test_server_login_may_only_connect_to_the_database(
    catalogue: Any, privilege: str, granted: bool, login: str
) -> None:
    assert (
        await catalogue.fetchval("select has_database_privilege($1, current_database(), $2)", login, privilege)
        is granted
    )


@each_login
async def test_server_login_can_create_in_no_schema(catalogue: Any, login: str) -> None:
    writable = await column(
        catalogue, f"select nspname::text from pg_namespace where has_schema_privilege('{login}', oid, 'CREATE')"
    )

    assert writable == []


async def test_server_login_holds_exactly_these_table_grants(catalogue: Any) -> None:
    grants = await catalogue.fetch(
        f"""select n.nspname || '.' || c.relname as name, array_agg(a.privilege_type) as privileges
            from pg_class c join pg_namespace n on n.oid = c.relnamespace, aclexplode(c.relacl) a
            where {OURS} and a.grantee = 'mcp_user'::regrole group by 1"""
    )

    assert {row["name"]: set(row["privileges"]) for row in grants} == TABLE_GRANTS


async def test_server_login_holds_exactly_these_column_grants(catalogue: Any) -> None:
    grants = await catalogue.fetch(
        f"""select c.relname, a.privilege_type, array_agg(t.attname::text) as columns,
              (select array_agg(o.attname::text) from pg_attribute o
               where o.attrelid = c.oid and o.attnum > 0 and not o.attisdropped) as existing
            from pg_class c join pg_namespace n on n.oid = c.relnamespace
            join pg_attribute t on t.attrelid = c.oid, aclexplode(t.attacl) a
            where {OURS} and a.grantee = 'mcp_user'::regrole group by c.oid, 1, 2"""
    )

    assert {
        (row["relname"], row["privilege_type"]): set(row["existing"]) - set(row["columns"]) for row in grants
    } == COLUMNS_NOT_GRANTED


async def test_nobody_but_the_owner_reads_a_personal_column_or_a_salt(catalogue: Any) -> None:
    """Owners are held by their own policies; views of theirs mask what they show."""
    readers = await catalogue.fetch(
        """select c.relname, t.attname::text as column, array_agg(r.rolname::text) as roles
           from pg_class c join pg_attribute t on t.attrelid = c.oid and t.attnum > 0 and not t.attisdropped, pg_roles r
           where c.relnamespace = 'retail'::regnamespace and c.relkind in ('r', 'p') and not r.rolsuper
             and r.rolname !~ '^pg_(read|write)_all_data$' and has_column_privilege(r.oid, c.oid, t.attnum, 'SELECT')
           group by 1, 2"""
    )
    readable = {(row["relname"], row["column"]): set(row["roles"]) for row in readers}

    for table, columns in PERSONAL_COLUMNS.items():
        for column_name in {*columns, "pseudonym_salt"}:
            assert readable[table, column_name] == {"retail_owner"}


async def test_what_the_log_writes_as_a_pseudonym_has_a_salt(catalogue: Any) -> None:
    triggers = await catalogue.fetch(
        """select c.relname, string_to_array(encode(t.tgargs, 'escape'), '\\000') as arguments,
             exists (select from pg_attribute s where s.attrelid = c.oid and s.attname = 'pseudonym_salt'
               and s.attnotnull and s.atthasdef) as salted
           from pg_trigger t join pg_class c on c.oid = t.tgrelid
           where t.tgfoid = 'retail.audit_trigger'::regproc and t.tgparentid = 0"""
    )
    personal = {row["relname"]: {*row["arguments"][1:]} - {""} for row in triggers}

    assert {table: columns for table, columns in personal.items() if columns} == {
        "customers": PERSONAL_COLUMNS["customers"] - {"phone_key"},
        "sales_transactions": PERSONAL_COLUMNS["sales_transactions"] | {"return_reason"},
    }
    assert [row["relname"] for row in triggers if row["salted"]] == [
        row["relname"] for row in triggers if personal[row["relname"]]
    ]


async def test_server_login_may_call_exactly_these_functions(catalogue: Any) -> None:
    callable_ones = await column(
        catalogue,
        f"""select n.nspname || '.' || p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
            where {OURS} and has_function_privilege('mcp_user', p.oid, 'EXECUTE')""",
    )

    assert set(callable_ones) == FUNCTION_GRANTS


@pytest.mark.parametrize("login", OTHER_FUNCTION_GRANTS)
async def test_other_logins_hold_exactly_their_grants(catalogue: Any, login: str) -> None:
    tables = await catalogue.fetch(
        f"""select n.nspname || '.' || c.relname as name, array_agg(distinct a.privilege_type) as privileges
            from pg_class c join pg_namespace n on n.oid = c.relnamespace
            left join pg_attribute t on t.attrelid = c.oid
            cross join lateral (select * from aclexplode(c.relacl) union all select * from aclexplode(t.attacl)) a
            where {OURS} and a.grantee = '{login}'::regrole group by 1"""
    )
    functions = await column(
        catalogue,
        f"""select n.nspname || '.' || p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
            where {OURS} and has_function_privilege('{login}', p.oid, 'EXECUTE')""",
    )

    assert {row["name"]: set(row["privileges"]) for row in tables} == OTHER_TABLE_GRANTS[login]
    assert set(functions) == OTHER_FUNCTION_GRANTS[login]


async def test_server_login_holds_no_grant_on_a_secret(catalogue: Any) -> None:
    readable = await column(
        catalogue,
        """select c.oid::regclass::text from pg_class c
           where c.relnamespace in ('guard'::regnamespace, 'audit'::regnamespace) and c.relkind in ('r', 'v')
             and has_any_column_privilege('mcp_user', c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')""",
    )

    assert readable == []


async def test_only_the_guard_reads_the_signing_keys(catalogue: Any) -> None:
    readers = await column(
        catalogue,
        """select distinct r.rolname::text from pg_roles r, unnest(array[
             'guard.context_key', 'guard.pseudonym_key', 'guard.api_token']) t
           where has_any_column_privilege(r.oid, t, 'SELECT') and not r.rolsuper and r.rolname !~ '^pg_'""",
    )

    assert readers == ["retail_guard"]


@each_login
async def test_server_login_has_time_limits(catalogue: Any, login: str) -> None:
    settings = await catalogue.fetchval(f"select setconfig from pg_db_role_setting where setrole = '{login}'::regrole")

    assert {setting.split("=")[0] for setting in settings} >= {
        "statement_timeout",
        "transaction_timeout",
        "idle_in_transaction_session_timeout",
        "lock_timeout",
    }
