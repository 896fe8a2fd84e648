-- name: lock_load
-- One load at a time: a second waits for the end of this transaction, and then finds the first one's data.
select pg_advisory_xact_lock(hashtext('retail demo data'));

-- name: holds_data
-- Whether there is anything that a load would have to replace. One row.
select exists (select from retail.product_categories)
  or exists (select from retail.customers)
  or exists (select from retail.products)
  or exists (select from retail.sales_transactions);

-- name: empty_tables
-- NOTE: stores stay. Access rights refer to them, and removing a store would remove those as well.
truncate retail.daily_sales, retail.product_embeddings, retail.stock_movements, retail.sales_transaction_items,
  retail.sales_transactions, retail.products, retail.product_words, retail.customers, retail.product_categories
restart identity;

-- name: upsert_stores
-- $1 stores (jsonb, an array of objects). A store that is as it should be stays untouched, updated_at included.
insert into retail.stores as present (
  store_id, store_name, store_location, store_type, region, currency, time_zone, is_active, created_at,
  updated_at
)
select
  store_id, store_name, store_location, store_type, region, currency, time_zone, is_active, created_at,
  updated_at
from jsonb_populate_recordset(null::retail.stores, $1::jsonb)
on conflict (store_id) do update
set (store_name, store_location, store_type, region, currency, time_zone, is_active) = row(
  excluded.store_name, excluded.store_location, excluded.store_type, excluded.region, excluded.currency,
  excluded.time_zone, excluded.is_active
)
where (
  present.store_name, present.store_location, present.store_type, present.region, present.currency,
  present.time_zone, present.is_active
) is distinct from (
  excluded.store_name, excluded.store_location, excluded.store_type, excluded.region, excluded.currency,
  excluded.time_zone, excluded.is_active
);

-- name: continue_category_ids
-- The generator numbers the categories itself; the next one must not get a number again.
select setval(pg_get_serial_sequence('retail.product_categories', 'category_id'), max(category_id))
from retail.product_categories;

-- name: skip_triggers
-- For the rest of the transaction, or until keep_triggers.
set local session_replication_role = replica;

-- name: keep_triggers
-- Triggers work again.
set local session_replication_role = origin;

-- name: learn_words
-- The vocabulary of each store's products.
select retail.learn_words(s.store_id) from retail.stores s;

-- name: sum_daily_sales
-- Store by store, in one order.
select retail.sum_daily_sales(s.store_id) from (select store_id from retail.stores order by 1) s;

-- name: count_movements
-- Those that triggers have entered are among them. One row.
select count(*) from retail.stock_movements;

-- name: log_load
-- $1 rows per table (jsonb).
select audit.record_operation('demo_data_loaded', null, $1::jsonb);

-- name: log_load_of_stores
-- What concerns a store is its auditors' to see; how much the others hold is not.
select audit.record_operation('demo_data_loaded', store_id, '{}') from retail.stores;

-- name: update_statistics
-- For the planner, after all is loaded.
analyze retail.stores, retail.product_categories, retail.customers, retail.products, retail.product_words,
  retail.sales_transactions, retail.sales_transaction_items, retail.stock_movements, retail.daily_sales;
