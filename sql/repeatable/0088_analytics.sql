-- What SQL that a caller writes may see: five views of the current store without personal data.
--
-- Assumes: 0087. The views run with their owner's rights, and FORCE row level security holds the owner to the store
-- of the context, as in 0070. So mcp_sql needs no grant on any table of retail, and there is no statement with
-- which it could name a personal column, a free text of the till, a system column or a row of another store.
-- No view filters rows by itself: nothing is hidden behind a condition that a caller's function could look past,
-- and without security_barrier the planner takes the views apart and reads what is asked for alone.
-- Columns whose comment ends with "-> table.column" are how the views are joined; get_schema shows all comments.

set role retail_owner;

-- The door for mcp_sql. Costs are in the views, so the database itself asks for a role that may know them.
create or replace function analytics.set_store_context(
  token text,
  out store_id text, out role text, out store_name text, out currency text, out time_zone text, out today date
)
language plpgsql volatile strict security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  select c.store_id, c.role, c.store_name, c.currency, c.time_zone, c.today
  into store_id, role, store_name, currency, time_zone, today
  from retail.set_store_context(token) c;
  if role is null or role not in ('manager', 'analyst') then
    raise exception 'role may not run SQL' using errcode = 'RT002';
  end if;
  perform set_config('TimeZone', time_zone, true);
end
$$;
comment on function analytics.set_store_context(text) is
  'Enter one store to run SQL over its views, in its time zone; raises 42501 like the one in retail, RT002 for a role that may not.';

create or replace view analytics.stores as
select
  s.store_id,
  s.store_name,
  s.store_location,
  s.store_type,
  s.region,
  s.currency,
  s.time_zone,
  (now() at time zone s.time_zone)::date as today
from retail.stores s;
comment on view analytics.stores is 'Your store: one row.';
comment on column analytics.stores.store_id is 'Short name of the store.';
comment on column analytics.stores.store_name is 'Full name of the store.';
comment on column analytics.stores.store_location is 'Where the store is.';
comment on column analytics.stores.store_type is 'For example flagship, standard or ecommerce.';
comment on column analytics.stores.region is 'Sales region.';
comment on column analytics.stores.currency is 'ISO 4217 code of every amount.';
comment on column analytics.stores.time_zone is 'IANA time zone in which local_time and local_date are.';
comment on column analytics.stores.today is 'Today''s date there.';

create or replace view analytics.customers as
select
  c.store_id,
  c.customer_id,
  -- Functions of a view run with the rights of who asks: || must be the one that mcp_sql may call.
  'Customer ' operator(analytics.||) upper(right(c.customer_id::text, 8)) as pseudonym,
  c.customer_since,
  c.loyalty_tier,
  c.total_lifetime_value as lifetime_value,
  c.erased_at is not null as is_erased
from retail.customers c;
comment on view analytics.customers is 'Customers as pseudonyms; no name, contact, age or gender.';
comment on column analytics.customers.store_id is 'Your store.';
comment on column analytics.customers.customer_id is 'Id of the customer, as get_customer takes it.';
comment on column analytics.customers.pseudonym is 'Stands for the customer''s name.';
comment on column analytics.customers.customer_since is 'Day on which the customer was entered.';
comment on column analytics.customers.loyalty_tier is 'bronze, silver, gold or platinum.';
comment on column analytics.customers.lifetime_value is 'Paid less refunded over all time, tax included.';
comment on column analytics.customers.is_erased is 'True once the customer''s personal data was erased.';

