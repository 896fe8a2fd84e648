-- Ids of new rows.
--
-- Assumes: 0030. What the function does depends on PostgreSQL's version, so a restore and the first "migrate" after
-- pg_upgrade run this file again.

set role retail_owner;

-- Ids in order of time keep inserts at the end of an index. uuidv7() came with PostgreSQL 18.
do $$
begin
  execute format(
    'create or replace function retail.new_id() returns uuid language sql volatile parallel safe as %L',
    case
      when to_regprocedure('pg_catalog.uuidv7()') is null then 'select pg_catalog.gen_random_uuid()'
      else 'select pg_catalog.uuidv7()'
    end
  );
end
$$;
comment on function retail.new_id() is 'A new row''s id, in order of time where the server can make such.';
revoke all on function retail.new_id() from public;

reset role;
