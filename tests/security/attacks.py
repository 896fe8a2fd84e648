"""SQL that a caller smuggles in: to change the store under a running query, or to open another door."""

from __future__ import annotations

import io
from typing import Any

import asyncpg

# A table guarded the way that many guides show: by a setting that the caller can overwrite.
PLAIN_SETTING = """
create schema scratch;
create table scratch.products as select store_id from retail.products order by store_id desc;
alter table scratch.products enable row level security;
create policy own_store on scratch.products using (store_id = current_setting('scratch.store', true));
grant usage on schema scratch to mcp_user;
grant select on scratch.products to mcp_user;
"""

# One statement each. {table} is read; {setting} is overwritten with {value}.
STATEMENTS = {
    "materialized cte": """
        with s as materialized (select set_config('{setting}', '{value}', true) as done)
        select t.store_id from s, lateral (select store_id from {table} where s.done is not null) t""",
    "recursive cte": """
        with recursive s (n, done) as (
          select 1, set_config('{setting}', '{value}', true) union all select n + 1, done from s where n < 3
        )
        select t.store_id from s cross join lateral (select store_id from {table} where s.n = 3 offset 0) t""",
    "lateral over generate_series": """
        select t.store_id from generate_series(1, 2) g, lateral (
          select store_id from {table} where set_config('{setting}', '{value}', g > 0) is not null offset 0
        ) t""",
    "function in from": """
        select t.store_id from set_config('{setting}', '{value}', true) f left join {table} t on f is not null""",
    "values before a lateral": """
        select t.store_id from (values (set_config('{setting}', '{value}', true))) v (done)
        cross join lateral (select store_id from {table} where v.done is not null offset 0) t""",
    "subquery before a union": """
        select null where set_config('{setting}', '{value}', true) is null union all select store_id from {table}""",
    "name of the setting as data": """
        with s as materialized (select set_config(name, '{value}', true) as done from (values ('{setting}')) v (name))
        select t.store_id from s cross join lateral (select store_id from {table} where s.done <> '' offset 0) t""",
    "condition on the own rows": """
        select a.store_id from (
          select count(*) from {table} where set_config('{setting}', '{value}', true) is not null
        ) c cross join lateral (select store_id from {table} where c.count >= 0 offset 0) a""",
    "target list of a scalar subquery": """
        select (select set_config('{setting}', '{value}', true)), (select string_agg(store_id, ' ') from {table})""",
    "query in a text that ts_stat runs": """
        select s.word from set_config('{setting}', '{value}', true) f
        cross join lateral ts_stat('select to_tsvector(''simple'', store_id) from {table} where ' || quote_literal(f)
          || ' is not null') s""",
    "case that evaluates the set first": """
        select case when set_config('{setting}', '{value}', true) is not null
          then (select string_agg(store_id, ' ') from {table}) end""",
    "copy of a query": """
        copy (
          with s as materialized (select set_config('{setting}', '{value}', true) as done)
          select t.store_id from s, lateral (select store_id from {table} where s.done is not null) t
        ) to stdout""",
    "set inside do": """
        do $$ begin
          perform set_config('{setting}', '{value}', true);
          raise exception 'leak: %', (select string_agg(store_id, ' ') from {table});
        end $$""",
    "dynamic set inside do": """
        do $$ declare seen text; begin
          execute $q$ set local {setting} = '{value}' $q$;
          execute $q$ select string_agg(store_id, ' ') from {table} $q$ into seen;
          raise exception 'leak: %', seen;
        end $$""",
}