create or replace view analytics.products as
-- retail.category_tree would be read with the rights of who asks.
with recursive tree as (
  select c.category_id, c.category_name, c.category_name as top_category_name
  from retail.product_categories c
  where c.parent_category_id is null
  union all
  select c.category_id, c.category_name, above.top_category_name
  from retail.product_categories c
  join tree above on c.parent_category_id = above.category_id
)
select
  p.store_id,
  p.product_id,
  p.sku,
  p.product_name,
  p.product_description,
  t.category_name,
  t.top_category_name,
  p.brand,
  p.model,
  p.color,
  p.size,
  p.weight_kg,
  p.price,
  p.cost,
  p.current_stock,
  p.current_stock * p.cost as stock_value,
  p.minimum_stock,
  p.maximum_stock,
  p.reorder_point,
  p.lead_time_days,
  p.supplier_name,
  p.is_active,
  p.is_featured,
  p.rating_average,
  p.rating_count,
  p.tags,
  p.created_at
from retail.products p
left join tree t on t.category_id = p.category_id;
comment on view analytics.products is 'Articles, discontinued ones included: filter by is_active for those on sale.';
comment on column analytics.products.store_id is 'Your store.';
comment on column analytics.products.product_id is 'Id of the product.';
comment on column analytics.products.sku is 'Article number, unique in the store.';
comment on column analytics.products.product_name is 'Name of the product.';
comment on column analytics.products.product_description is 'The supplier''s description.';
comment on column analytics.products.category_name is 'Its own category.';
comment on column analytics.products.top_category_name is 'Top-level category above it.';
comment on column analytics.products.brand is 'Brand.';
comment on column analytics.products.model is 'The maker''s model.';
comment on column analytics.products.color is 'Colour.';
comment on column analytics.products.size is 'Size.';
comment on column analytics.products.weight_kg is 'Weight in kilograms.';
comment on column analytics.products.price is 'Present price of one unit before tax.';
comment on column analytics.products.cost is 'Present cost of one unit.';
comment on column analytics.products.current_stock is 'Units on hand.';
comment on column analytics.products.stock_value is 'Units on hand at present cost.';
comment on column analytics.products.minimum_stock is 'Units that should never be undercut.';
comment on column analytics.products.maximum_stock is 'Units that there is room for; null where nobody said.';
comment on column analytics.products.reorder_point is 'Units at which to order.';
comment on column analytics.products.lead_time_days is 'Days from an order to its arrival.';
comment on column analytics.products.supplier_name is 'Supplier.';
comment on column analytics.products.is_active is 'False once it is discontinued.';
comment on column analytics.products.is_featured is 'True while it is promoted.';
comment on column analytics.products.rating_average is 'Mean rating, 0 to 5.';
comment on column analytics.products.rating_count is 'Number of ratings.';
comment on column analytics.products.tags is 'Tags: ''x'' = any(tags).';
comment on column analytics.products.created_at is 'When it was entered.';

create or replace view analytics.sales as
select
  t.store_id,
  t.transaction_id,
  t.receipt_number,
  t.transaction_type,
  t.transaction_date,
  t.transaction_date at time zone s.time_zone as local_time,
  (t.transaction_date at time zone s.time_zone)::date as local_date,
  t.customer_id,
  t.payment_method,
  t.subtotal as net_revenue,
  t.tax_amount,
  t.discount_amount,
  t.total_amount,
  t.cashier_id,
  t.register_id,
  t.original_transaction_id
from retail.sales_transactions t
left join retail.stores s on s.store_id = t.store_id;
comment on view analytics.sales is 'Receipts: sales, returns and exchanges. Amounts of returns are negative, so sums are net of them.';
comment on column analytics.sales.store_id is 'Your store.';
comment on column analytics.sales.transaction_id is 'Id of the receipt.';
comment on column analytics.sales.receipt_number is 'Number printed on the receipt.';
comment on column analytics.sales.transaction_type is 'sale, return or exchange.';
comment on column analytics.sales.transaction_date is 'Moment of the receipt; filter by it for speed.';
comment on column analytics.sales.local_time is 'The same as date and time in the store''s time zone.';
comment on column analytics.sales.local_date is 'The same as a day in the store''s time zone.';
comment on column analytics.sales.customer_id is 'Buyer; null for an unknown one. -> customers.customer_id';
comment on column analytics.sales.payment_method is 'cash, credit_card, debit_card or digital_wallet.';
comment on column analytics.sales.net_revenue is 'After discount, before tax; negative for a return.';
comment on column analytics.sales.tax_amount is 'Tax, signed.';
comment on column analytics.sales.discount_amount is 'Discount, signed, already taken off net_revenue.';
comment on column analytics.sales.total_amount is 'net_revenue and tax: what was paid, negative when money went back.';
comment on column analytics.sales.cashier_id is 'Code of the cashier.';
comment on column analytics.sales.register_id is 'Code of the register.';
comment on column analytics.sales.original_transaction_id is
  'The sale that a return or an exchange refers to. -> sales.transaction_id';

