-- name: add_store
-- $1 id, $2 name, $3 currency, $4 time zone.
insert into retail.stores (store_id, store_name, currency, time_zone) values ($1, $2, $3, $4);

-- name: close_store
-- $1 id. Changes one row, or none when there is no such open store.
update retail.stores set is_active = false where store_id = $1 and is_active;

-- name: record_store_change
-- $1 what was done, $2 store id.
select audit.record_operation($1, $2, '{}'::jsonb);
