-- name: database_server
-- The database server: version as a number, pgvector's version or null, and its clock.
select
  current_setting('server_version_num')::int as version,
  (select e.extversion from pg_catalog.pg_extension e where e.extname = 'vector') as vector_version,
  clock_timestamp() as clock;

-- name: months_ahead
-- Parts of the audit log that are ready for months to come, the current one included: the fewer of the two logs.
select coalesce(min(parts), 0)::int as months
from (
  select count(p.relname) as parts
  from (values ('row_change'), ('tool_call')) log (name)
  left join pg_catalog.pg_class p
    on p.relnamespace = 'audit'::regnamespace
    and p.relname ~ ('^' || log.name || '_[0-9]{4}_[0-9]{2}$')
    and right(p.relname, 7) >= to_char(now() at time zone 'UTC', 'YYYY_MM')
  group by log.name
) ready;

-- name: database_identity
-- Which database this is, of all that there are. One row.
select
  (select system_identifier from pg_catalog.pg_control_system()) as cluster_id,
  pg_catalog.current_database()::text as database_name;

-- name: operator_rights
-- The operator's login, whether it sees a standby, and what it lacks for a command, to follow its name. One row.
select
  current_user::text as login,
  pg_catalog.pg_is_in_recovery() as in_recovery,
  array(
    select lacks
    from (values
      (1, 'may make no roles, which migrate needs', r.rolcreaterole),
      (2, 'may make no databases, which verified backups need', r.rolcreatedb),
      (3, 'is held by row level security, which seed and imports must not be', r.rolbypassrls),
      (4, 'does not own this database', pg_catalog.pg_has_role(current_user, d.datdba, 'member'))
    ) v (place, lacks, held)
    where not held and not r.rolsuper
    order by place
  ) as missing
from pg_catalog.pg_roles r
join pg_catalog.pg_database d on d.datname = pg_catalog.current_database()
where r.rolname = current_user;

-- name: talkative_logins
-- Logins whose errors PostgreSQL writes to its own log, with the values in them, unless the whole server is told not to.
select r.rolname::text as login
from pg_catalog.pg_roles r
where r.rolname in ('mcp_user', 'mcp_auth', 'mcp_audit', 'mcp_embed', 'mcp_sql')
  and 3 > (
    select count(*)
    from pg_catalog.pg_db_role_setting s
    cross join unnest(s.setconfig) setting
    where s.setrole = r.oid and s.setdatabase = 0
      and split_part(setting, '=', 1) in ('log_min_messages', 'log_min_error_statement', 'log_error_verbosity')
  )
order by r.rolname;
