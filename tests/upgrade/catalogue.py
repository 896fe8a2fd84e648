"""What the catalogue says of a database, to be compared with another's."""

from __future__ import annotations

import re
from typing import Any

_OURS = "('retail', 'guard', 'audit', 'analytics', 'migrations')"
# Of the logs' partitions only that for the rest: a month's has the name of the month.
_NO_MONTH = r"c.relname !~ '_\d{4}_\d{2}(_|$)'"
_GRANTS = "array(select a::text from unnest({}) a order by 1)::text"
# What a dump and its restore write in another way and mean the same: parentheses, and names of subqueries' columns.
_OTHER_WORDS = re.compile(r'[()]| AS "?[\w?]+"?')
# NOT NULL is told by the columns: PostgreSQL 18 makes constraints of it too, whose names depend on how a table came.
_QUERIES = (
    f"""
    select 'relation', n.nspname, c.relname, c.relkind::text, {_GRANTS.format("c.relacl")}, c.relrowsecurity::text,
      c.relforcerowsecurity::text, pg_get_userbyid(c.relowner), c.reloptions::text, obj_description(c.oid, 'pg_class'),
      case when c.relkind = 'v' then pg_get_viewdef(c.oid) when c.relkind in ('i', 'I') then pg_get_indexdef(c.oid) end,
      pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in {_OURS} and {_NO_MONTH}
    """,
    f"""
    select 'column', c.oid::regclass::text, a.attnum::text, a.attname, format_type(a.atttypid, a.atttypmod),
      a.attnotnull::text, a.attidentity::text, a.attgenerated::text, a.attstorage::text, {_GRANTS.format("a.attacl")},
      pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum)
    from pg_attribute a
    join pg_class c on c.oid = a.attrelid
    join pg_namespace n on n.oid = c.relnamespace
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where n.nspname in {_OURS} and {_NO_MONTH} and a.attnum > 0 and c.relkind in ('r', 'p', 'v')
    """,
    f"""
    select 'function', p.oid::regprocedure::text, {_GRANTS.format("p.proacl")}, pg_get_userbyid(p.proowner),
      pg_get_functiondef(p.oid), obj_description(p.oid, 'pg_proc')
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname in {_OURS} and p.prokind = 'f'
    """,
    f"""
    select 'policy', schemaname, tablename, policyname, permissive, roles::text, cmd, qual, with_check
    from pg_policies where schemaname in {_OURS}
    """,
    f"""
    select 'constraint', c.oid::regclass::text, k.conname, pg_get_constraintdef(k.oid), k.convalidated::text
    from pg_constraint k join pg_class c on c.oid = k.conrelid where {_NO_MONTH} and k.contype <> 'n'
    """,
    f"""
    select 'trigger', c.oid::regclass::text, t.tgname, t.tgenabled::text, pg_get_triggerdef(t.oid)
    from pg_trigger t join pg_class c on c.oid = t.tgrelid where not t.tgisinternal and {_NO_MONTH}
    """,
    f"""
    select 'schema', n.nspname, pg_get_userbyid(n.nspowner), {_GRANTS.format("n.nspacl")}
    from pg_namespace n where n.nspname in {_OURS} or n.nspname = 'public'
    """,
    f"select 'default grant', pg_get_userbyid(defaclrole), defaclobjtype::text, {_GRANTS.format('defaclacl')} "
    "from pg_default_acl",
    f"select 'built in', p.oid::regprocedure::text, {_GRANTS.format('p.proacl')} from pg_proc p "
    "where p.pronamespace = 'pg_catalog'::regnamespace and p.proacl is not null",
    f"select 'database', {_GRANTS.format('d.datacl')} from pg_database d where d.datname = current_database()",
    "select 'role', r.rolname, s.setconfig::text from pg_db_role_setting s join pg_roles r on r.oid = s.setrole "
    "where s.setdatabase = 0",
)


async def fingerprint(connection: Any) -> set[tuple[Any, ...]]:
    """Everything that the catalogue says of our objects, but for ids, places and partitions of single months."""
    return {
        tuple(None if value is None else _OTHER_WORDS.sub("", str(value)) for value in row)
        for query in _QUERIES
        for row in await connection.fetch(query)
    }
