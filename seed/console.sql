-- name: store_exists
-- $1 store id.
select exists (select from retail.stores where store_id = $1);
