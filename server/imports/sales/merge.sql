-- name: create_staged_receipts
-- The receipts of the file, in the types of retail.sales_transactions, and what is found out about them.
-- NOTE: the store stands in the rows for the reason that is given with staged_products.
create temporary table staged_receipts (
  store_id text not null,
  -- Rows of the file that it was made of.
  rows integer[] not null,
  receipt_number text not null,
  transaction_date timestamptz not null,
  transaction_type text not null,
  customer_email text,
  payment_method text,
  cashier_id text,
  register_id text,
  original_receipt text,
  return_reason text,
  notes text,
  metadata jsonb not null,
  subtotal numeric(12, 2) not null,
  discount_amount numeric(12, 2) not null,
  tax_amount numeric(12, 2) not null,
  transaction_id uuid not null default retail.new_id(),
  customer_id uuid,
  original_transaction_id uuid,
  is_new boolean not null default true
) on commit drop;

-- name: create_staged_lines
-- Their lines, in the order of the file.
create temporary table staged_lines (
  place integer generated always as identity,
  store_id text not null,
  receipt_number text not null,
  row_number integer not null,
  direction smallint not null,
  sku text not null,
  quantity integer not null,
  unit_price numeric(10, 2) not null,
  discount_amount numeric(12, 2) not null,
  tax_amount numeric(12, 2) not null,
  unit_cost numeric(10, 2),
  total_price numeric(12, 2) not null,
  -- Name of the article to make where the store does not have the SKU.
  placeholder_name text,
  item_id uuid not null default retail.new_id(),
  product_id uuid,
  original_item_id uuid
) on commit drop;

-- name: index_staged_receipts
-- Tells the planner what was staged. With the indexes a plan made for few rows is no disaster for many.
create unique index on staged_receipts (receipt_number);
create unique index on staged_receipts (transaction_id);
analyze staged_receipts;

-- name: index_staged_lines
-- The same for the lines.
create index on staged_lines (receipt_number);
create unique index on staged_lines (item_id);
analyze staged_lines;

-- name: insert_receipts
-- In the order of the file.
insert into retail.sales_transactions (
  store_id, transaction_id, customer_id, transaction_date, transaction_type, payment_method, subtotal, tax_amount,
  discount_amount, total_amount, cashier_id, register_id, receipt_number, original_transaction_id, return_reason,
  notes, metadata
)
select
  r.store_id, r.transaction_id, r.customer_id, r.transaction_date, r.transaction_type, r.payment_method, r.subtotal,
  r.tax_amount, r.discount_amount, r.subtotal + r.tax_amount, r.cashier_id, r.register_id, r.receipt_number,
  r.original_transaction_id, r.return_reason, r.notes, r.metadata
from staged_receipts r
where r.is_new
order by r.rows;

-- name: insert_lines
-- $1 whether a line without a cost takes the product's present one.
insert into retail.sales_transaction_items (
  store_id, item_id, transaction_id, product_id, direction, quantity, unit_price, unit_cost, total_price,
  discount_amount, tax_amount, original_item_id
)
select
  r.store_id, l.item_id, r.transaction_id, l.product_id, l.direction, l.quantity, l.unit_price,
  coalesce(l.unit_cost, case when $1::boolean then p.cost end), l.total_price, l.discount_amount, l.tax_amount,
  l.original_item_id
from staged_lines l
join staged_receipts r on r.receipt_number = l.receipt_number and r.is_new
join retail.products p on p.store_id = r.store_id and p.product_id = l.product_id
order by l.place;

-- name: keep_stock_trigger_out
-- For the transaction: the trigger that enters lines in the stock ledger leaves that to enter_stock.
select set_config('retail.stock_is_entered', 'yes', true);

-- name: enter_stock
-- $1 store, $2 'auto', 'move' or 'keep'. Returns how many lines move no stock in the end.
-- Every line goes into the stock ledger. One that is older than the last count of its product is in that count
-- already: what such lines took away was there at their beginning, and is entered as having been. Of a product
-- that was never counted, and of all where stock is to be kept, the stock as it is counts as of now. In one
-- statement, because current_stock follows each by its sum, and so stays untouched where that is 0.
with line as (
  select
    l.item_id, l.product_id, l.direction, -l.direction * l.quantity as units, r.transaction_date,
    counted.at as counted_at, l.place,
    $2::text = 'keep' or $2 = 'auto' and coalesce(r.transaction_date <= counted.at, true) as is_in_count
  from staged_lines l
  join staged_receipts r on r.receipt_number = l.receipt_number and r.is_new
  left join (
    select m.product_id, max(m.moved_at) as at
    from retail.stock_movements m
    where m.store_id = (select $1) and m.reason in ('opening', 'adjustment')
    group by m.product_id
  ) counted on counted.product_id = l.product_id
),
entered as (
  insert into retail.stock_movements (store_id, product_id, moved_at, quantity, reason, item_id)
  (
    select
      $1, l.product_id,
      case when $2 = 'keep' or min(l.counted_at) is null then now() else min(l.transaction_date) end,
      -sum(l.units), 'opening', null::uuid
    from line l
    where l.is_in_count
    group by l.product_id
    having sum(l.units) <> 0
    order by min(l.place)
  )
  union all
  (
    select
      $1, l.product_id, l.transaction_date, l.units, case l.direction when 1 then 'sale' else 'return' end, l.item_id
    from line l
    order by l.place
  )
)
select count(*) from line l where l.is_in_count;

-- name: outcome
-- What became of the receipts of the file.
select
  count(*) filter (where r.is_new) as inserted,
  (
    select count(*)
    from staged_lines l
    join staged_receipts n on n.receipt_number = l.receipt_number and n.is_new
  ) as lines,
  (
    select count(*)
    from staged_lines l
    join staged_receipts n on n.receipt_number = l.receipt_number and n.is_new
    join retail.products p on p.store_id = l.store_id and p.product_id = l.product_id
    where p.metadata ? 'placeholder' and not p.is_active
  ) as placeholders,
  count(*) filter (where r.is_new and r.transaction_type <> 'sale' and r.original_receipt is null) as sales_unknown,
  count(*) filter (where not r.is_new) as unchanged,
  count(*) filter (where r.is_new and r.customer_email is not null and r.customer_id is null) as without_customer
from staged_receipts r;

-- name: record_import
-- $1 store, $2 what was done (jsonb as text).
select audit.record_operation('sales_imported', $1, $2::jsonb);

-- name: analyze_sales
-- After the import.
analyze retail.sales_transactions, retail.sales_transaction_items, retail.stock_movements;
