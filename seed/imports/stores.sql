-- name: find_store
-- $1 store id.
select store_name, currency, time_zone, is_active from retail.stores where store_id = $1;

-- name: open_store_ids
-- All stores that can be entered.
select store_id from retail.stores where is_active order by store_id;