create or replace view analytics.sale_items as
select
  i.store_id,
  i.item_id,
  i.transaction_id,
  i.product_id,
  t.transaction_type,
  (t.transaction_date at time zone s.time_zone)::date as local_date,
  i.direction * i.quantity as units,
  i.unit_price,
  i.direction * i.discount_amount as discount_amount,
  i.direction * i.total_price as net_revenue,
  i.direction * i.tax_amount as tax_amount,
  i.unit_cost,
  i.direction * i.quantity * i.unit_cost as cost,
  i.direction * (i.total_price - i.quantity * i.unit_cost) as margin
from retail.sales_transaction_items i
left join retail.sales_transactions t on t.store_id = i.store_id and t.transaction_id = i.transaction_id
left join retail.stores s on s.store_id = i.store_id;
comment on view analytics.sale_items is
  'Lines of the receipts. Units and amounts of what came back are negative, so sums are net of returns.';
comment on column analytics.sale_items.store_id is 'Your store.';
comment on column analytics.sale_items.item_id is 'Id of the line.';
comment on column analytics.sale_items.transaction_id is 'Its receipt. -> sales.transaction_id';
comment on column analytics.sale_items.product_id is 'What was sold. -> products.product_id';
comment on column analytics.sale_items.transaction_type is 'sale, return or exchange.';
comment on column analytics.sale_items.local_date is 'Day of the receipt in the store''s time zone.';
comment on column analytics.sale_items.units is 'Units to the customer; negative for what came back.';
comment on column analytics.sale_items.unit_price is 'Price of one unit before discount and tax.';
comment on column analytics.sale_items.discount_amount is 'Discount of the line, signed.';
comment on column analytics.sale_items.net_revenue is 'After discount, before tax, signed.';
comment on column analytics.sale_items.tax_amount is 'Tax, signed.';
comment on column analytics.sale_items.unit_cost is 'Cost of one unit when it was sold; null where unknown.';
comment on column analytics.sale_items.cost is 'Cost of the line, signed; null where unknown.';
comment on column analytics.sale_items.margin is 'net_revenue less cost; null where the cost is unknown.';

-- What get_schema tells, from the catalogue itself.
create or replace function analytics.describe(
  out table_name text, out table_comment text, out column_name text, out column_type text, out column_comment text
) returns setof record
language sql stable security definer
set search_path = pg_catalog, pg_temp
begin atomic
  select c.relname::text, obj_description(c.oid, 'pg_class'), a.attname::text,
    format_type(a.atttypid, null), col_description(c.oid, a.attnum)
  from pg_catalog.pg_class c
  join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  where c.relnamespace = 'analytics'::regnamespace and c.relkind = 'v'
  order by c.oid, a.attnum;
end;
comment on function analytics.describe() is 'Views of this schema, their columns, types and comments.';

reset role;

revoke all on all functions in schema analytics from public;
grant execute on function analytics.set_store_context(text), analytics.describe() to mcp_sql;
grant execute on function guard.store() to mcp_sql;
grant select on
  analytics.stores, analytics.customers, analytics.products, analytics.sales, analytics.sale_items
to mcp_sql;
