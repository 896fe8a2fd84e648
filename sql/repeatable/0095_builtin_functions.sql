-- PostgreSQL's own functions and catalogue, taken from PUBLIC and given to mcp_sql by name.
--
-- Assumes: 0088. Last, because it goes over everything that is there. A login that runs the SQL of callers must not
-- reach set_config, pg_sleep, advisory locks, large objects, statistics and whatever a later version brings, and
-- there is no way to deny one login what PUBLIC may. So PUBLIC loses them, in this database alone, and
-- retail_builtins gets exactly what PUBLIC had: every other login and owner of ours is in it, and so are
-- pg_monitor, pg_read_all_data (which backups use) and the owner of the database. Grant it to roles of your own.
-- NOTE: only a superuser can do this. A managed service has none: there this file changes nothing, and what the
-- server lets through is what its own gate allows (docs/ad-hoc-sql.md).
-- NOTE: no dump may carry these grants, because another major version has other functions. A backup leaves them out
-- (server/operations/backup) and a restore runs this file; before pg_upgrade, "retail-mcp prepare-pg-upgrade" undoes it, and
-- the next "migrate" runs it again. It may run as often as one likes.

do $$
declare
  member text;
begin
  for member in
    select r.rolname
    from pg_catalog.pg_roles r
    where r.rolname in (
        'mcp_user', 'mcp_auth', 'mcp_audit', 'mcp_embed', 'retail_owner', 'retail_guard', 'retail_audit',
        'retail_auditor', 'pg_monitor', 'pg_read_all_data'
      )
      or not r.rolsuper and r.oid = (select d.datdba from pg_catalog.pg_database d where d.datname = current_database())
  loop
    execute format('grant retail_builtins to %I with inherit true, set false', member);
  end loop;
exception
  -- The predefined roles are a superuser's to grant to, and only a superuser gets as far as to need it.
  when insufficient_privilege then null;
end
$$;

-- What mcp_sql may call stays with PUBLIC: functions by name, and whatever stands behind operators and casts, each for
-- these types alone. The names are those of server/tools/adhoc/vocabulary.py; a test compares the two. Functions that
-- take a value of type internal cannot be called by SQL and are left alone, and so are those of an extension: of
-- plpgsql, which handle its functions and are all that a dump without pg_catalog would still carry.
do $$
declare
  types constant text[] := array[
    'bool', 'int2', 'int4', 'int8', 'numeric', 'float4', 'float8', 'text', 'varchar', 'bpchar', 'name', 'uuid',
    'date', 'time', 'timestamp', 'timestamptz', 'interval', 'json', 'jsonb'
  ];
  polymorphic constant text[] := array[
    'any', 'anyelement', 'anyarray', 'anynonarray', 'anycompatible', 'anycompatiblearray', 'anycompatiblenonarray',
    '_float8', '_text'
  ];
  operators constant text[] := array[
    '=', '<>', '<', '>', '<=', '>=', '+', '-', '*', '/', '%', '||', '~~', '!~~', '~~*', '!~~*', '@>', '<@', '&&',
    '->', '->>', '#>', '#>>'
  ];
  -- Those that can grow a value stand bounded in analytics.
  unbounded constant text[] := array[
    'textcat', 'textanycat', 'anytextcat', 'array_cat', 'array_append', 'array_prepend', 'jsonb_concat'
  ];
  functions constant text[] := array[
    'abs', 'age', 'array_length', 'array_position', 'avg', 'bool_and', 'bool_or', 'btrim', 'cardinality', 'cbrt',
    'ceil', 'ceiling', 'char_length', 'character_length', 'corr', 'count', 'covar_pop', 'covar_samp', 'cume_dist',
    'date', 'date_bin', 'date_part', 'date_trunc', 'dense_rank', 'div', 'every', 'extract', 'first_value', 'float8',
    'floor', 'initcap', 'isfinite', 'json_array_length', 'json_build_array', 'json_build_object',
    'jsonb_array_length', 'jsonb_build_array', 'jsonb_build_object', 'justify_days', 'justify_hours',
    'justify_interval', 'lag', 'last_value', 'lead', 'left', 'length', 'like_escape', 'ln', 'log', 'log10',
    'lower', 'ltrim', 'make_date', 'make_interval', 'make_time', 'make_timestamp', 'max', 'min', 'mod', 'mode', 'now',
    'nth_value', 'ntile', 'numeric', 'num_nonnulls', 'num_nulls', 'percent_rank', 'percentile_cont',
    'percentile_disc', 'position', 'rank', 'regr_avgx', 'regr_avgy', 'regr_count', 'regr_intercept', 'regr_r2',
    'regr_slope', 'regr_sxx', 'regr_sxy', 'regr_syy', 'reverse', 'right', 'round', 'row_number', 'rtrim', 'sign',
    'split_part', 'sqrt', 'starts_with', 'stddev', 'stddev_pop', 'stddev_samp', 'strpos', 'substr', 'substring',
    'sum', 'text', 'timezone', 'to_char', 'to_date', 'to_json', 'to_jsonb', 'to_number', 'to_timestamp', 'trim_array',
    'trunc', 'unnest', 'upper', 'var_pop', 'var_samp', 'variance', 'width_bucket'
  ];
  allowed oid[];
  functions_to_take text;
  relations_to_take text;
