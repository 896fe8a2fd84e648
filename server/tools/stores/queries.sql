-- name: store_details
-- $1 embedding model (text). The store of the context. One row.
select
  s.store_id,
  s.store_name,
  s.store_location,
  s.store_type,
  s.region,
  s.currency,
  s.time_zone,
  (now() at time zone s.time_zone)::date as today,
  (select (min(t.transaction_date) at time zone s.time_zone)::date from retail.sales_transactions t)
    as first_sale_date,
  (select (max(t.transaction_date) at time zone s.time_zone)::date from retail.sales_transactions t)
    as last_sale_date,
  (select count(*) from retail.customers) as customers,
  (select count(*) from retail.products p where p.is_active) as active_products,
  (
    select count(*)
    from retail.products p
    where p.is_active
      and not exists (
        select from retail.product_embeddings e
        where e.store_id = p.store_id and e.product_id = p.product_id and e.embedding_model = $1::text
      )
  ) as products_not_searchable_by_meaning
from retail.stores s;
