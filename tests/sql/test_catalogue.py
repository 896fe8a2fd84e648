"""What the catalogue says of every object of ours: guarded, keyed by store, owned by nobody who logs in."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sql.catalogue import OURS, column

SCHEMAS = ["analytics", "audit", "guard", "retail"]
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
    # GIN indexes: for the owner's jobs; see the note in sql/versioned/0040_tables.sql.
    "idx_products_metadata",
    "idx_products_tags",
    "idx_products_text_search",
}


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
