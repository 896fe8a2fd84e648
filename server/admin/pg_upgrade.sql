-- name: is_superuser
-- Whether this session may change the rights on PostgreSQL's own objects. One row.
select r.rolsuper from pg_catalog.pg_roles r where r.rolname = current_user;

-- name: give_back_builtins
-- Undoes sql/0095_builtin_functions.sql: what retail_builtins has of PostgreSQL's own objects is PUBLIC's again.
-- pg_upgrade and pg_dump write down every right on a system object that differs from what initdb gave, and another
-- major version does not have the same functions: GRANT fails there on the first one that it lacks.
do $$
declare
  functions text;
  relations text;
begin
  select string_agg(p.oid::regprocedure::text, ', ')
  into functions
  from pg_catalog.pg_proc p
  cross join lateral aclexplode(p.proacl) a
  where p.pronamespace in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
    and a.grantee = 'retail_builtins'::regrole;
  if functions is not null then
    execute format('grant execute on routine %s to public', functions);
    execute format('revoke execute on routine %s from retail_builtins', functions);
  end if;

  select string_agg(c.oid::regclass::text, ', ')
  into relations
  from pg_catalog.pg_class c
  cross join lateral aclexplode(c.relacl) a
  where c.relnamespace in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
    and a.grantee = 'retail_builtins'::regrole and a.privilege_type = 'SELECT';
  if relations is not null then
    execute format('grant select on %s to public', relations);
    execute format('revoke select on %s from retail_builtins', relations);
  end if;
end
$$;
