-- name: add_store
-- $1 id, $2 name, $3 currency, $4 time zone.
insert into retail.stores (store_id, store_name, currency, time_zone) values ($1, $2, $3, $4);

-- name: lock_store
-- $1 id. At most one row, which nobody else changes until this transaction ends.
select store_name, time_zone from retail.stores where store_id = $1 for no key update;

-- name: change_store
-- $1 id, $2 name, $3 time zone; null leaves what there is. A trigger sums the days anew for another time zone.
update retail.stores
set store_name = coalesce($2, store_name), time_zone = coalesce($3, time_zone)
where store_id = $1;

-- name: close_store
-- $1 id. Changes one row, or none when there is no such open store.
update retail.stores set is_active = false where store_id = $1 and is_active;

-- name: record_store_change
-- $1 what was done, $2 store id, $3 details (jsonb as text).
select audit.record_operation($1, $2, $3::jsonb);