begin
  if not (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
    return;
  end if;
  select array_agg(f.oid)
  into allowed
  from (
    select o.oprcode::oid as oid
    from pg_catalog.pg_operator o
    left join pg_catalog.pg_type l on l.oid = o.oprleft
    join pg_catalog.pg_type r on r.oid = o.oprright
    where o.oprname = any (operators) and o.oprcode <> 0
      and coalesce(l.typname, 'int4') = any (types || polymorphic) and r.typname = any (types || polymorphic)
    union
    select c.castfunc
    from pg_catalog.pg_cast c
    join pg_catalog.pg_type s on s.oid = c.castsource
    join pg_catalog.pg_type t on t.oid = c.casttarget
    where c.castfunc <> 0 and s.typname = any (types) and t.typname = any (types)
    union
    -- Casts of constants by way of text are checked like calls.
    select f.oid
    from pg_catalog.pg_type t
    cross join lateral (values (t.typinput::oid), (t.typoutput::oid)) f (oid)
    where t.typname = any (types)
    union
    select p.oid
    from pg_catalog.pg_proc p
    where p.pronamespace = 'pg_catalog'::regnamespace and p.proname = any (functions)
      and not exists (
        select from unnest(p.proargtypes::oid[]) a
        join pg_catalog.pg_type t on t.oid = a
        where t.typname <> all (types || polymorphic)
      )
  ) f
  join pg_catalog.pg_proc p on p.oid = f.oid
  where p.proname <> all (unbounded);

  select string_agg(p.oid::regprocedure::text, ', ')
  into functions_to_take
  from pg_catalog.pg_proc p
  cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
  where p.pronamespace in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
    and a.grantee = 0
    and p.oid <> all (allowed)
    and 'internal'::regtype <> all (p.proargtypes::oid[])
    and not exists (
      select from pg_catalog.pg_depend d
      where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
    );
  if functions_to_take is not null then
    execute format('grant execute on routine %s to retail_builtins', functions_to_take);
    execute format('revoke execute on routine %s from public', functions_to_take);
  end if;

  select string_agg(c.oid::regclass::text, ', ')
  into relations_to_take
  from pg_catalog.pg_class c
  cross join lateral aclexplode(c.relacl) a
  where c.relnamespace in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
    and a.grantee = 0 and a.privilege_type = 'SELECT';
  if relations_to_take is not null then
    execute format('grant select on %s to retail_builtins', relations_to_take);
    execute format('revoke select on %s from public', relations_to_take);
  end if;
end
$$;
