-- name: tables_to_vacuum
-- Tables of ours, by name.
select c.oid::regclass::text as name
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname in ('retail', 'guard', 'audit', 'migrations')
order by 1;

-- name: indexes_to_rebuild
-- $1 least bytes of an index (bigint). Indexes worth rebuilding: invalid ones, which an interrupted build leaves
-- behind, and large b-trees that hold far more pages than their entries need, by name.
-- An entry is taken for 16 bytes and its columns' average width, pages for filled to nine tenths; that is rough, and
-- only a bloat of half or more counts.
with entry as (
  select
    i.indexrelid,
    i.indisvalid,
    c.reltuples,
    pg_relation_size(i.indexrelid) as bytes,
    16 + coalesce(sum(w.avg_width), 8) as entry_bytes,
    am.amname
  from pg_catalog.pg_index i
  join pg_catalog.pg_class c on c.oid = i.indexrelid
  join pg_catalog.pg_am am on am.oid = c.relam
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_class t on t.oid = i.indrelid
  left join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum = any (i.indkey::int2[])
  -- The view, because the table behind it is a superuser's alone.
  left join pg_catalog.pg_stats w on w.schemaname = n.nspname and w.tablename = t.relname and w.attname = a.attname
  where n.nspname in ('retail', 'guard', 'audit') and c.relkind = 'i'
  group by i.indexrelid, i.indisvalid, c.reltuples, am.amname
)
select e.indexrelid::regclass::text as name, e.indisvalid as is_valid, e.bytes
from entry e
where not e.indisvalid
  or (e.amname = 'btree' and e.bytes >= $1::bigint and e.bytes * 0.9 > 2 * e.entry_bytes * greatest(e.reltuples, 1))
order by 1;

-- name: unused_indexes
-- Indexes that no query has used since statistics began, largest first. Those that keep a key or a constraint stay out:
-- they are needed whether anybody searches by them or not. So do those of a table under 1 MiB: nobody gains by
-- dropping them, and a month that has just begun has not been asked for yet.
select s.indexrelid::regclass::text as name, pg_relation_size(s.indexrelid) as bytes
from pg_catalog.pg_stat_user_indexes s
join pg_catalog.pg_index i on i.indexrelid = s.indexrelid
where s.schemaname in ('retail', 'guard', 'audit')
  and s.idx_scan = 0
  and pg_relation_size(s.relid) >= 1048576
  and not i.indisunique
  and not exists (select from pg_catalog.pg_constraint c where c.conindid = s.indexrelid)
order by 2 desc, 1;

-- name: duplicate_indexes
-- Indexes whose columns another index of the same table begins with, by name: the other answers the same searches.
select i.indexrelid::regclass::text as name, min(other.indexrelid::regclass::text) as covered_by
from pg_catalog.pg_index i
join pg_catalog.pg_class c on c.oid = i.indexrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_index other
  on other.indrelid = i.indrelid
  and other.indexrelid <> i.indexrelid
  and (other.indkey::text || ' ') like (i.indkey::text || ' %')
join pg_catalog.pg_class o on o.oid = other.indexrelid and o.relam = c.relam
where n.nspname in ('retail', 'guard', 'audit')
  and not i.indisunique
  and i.indexprs is null
  and other.indexprs is null
  and pg_get_expr(i.indpred, i.indrelid) is not distinct from pg_get_expr(other.indpred, other.indrelid)
  -- Of two that are the same the later one is the duplicate.
  and (other.indkey::text <> i.indkey::text or other.indisunique or other.indexrelid < i.indexrelid)
group by 1
order by 1;

-- name: record_maintenance
-- $1 metadata (jsonb). Enters that maintenance was done in the audit log.
select audit.record_operation('maintenance_completed', null, $1::jsonb);