_LEAK = "do $$ begin raise exception 'leak: %', (select string_agg(store_id, ' ') from {table}); end $$"
# Several commands in one message, as an injection into the simple protocol would run them.
STACKED = {
    "set_config, then read": f"select set_config('{{setting}}', '{{value}}', true); {_LEAK}",
    "set local, then read": f"set local {{setting}} = '{{value}}'; {_LEAK}",
    "set for the session, then read": f"set session {{setting}} = '{{value}}'; {_LEAK}",
    "commit, begin again, set, read": f"commit; begin; set local {{setting}} = '{{value}}'; {_LEAK}",
    "reset all, set, read": f"reset all; set {{setting}} = '{{value}}'; {_LEAK}",
    "discard, set, read": f"commit; discard plans; set {{setting}} = '{{value}}'; {_LEAK}",
    "prepare in the own store, set, execute": f"""
        prepare own as select store_id from {{table}}; execute own;
        set local {{setting}} = '{{value}}'; execute own; {_LEAK}""",
    "set in a savepoint, read after its release": f"""
        savepoint s; set local {{setting}} = '{{value}}'; release s; {_LEAK}""",
}

# Ways past the policies that have nothing to do with the setting; each must be refused.
DOORS = {
    "become the owner": "set role retail_owner",
    "become the keeper of the keys": "select set_config('role', 'retail_guard', true)",
    "become a superuser": "set session authorization postgres",
    "read with policies off": "set local row_security = off; select store_id from retail.products",
    "switch the policies off": "alter table retail.products disable row level security",
    "bind the owner no more": "alter table retail.products no force row level security",
    "add a policy": "create policy mine on retail.products using (true)",
    "drop the policy": "drop policy own_store on retail.products",
    "replace the guard": "create or replace function guard.store() returns text language sql as $$ select 'redmond' $$",
    "a schema of the caller's": "create schema mine",
    "a function of the caller's": "create function pg_temp.f() returns text language sql as $$ select '' $$",
    "an operator that sees rows first": (
        "create operator public.=== (leftarg = text, rightarg = text, function = texteq)"
    ),
    "a temporary table": "create temp table products (store_id text)",
    "a view of the caller's": "create view public.mine as select * from retail.products",
    "the signing key": "select inner_pad from guard.context_key",
    "the hashes of the tokens": "select token_sha256 from guard.api_token",
    "who may enter which store": "select * from guard.store_access",
    "whose a token is": "select * from guard.authenticate('\\x00')",
    "who a subject of an identity provider is": "select * from guard.authenticate_subject('https://id', 'ann')",
    "names of principals": "select guard.subject(1)",
    "raw personal columns": "select email from retail.customers",
    "the row as a whole": "select c from retail.customers c",
    "the audit log": "select * from audit.row_change",
    "the audit log under the lab's name": "select * from retail.audit_log",
    "a reference to keep rows by": "create table public.mine (id text references retail.stores)",
    "a table's file": "select pg_read_file('PG_VERSION')",
    "a program of the system": "copy retail.stores to program 'cat'",
    "a large object from a file": "select lo_import('/etc/passwd')",
    "another database": "create foreign data wrapper mine",
    "a library": "load 'plpgsql'",
    "a replication slot": "select pg_create_logical_replication_slot('s', 'pgoutput')",
    "statistics with values in them": "select stavalues1 from pg_statistic",
    "verifiers of passwords": "select rolpassword from pg_authid",
    "a signature of the caller's": "select retail.set_store_context(repeat('0', 64) || 'T|x|9999999999|1|redmond|0')",
}


async def answer(connection: Any, attack: str) -> str:
    """All that a caller gets to see: rows, or the error's text."""
    try:
        if (text := attack.strip()).startswith("copy (") and text.endswith("to stdout"):
            output = io.BytesIO()
            await connection.copy_from_query(text[len("copy (") : text.rindex(")")], output=output)
            return output.getvalue().decode()
        if text.startswith(("with", "select")) and ";" not in text:
            return str([tuple(row) for row in await connection.fetch(text)])
        return str(await connection.execute(text))
    except asyncpg.PostgresError as error:
        return str(error)


def with_store_replaced(own: str, foreign: str) -> str:
    """The attacker's own context, edited to name the other store."""
    assert own.endswith("|seattle")
    return own.removesuffix("seattle") + "redmond"


def copied(own: str, foreign: str) -> str:
    """The context of another store's running transaction, as if spied out."""
    return foreign
