-- What Citus would refuse of the schema if every table with a store_id were distributed by it and every other table
-- of the schema retail copied to each node. $1 the schema; one row per rule and object.
-- Source: EnsureRelationCanBeDistributed, ErrorIfUnsupportedPolicy and
-- ErrorIfUnsupportedForeignConstraintExists in the source of Citus.
with tables as (
  select c.oid, c.relname, c.relkind, c.relispartition, a.attnum as store, a.attgenerated, a.attcollation, a.atttypid
  from pg_class c
  left join pg_attribute a on a.attrelid = c.oid and a.attname = 'store_id' and not a.attisdropped
  where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p')
)
select 'key without store_id' as rule, i.indexrelid::regclass::text as object
from tables t
join pg_index i on i.indrelid = t.oid and (i.indisunique or i.indisexclusion)
where t.store is not null and not t.store = any (i.indkey::smallint[])

union all
select 'distributed by what is generated, or of a collation or type that cannot be hashed alike', t.relname
from tables t
left join pg_collation l on l.oid = t.attcollation
where t.store is not null
  and (t.attgenerated <> '' or not coalesce(l.collisdeterministic, true) or t.atttypid <> 'text'::regtype)

union all
select 'reference to a table that is on no other node', k.conname
from tables t
join pg_constraint k on k.conrelid = t.oid and k.contype = 'f'
where k.confrelid not in (select oid from tables)

union all
select 'reference from a table that is everywhere to one that is not', k.conname
from tables t
join pg_constraint k on k.conrelid = t.oid and k.contype = 'f'
join tables f on f.oid = k.confrelid
where t.store is null and f.store is not null

union all
select 'reference between stores'' rows without store_id at the same place of both keys', k.conname
from tables t
join pg_constraint k on k.conrelid = t.oid and k.contype = 'f'
join tables f on f.oid = k.confrelid
where t.store is not null and f.store is not null
  and array_position(k.conkey, t.store) is distinct from coalesce(array_position(k.confkey, f.store), 0)

union all
select 'reference that would change store_id', k.conname
from tables t
join pg_constraint k on k.conrelid = t.oid and k.contype = 'f' and t.store = any (k.conkey)
where k.confdeltype in ('n', 'd') or k.confupdtype in ('n', 'd', 'c')

union all
select 'parts of parts', t.relname
from tables t
where t.relkind = 'p' and t.relispartition

union all
select 'rule', r.rulename
from tables t
join pg_rewrite r on r.ev_class = t.oid

union all
select 'policy with a subquery', t.relname
from tables t
join pg_policy p on p.polrelid = t.oid
where t.store is not null
  and (pg_get_expr(p.polqual, p.polrelid) ~ '\( ?SELECT ' or pg_get_expr(p.polwithcheck, p.polrelid) ~ '\( ?SELECT ')

union all
select distinct 'trigger', t.relname
from tables t
join pg_trigger g on g.tgrelid = t.oid and not g.tgisinternal

order by rule, object;
