-- name: find_store
-- $1 store id.
select store_name, currency, time_zone, is_active from retail.stores where store_id = $1;

-- name: open_store_ids
-- All stores that can be entered.
select store_id from retail.stores where is_active order by store_id;

-- name: lock_imports
-- One import at a time: categories are shared by all stores. The end of the transaction releases it.
select pg_advisory_xact_lock(hashtext('retail import'));
