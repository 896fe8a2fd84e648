-- name: create_ledger
-- Idempotent.
create schema if not exists migrations;
create table if not exists migrations.applied (
  file_name text primary key,
  sha256 text not null,
  applied_at timestamptz not null default now()
);
comment on table migrations.applied is 'Which files of sql/ this database has, by checksum.';

-- name: grant_ledger
-- Lets the server's login see whether the schema is one that it knows; after the role exists.
grant usage on schema migrations to mcp_user;
grant select on migrations.applied to mcp_user;

-- name: applied
-- The ledger.
select file_name, sha256 from migrations.applied order by file_name;

-- name: record
-- $1 file name, $2 SHA-256 in hex.
insert into migrations.applied (file_name, sha256) values ($1, $2)
on conflict (file_name) do update set sha256 = excluded.sha256, applied_at = now();

-- name: forget
-- $1 names of all files (text[]). A later release may merge or drop a repeatable file; a versioned one stays.
delete from migrations.applied a where a.file_name like 'repeatable/%' and a.file_name <> all ($1::text[]);

-- name: oldest_transaction
-- Who has been in a transaction for longest while holding a table or index of this database. At most one row.
-- seconds: age of the transaction. who: login and program, as far as they are known.
select
  a.pid,
  concat_ws(', ', a.usename, coalesce(nullif(a.application_name, ''), a.backend_type)) as who,
  extract(epoch from clock_timestamp() - a.xact_start)::integer as seconds
from pg_stat_activity a
where a.datname = current_database() and a.pid <> pg_backend_pid() and a.xact_start is not null
  -- The catalogue's own tables have lower numbers.
  and exists (select from pg_locks l where l.pid = a.pid and l.granted and l.relation >= 16384)
order by a.xact_start
limit 1;

-- name: was_another_version
-- Whether pg_upgrade moved this database here: PUBLIC may call what sql/repeatable/0095_builtin_functions.sql takes from it, and
-- this session can take it, or ids are not made as sql/versioned/0037_new_ids.sql makes them here. One row.
select
  (
    (select r.rolsuper from pg_catalog.pg_roles r where r.rolname = current_user)
    and has_function_privilege('public', 'pg_catalog.set_config(text, text, boolean)', 'execute')
  )
  or exists (
    select
    from pg_catalog.pg_proc p
    where p.oid = to_regprocedure('retail.new_id()')
      and p.prosrc !~ 'uuidv7' and to_regprocedure('pg_catalog.uuidv7()') is not null
  );
