-- name: login_role
-- What the server's own login is and may become. One row.
-- bypassing_roles: superusers and BYPASSRLS roles that it is or may switch to.
-- owner_roles: owners that it may switch to. owned_tables: what it owns itself.
select
  current_user::text as role_name,
  array(
    select r.rolname::text
    from pg_catalog.pg_roles r
    where (r.rolsuper or r.rolbypassrls)
      -- A superuser counts as member of everything; its own row says that already.
      and (r.rolname = current_user or pg_catalog.pg_has_role(current_user, r.oid, 'member'))
    order by r.rolname
  ) as bypassing_roles,
  array(
    select r.rolname::text
    from pg_catalog.pg_roles r
    where r.rolname in ('retail_owner', 'retail_guard', 'retail_audit')
      and pg_catalog.pg_has_role(current_user, r.oid, 'member')
    order by r.rolname
  ) as owner_roles,
  array(
    select distinct n.nspname || '.' || c.relname
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('retail', 'guard', 'audit') and pg_catalog.pg_get_userbyid(c.relowner) = current_user
  ) as owned_tables;

-- name: unguarded_tables
-- What in the retail schema would show rows past the policies. No row when all is well.
-- Tables, except the shared categories: without row level security, FORCE, or exactly the one policy
-- of sql/repeatable/0050_policies.sql. Materialized views and foreign tables, which can have no policy. Views that
-- the login may read and that run with the rights of an owner whom policies do not bind.
select c.relname::text as table_name
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_roles owner on owner.oid = c.relowner
cross join lateral (
  select
    count(*) as policies,
    count(*) filter (
      where p.polpermissive
        and p.polcmd = '*'
        and pg_catalog.pg_get_expr(p.polqual, p.polrelid) = '(store_id = ( SELECT guard.store() AS store))'
        and pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) = '(store_id = ( SELECT guard.store() AS store))'
    ) as tenant_policies
  from pg_catalog.pg_policy p
  where p.polrelid = c.oid
) found
where n.nspname = 'retail'
  and case c.relkind
    when 'r' then c.relname <> 'product_categories' and not (
      c.relrowsecurity and c.relforcerowsecurity and found.policies = 1 and found.tenant_policies = 1
    )
    when 'p' then not (
      c.relrowsecurity and c.relforcerowsecurity and found.policies = 1 and found.tenant_policies = 1
    )
    when 'm' then true
    when 'f' then true
    when 'v' then (owner.rolsuper or owner.rolbypassrls)
      and not coalesce('security_invoker=true' = any(c.reloptions), false)
      and pg_catalog.has_table_privilege(c.oid, 'select')
    else false
  end
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

-- name: time_limits
-- What ends things on this connection, in milliseconds; 0 means that nothing does. One row.
select
  max(s.setting::integer) filter (where s.name = 'statement_timeout') as statement_timeout,
  max(s.setting::integer) filter (where s.name = 'lock_timeout') as lock_timeout,
  max(s.setting::integer) filter (where s.name = 'idle_in_transaction_session_timeout')
    as idle_in_transaction_session_timeout,
  max(s.setting::integer) filter (where s.name = 'transaction_timeout') as transaction_timeout
from pg_catalog.pg_settings s
where s.name in ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout');

-- name: current_login
-- What a pool is logged in as. One row.
select current_user as role_name;

-- name: sql_login
-- $1 name of the login that runs callers' SQL (text). What it should not have, each empty when all is well. One row.
-- powers: what would let it step over the policies. readable: relations of ours beside the views of analytics.
-- limits: settings of the role that are missing, or that limit nothing. open_functions: functions of PostgreSQL that it can call although
-- no view or caller needs them.
select
  array(
    select power
    from pg_catalog.pg_roles r
    cross join lateral (values
      ('it is a superuser', r.rolsuper),
      ('it bypasses row level security', r.rolbypassrls),
      ('it may make roles', r.rolcreaterole),
      ('it is a member of other roles', exists (select from pg_catalog.pg_auth_members m where m.member = r.oid)),
      ('it owns tables', exists (select from pg_catalog.pg_class c where c.relowner = r.oid))
    ) v (power, held)
    where r.rolname = $1::name and held
  ) as powers,
  array(
    select n.nspname || '.' || c.relname
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('retail', 'guard', 'audit', 'migrations') and c.relkind in ('r', 'p', 'v', 'm', 'f')
      and pg_catalog.has_any_column_privilege($1::name, c.oid, 'select, insert, update, references')
    order by 1
  ) as readable,
  array(
    select wanted
    from unnest(array['statement_timeout', 'transaction_timeout', 'lock_timeout', 'work_mem',
      'default_transaction_read_only']) wanted
    where coalesce((
      select lower(split_part(setting, '=', 2))
      from pg_catalog.pg_db_role_setting s
      join pg_catalog.pg_roles r on r.oid = s.setrole
      left join pg_catalog.pg_database d on d.oid = s.setdatabase
      cross join unnest(s.setconfig) setting
      where r.rolname = $1::name
        and (s.setdatabase = 0 or d.datname = current_database())
        and split_part(setting, '=', 1) = wanted
      -- One for this database counts before one for all of them.
      order by s.setdatabase desc
      limit 1
    ), '0') ~ '^(0[a-z]*|off|false|no)$'
  ) as limits,
  array(
    select p.proname::text
    from pg_catalog.pg_proc p
    where p.pronamespace = 'pg_catalog'::regnamespace
      and p.proname in ('set_config', 'pg_sleep', 'pg_advisory_lock', 'lo_get')
      and pg_catalog.has_function_privilege($1::name, p.oid, 'execute')
    order by 1
  ) as open_functions;
