-- What the checks of questions.toml count in: receipts and their lines with the store's own days, as plain joins over the
-- base tables. Nothing here uses the views and sums that the tools read.

create temporary view lines as
select
  t.store_id,
  t.receipt_number as receipt,
  (t.transaction_date at time zone s.time_zone)::date as day,
  extract(hour from t.transaction_date at time zone s.time_zone)::int as hour,
  t.transaction_type as kind,
  t.payment_method,
  t.cashier_id as cashier,
  t.register_id as register,
  t.return_reason as reason,
  t.customer_id,
  c.loyalty_tier as tier,
  p.sku,
  p.product_name as product,
  p.brand,
  coalesce(above.category_name, own.category_name) as category,
  own.category_name as subcategory,
  i.unit_price,
  i.direction = 1 as is_sold,
  i.quantity as units,
  i.direction * i.quantity as net_units,
  i.total_price as amount,
  i.direction * i.total_price as net_amount,
  i.discount_amount as discount,
  i.direction * i.tax_amount as tax,
  i.direction * i.quantity * i.unit_cost as cost
from retail.sales_transaction_items i
join retail.sales_transactions t on t.store_id = i.store_id and t.transaction_id = i.transaction_id
join retail.stores s on s.store_id = i.store_id
join retail.products p on p.store_id = i.store_id and p.product_id = i.product_id
left join retail.product_categories own on own.category_id = p.category_id
left join retail.product_categories above on above.category_id = own.parent_category_id
left join retail.customers c on c.store_id = t.store_id and c.customer_id = t.customer_id;

create temporary view receipts as
select
  t.store_id, t.receipt_number as receipt, t.transaction_type as kind, t.payment_method, t.customer_id,
  (t.transaction_date at time zone s.time_zone)::date as day, t.transaction_date as moment,
  t.subtotal, t.tax_amount as tax, t.total_amount as total
from retail.sales_transactions t
join retail.stores s on s.store_id = t.store_id;
