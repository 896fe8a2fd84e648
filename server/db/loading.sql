-- name: loading_role
-- What the login of this session may do, and whether the schema is there. One row.
select
  rolname,
  rolsuper or rolbypassrls as bypasses_row_level_security,
  has_parameter_privilege('session_replication_role', 'set') as may_skip_triggers,
  to_regclass('retail.stock_movements') is not null as has_schema
from pg_catalog.pg_roles
where rolname = current_user;
