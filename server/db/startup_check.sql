-- name: login_role
-- What the server's own login is and may do. One row.
select
  current_user::text as role_name,
  r.rolsuper as is_superuser,
  r.rolbypassrls as bypasses_rls,
  coalesce((
    select array_agg(o.rolname::text order by o.rolname)
    from pg_catalog.pg_roles o
    where o.rolname in ('retail_owner', 'retail_guard', 'retail_audit')
      and pg_catalog.pg_has_role(current_user, o.oid, 'member')
  ), '{}') as owner_roles,
  coalesce((
    select array_agg(distinct n.nspname || '.' || c.relname)
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relowner = r.oid and n.nspname in ('retail', 'guard', 'audit')
  ), '{}') as owned_tables
from pg_catalog.pg_roles r
where r.rolname = current_user;

-- name: unguarded_tables
-- Tables of the retail schema, except the shared categories, that lack row level security, FORCE, or
-- exactly the one policy of sql/0050_policies.sql. No row when all is well.
select
  c.relname::text as table_name,
  c.relrowsecurity as has_rls,
  c.relforcerowsecurity as forces_rls,
  count(p.polname)::int as policies,
  count(p.polname) filter (
    where p.polpermissive
      and p.polcmd = '*'
      and pg_catalog.pg_get_expr(p.polqual, p.polrelid) = '(store_id = ( SELECT guard.store() AS store))'
      and pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) = '(store_id = ( SELECT guard.store() AS store))'
  )::int as tenant_policies
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join pg_catalog.pg_policy p on p.polrelid = c.oid
where n.nspname = 'retail' and c.relkind in ('r', 'p') and c.relname <> 'product_categories'
group by c.oid, c.relname, c.relrowsecurity, c.relforcerowsecurity
having not c.relrowsecurity or not c.relforcerowsecurity or count(p.polname) <> 1
  or count(p.polname) filter (
    where p.polpermissive
      and p.polcmd = '*'
      and pg_catalog.pg_get_expr(p.polqual, p.polrelid) = '(store_id = ( SELECT guard.store() AS store))'
      and pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) = '(store_id = ( SELECT guard.store() AS store))'
  ) <> 1
order by c.relname;

-- name: has_ledger
-- Whether the migrator has ever run here. One row.
select pg_catalog.to_regclass('migrations.applied') is not null as present;

-- name: applied_files
-- The migrator's ledger.
select a.file_name, a.sha256 from migrations.applied a order by a.file_name;

-- name: knows_key
-- $1 key id: whether the database verifies contexts signed with that key. One row.
select guard.knows_key($1::text) as known;
