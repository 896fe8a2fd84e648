-- name: store_details
-- $1 embedding model (text), $2 its dimensions (int). The store of the context. One row.
select
  s.store_id,
  s.store_name,
  s.store_location,
  s.store_type,
  s.region,
  s.currency,
  s.time_zone,
  retail.local_date(now(), s.time_zone) as today,
  (select retail.local_date(min(t.transaction_date), s.time_zone) from retail.sales_transactions t)
    as first_sale_date,
  (select retail.local_date(max(t.transaction_date), s.time_zone) from retail.sales_transactions t)
    as last_sale_date,
  (select count(*) from retail.customers) as customers,
  state.products as active_products,
  state.missing as products_not_searchable_by_meaning,
  state.outdated as products_searchable_by_older_texts,
  $1::text as embedding_model
from retail.stores s
cross join retail.embedding_state($1, $2) state;
