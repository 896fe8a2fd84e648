-- name: fixed_output
-- The form in which rows were hashed, whatever this session's settings are.
set local timezone = 'UTC';
set local bytea_output = 'hex';

-- name: last_seal
-- The newest seal, or no row.
select s.seal_id, s.sealed_at, encode(s.row_hash, 'hex') as digest from audit.seal s order by s.seal_id desc limit 1;

-- name: cluster
-- The cluster whose transaction numbers are meant now.
select system_identifier from pg_control_system();

-- name: seals
-- Every seal with the text that its hash is over.
select
  s.seal_id, s.log, s.month, s.ids, s.rows_digest, s.fingerprints, s.to_xid::text::bigint as to_xid, s.to_id, s.cluster,
  s.previous_hash, s.row_hash, (to_jsonb(s) - 'row_hash')::text as image
from audit.seal s
order by s.seal_id;

-- name: dropped_months
-- What retention dropped, as it entered it: log and first day of each month. No entry accounts for a month that
-- retention would have kept at that time.
select dropped.part ->> 'log' as log, held.month::date as month
from audit.operation o
cross join lateral jsonb_array_elements(o.metadata -> 'dropped') as dropped (part)
cross join lateral jsonb_array_elements_text(dropped.part -> 'months') as held (month)
where o.action = 'audit_retained'
  and held.month::date < date_trunc('month', o.happened_at at time zone 'UTC') - interval '1 month';

-- name: months_of_row_change
-- The months that have entries.
select distinct date_trunc('month', e.changed_at at time zone 'UTC')::date from audit.row_change e order by 1;

-- name: months_of_tool_call
-- The months that have entries.
select distinct date_trunc('month', e.recorded_at at time zone 'UTC')::date from audit.tool_call e order by 1;

-- name: months_of_operation
-- The months that have entries.
select distinct date_trunc('month', e.happened_at at time zone 'UTC')::date from audit.operation e order by 1;

-- name: entries_of_row_change
-- $1 first day of a month: its entries with the text that their hash is over.
select
  e.change_id as id, e.transaction_xid::text::bigint as xid, e.row_hash, (to_jsonb(e) - 'row_hash')::text as image
from audit.row_change e
where e.changed_at >= $1::date::timestamp at time zone 'UTC'
  and e.changed_at < ($1 + interval '1 month') at time zone 'UTC';

-- name: entries_of_tool_call
-- $1 first day of a month: its entries with the text that their hash is over.
select
  e.call_number as id, e.transaction_xid::text::bigint as xid, e.row_hash, (to_jsonb(e) - 'row_hash')::text as image
from audit.tool_call e
where e.recorded_at >= $1::date::timestamp at time zone 'UTC'
  and e.recorded_at < ($1 + interval '1 month') at time zone 'UTC';

-- name: entries_of_operation
-- $1 first day of a month: its entries with the text that their hash is over.
select
  e.operation_id as id, e.transaction_xid::text::bigint as xid, e.row_hash, (to_jsonb(e) - 'row_hash')::text as image
from audit.operation e
where e.happened_at >= $1::date::timestamp at time zone 'UTC'
  and e.happened_at < ($1 + interval '1 month') at time zone 'UTC';

-- name: export
-- $1 kind, $2 from, $3 before, $4 store id, $5 customer id (each null: all). One JSON text per entry, oldest first.
select e.entry::text
from (
  select c.recorded_at as at, c.call_number as id, jsonb_build_object('kind', 'tool_call') || to_jsonb(c) as entry
  from audit.tool_call c
  where coalesce($1::text, 'tool_call') = 'tool_call'
    and ($2::timestamptz is null or c.recorded_at >= $2)
    and ($3::timestamptz is null or c.recorded_at < $3)
    and ($4::text is null or c.store_id = $4)
    and ($5::uuid is null or c.customers @> array[$5])
  union all
  select c.changed_at, c.change_id, jsonb_build_object('kind', 'row_change') || to_jsonb(c)
  from audit.row_change c
  where coalesce($1, 'row_change') = 'row_change'
    and ($2 is null or c.changed_at >= $2)
    and ($3 is null or c.changed_at < $3)
    and ($4 is null or c.store_id = $4)
    and ($5 is null or c.record_id = $5)
  union all
  select o.happened_at, o.operation_id, jsonb_build_object('kind', 'operation') || to_jsonb(o)
  from audit.operation o
  where coalesce($1, 'operation') = 'operation'
    and ($2 is null or o.happened_at >= $2)
    and ($3 is null or o.happened_at < $3)
    and ($4 is null or o.store_id = $4)
    and ($5 is null or o.metadata ->> 'customer_id' = $5::text)
) e
order by e.at, e.id;

-- name: retain
-- $1 months that are kept besides this one. One row per partition that was dropped.
select r.log, r.partition_name, r.row_count from audit.retain($1::integer) r;
