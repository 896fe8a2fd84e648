"""What the catalogue says of every object of ours: guarded, owned by nobody who logs in, granted by name."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sql.acting import connected
from tests.support import Retailer

SCHEMAS = ["analytics", "audit", "guard", "retail"]
OURS = "n.nspname in ('retail', 'guard', 'audit', 'analytics', 'migrations')"
OWNERS = {
    "retail": "retail_owner",
    "guard": "retail_guard",
    "audit": "retail_audit",
    "analytics": "retail_owner",
}
# Written by another owner into the schema whose name it must carry.
GUESTS = {
    "retail.audit_log": "retail_audit",
    "retail.audit_trigger": "retail_audit",
    "retail.list_audit_events": "retail_audit",
    "retail.set_store_context": "retail_guard",
}
SHARED = "product_categories"
POLICY = "(store_id = ( SELECT guard.store() AS store))"
PINNED = "search_path=pg_catalog, pg_temp"
# Not unique, so that no duplicate error speaks of another store. Vector indexes are of one store each: tests/large.
INDEXES_WITHOUT_STORE = {
    # A store is a tenant, so an index over stores leads nowhere else.
    "idx_stores_region",
    # GIN indexes: for the owner's jobs; see the note in sql/0040_tables.sql.
    "idx_products_metadata",
    "idx_products_tags",
    "idx_products_text_search",
}
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
    "retail.code_key",
    "retail.embedding_state",
    "retail.learn_words",
    "retail.list_audit_events",
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


@pytest.fixture(scope="module")
async def catalogue(migrated: Retailer) -> Any:
    """A superuser's connection to a database that was migrated."""
    async with connected(migrated.admin_url) as connection:
        yield connection


async def column(connection: Any, sql: str) -> list[Any]:
    """First column of every row."""
    return [row[0] for row in await connection.fetch(sql)]


async def test_every_tenant_table_is_guarded_by_the_one_policy(catalogue: Any) -> None:
    tables = await catalogue.fetch(
        f"""
        select c.relname, c.relrowsecurity, c.relforcerowsecurity, array_agg(p.polname::text) as names,
          array_agg(p.polpermissive and p.polcmd = '*'
            and pg_get_expr(p.polqual, c.oid) = '{POLICY}' and pg_get_expr(p.polwithcheck, c.oid) = '{POLICY}') as right
        from pg_class c left join pg_policy p on p.polrelid = c.oid
        where c.relnamespace = 'retail'::regnamespace and c.relkind in ('r', 'p') and c.relname <> '{SHARED}'
        group by c.oid
        """
    )

    assert len(tables) == 9
    unguarded = [row for row in tables if tuple(row)[1:] != (True, True, ["own_store"], [True])]
    assert unguarded == []


async def test_policies_name_the_roles_that_they_are_for(catalogue: Any) -> None:
    roles = await column(catalogue, "select distinct roles::text[] from pg_policies")

    assert [set(names) for names in roles] == [{"mcp_user", "retail_owner"}]


async def test_shared_categories_hold_no_store(catalogue: Any) -> None:
    named = await column(
        catalogue,
        f"select attname from pg_attribute where attrelid = 'retail.{SHARED}'::regclass and attname ~ 'store'",
    )

    assert named == []


async def test_store_id_comes_first_in_every_key(catalogue: Any) -> None:
    others = await column(
        catalogue,
        f"""
        select c.conrelid::regclass || ' ' || c.conname
        from pg_constraint c
        join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
        where c.connamespace = 'retail'::regnamespace and c.contype in ('p', 'u', 'f')
          and c.conrelid <> 'retail.{SHARED}'::regclass
          and coalesce(c.confrelid, 0) <> 'retail.{SHARED}'::regclass
          and a.attname <> 'store_id'
        """,
    )

    assert others == []


async def test_every_foreign_key_refers_to_store_id_with_store_id(catalogue: Any) -> None:
    others = await column(
        catalogue,
        f"""
        select c.conrelid::regclass || ' ' || c.conname
        from pg_constraint c
        join pg_attribute a on a.attrelid = c.confrelid and a.attnum = c.confkey[1]
        where c.connamespace = 'retail'::regnamespace and c.contype = 'f'
          and c.confrelid <> 'retail.{SHARED}'::regclass and a.attname <> 'store_id'
        """,
    )

    assert others == []


