-- name: audit_events
-- Entries about the store, newest first by when they were written, one more than the page.
-- $1 first day, $2 last day (date, inclusive), $3 IANA time zone, $4 kind, $5 tool, $6 subject, $7 outcome,
-- $8 record or customer id (each null: no filter), $9 time, $10 kind and $11 id of the last entry of the page
-- before (null: first page), $12 rows to fetch.
select
  e.kind, e.event_id, e.entered_at, e.happened_at, e.subject, e.role, e.action, e.record_type, e.record_id, e.customers,
  e.arguments, e.old_values, e.new_values, e.row_count, e.duration_ms, e.outcome, e.error_code, e.transport
from retail.list_audit_events(
  $4::text,
  retail.day_start($1::date, $3),
  retail.day_end($2::date, $3),
  $5::text,
  $6::text,
  $7::text,
  $8::uuid,
  $9::timestamptz,
  $10::text,
  $11::uuid,
  $12::integer
) e;
