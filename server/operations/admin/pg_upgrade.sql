-- name: is_superuser
-- Whether this session may change the rights on PostgreSQL's own objects. One row.
select r.rolsuper from pg_catalog.pg_roles r where r.rolname = current_user;

-- name: statements_that_give_back
-- SQL that undoes sql/repeatable/0095_builtin_functions.sql, to be run in this order: what retail_builtins has of PostgreSQL's own
-- objects is PUBLIC's again. pg_upgrade and pg_dump write down every right on a system object that differs from what
-- initdb gave, and another major version does not have the same functions: GRANT fails there on the first one that it
-- lacks.
with given_back as (
  select 'execute on routine ' || string_agg(p.oid::regprocedure::text, ', ') as rights
  from pg_catalog.pg_proc p
  cross join lateral aclexplode(p.proacl) a
  where p.pronamespace in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
    and a.grantee = to_regrole('retail_builtins')
  union all
  select 'select on ' || string_agg(c.oid::regclass::text, ', ')
  from pg_catalog.pg_class c
  cross join lateral aclexplode(c.relacl) a
  where c.relnamespace in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
    and a.grantee = to_regrole('retail_builtins') and a.privilege_type = 'SELECT'
)
select format('grant %s to public; revoke %s from retail_builtins', g.rights, g.rights) as statements
from given_back g
where g.rights is not null;