async def test_store_id_comes_first_in_every_index(catalogue: Any) -> None:
    others = await column(
        catalogue,
        f"""
        select i.indexrelid::regclass::text
        from pg_index i
        join pg_class c on c.oid = i.indrelid
        left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
        where c.relnamespace = 'retail'::regnamespace and c.relname <> '{SHARED}'
          and (a.attname is distinct from 'store_id' or i.indkey[0] = 0)
        """,
    )

    assert {name.removeprefix("retail.") for name in others} == INDEXES_WITHOUT_STORE


async def test_store_id_is_never_null(catalogue: Any) -> None:
    nullable = await column(
        catalogue,
        "select attrelid::regclass::text from pg_attribute a join pg_class c on c.oid = a.attrelid"
        " where c.relnamespace = 'retail'::regnamespace and c.relkind = 'r'"
        " and attname = 'store_id' and not attnotnull",
    )

    assert nullable == []


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


async def test_every_security_definer_function_pins_its_search_path(catalogue: Any) -> None:
    functions = await catalogue.fetch(
        f"""select p.oid::regprocedure::text, p.proconfig from pg_proc p
            join pg_namespace n on n.oid = p.pronamespace where p.prosecdef and {OURS}"""
    )

    assert len(functions) >= 10
    assert [row for row in functions if PINNED not in row["proconfig"]] == []


async def test_owners_of_objects_are_those_of_their_schema(catalogue: Any) -> None:
    owned = await catalogue.fetch(
        f"""
        select n.nspname, n.nspname || '.' || o.name as name, pg_get_userbyid(o.owner) as owner
        from pg_namespace n join (
          select relnamespace as schema, relname as name, relowner as owner from pg_class
          union all select pronamespace, proname, proowner from pg_proc
          union all select typnamespace, typname, typowner from pg_type
          union all select oid, 'itself', nspowner from pg_namespace
        ) o on o.schema = n.oid
        where {OURS} and n.nspname <> 'migrations'
        """
    )

    assert {row["nspname"] for row in owned} == set(SCHEMAS)
    strangers = {row["name"]: row["owner"] for row in owned if row["owner"] != OWNERS[row["nspname"]]}
    # A view has a row type and an array type of its own.
    assert strangers == GUESTS | {"retail._audit_log": "retail_audit"}


async def test_owners_cannot_log_in(catalogue: Any) -> None:
    logins = await column(
        catalogue, "select rolname::text from pg_roles where rolname ~ '^retail_(?!test_)' and rolcanlogin"
    )

    assert logins == []


async def test_no_owner_bypasses_row_level_security(catalogue: Any) -> None:
    powerful = await column(
        catalogue,
        "select rolname::text from pg_roles where rolname ~ '^retail_(?!test_)'"
        " and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)",
    )

    assert powerful == []


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


async def test_extensions_are_vector_and_plpgsql(catalogue: Any) -> None:
    assert set(await column(catalogue, "select extname::text from pg_extension")) == {"plpgsql", "vector"}


@pytest.mark.parametrize(
    "sql",
    [
        f"""select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where {OURS} and c.relkind in ('r', 'v', 'p', 'm') and obj_description(c.oid, 'pg_class') is null""",
        f"""select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace
            where {OURS} and obj_description(p.oid, 'pg_proc') is null""",
        f"""select n.nspname::text from pg_namespace n
            where {OURS} and n.nspname <> 'migrations' and obj_description(n.oid, 'pg_namespace') is null""",
        """select r.rolname::text from pg_roles r where r.rolname ~ '^(mcp_|retail_(?!test_))'
           and shobj_description(r.oid, 'pg_authid') is null""",
    ],
    ids=["tables and views", "functions", "schemas", "roles"],
)
async def test_everything_has_a_comment(catalogue: Any, sql: str) -> None:
    assert await column(catalogue, sql) == []


async def test_every_view_is_a_barrier_or_the_callers_or_for_operators_or_of_shared_data(catalogue: Any) -> None:
    plain = await column(
        catalogue,
        """select relname::text from pg_class where relnamespace = 'retail'::regnamespace and relkind = 'v'
           and not coalesce(reloptions, '{}') && '{security_barrier=true,security_invoker=true}'""",
    )

    assert set(plain) == {"table_stats", "index_usage", "slow_queries", "vector_indexes"}


@each_login
async def test_server_login_has_time_limits(catalogue: Any, login: str) -> None:
    settings = await catalogue.fetchval(f"select setconfig from pg_db_role_setting where setrole = '{login}'::regrole")

    assert {setting.split("=")[0] for setting in settings} >= {
        "statement_timeout",
        "transaction_timeout",
        "idle_in_transaction_session_timeout",
        "lock_timeout",
    }
