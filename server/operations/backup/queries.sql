-- name: backed_up_tables
-- Every table of ours, with what must come along when it is restored. Partitions count for themselves.
select
  c.oid::regclass::text as name,
  format('select count(*) from %s', c.oid::regclass) as count_rows,
  pg_get_userbyid(c.relowner)::text as owner,
  c.relrowsecurity as row_security,
  c.relforcerowsecurity as row_security_forced,
  coalesce(
    (
      select array_agg(concat_ws(' ', p.policyname, p.permissive, p.cmd, p.roles::text, p.qual, p.with_check)
        order by p.policyname)
      from pg_catalog.pg_policies p
      where p.schemaname = n.nspname and p.tablename = c.relname
    ),
    '{}'
  ) as policies,
  coalesce(
    (select array_agg(a::text order by a::text) from unnest(c.relacl) a),
    '{}'
  ) as grants,
  (select count(*) from pg_catalog.pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal) as triggers
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname in ('retail', 'guard', 'audit', 'migrations')
order by 1;

-- name: backed_up_functions
-- How many functions of ours there are, by owner and whether they run with its rights.
select pg_get_userbyid(p.proowner)::text as owner, p.prosecdef as as_owner, count(*) as functions
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where n.nspname in ('retail', 'guard', 'audit')
group by 1, 2
order by 1, 2;

-- name: in_use
-- $1 database (text). Whether it exists, and how many others are connected to it.
select
  exists (select from pg_catalog.pg_database d where d.datname = $1::text) as is_there,
  (
    select count(*) from pg_catalog.pg_stat_activity a
    where a.datname = $1 and a.pid <> pg_backend_pid() and a.backend_type = 'client backend'
  ) as connections;

-- name: is_empty
-- Whether this database holds no table, view or sequence that a person made.
select not exists (
  select
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relkind in ('r', 'p', 'v', 'm', 'S')
) as is_empty;

-- name: notes_column_versions
-- Whether this server keeps a number of its own among the options of columns, as 17.12 does since November 2026. One
-- row.
select exists (
  select from pg_catalog.pg_attribute a, unnest(a.attoptions) option where option like 'pg_attver=%'
) as noted;

-- name: forget_tokens
-- Revokes every bearer token that still stands.
update guard.api_token set revoked_at = now() where revoked_at is null;
