-- name: resolve_products
-- The product of each line, where the store has it.
update staged_lines l
set product_id = p.product_id
from retail.products p
where p.store_id = l.store_id and p.sku = l.sku;

-- name: insert_placeholders
-- An article for each SKU that the store does not have and that the file names: without it the receipt would be lost. It
-- is not on sale, and a catalogue that has the SKU later takes it over.
insert into retail.products (store_id, sku, product_name, price, is_active, metadata)
select distinct on (l.sku) l.store_id, l.sku, l.placeholder_name, l.unit_price, false, '{"placeholder": true}'
from staged_lines l
where l.product_id is null and l.placeholder_name is not null
order by l.sku, l.place desc
on conflict on constraint unique_sku_per_store do nothing;

-- name: resolve_customers
-- The customer of each receipt, where the store has them.
update staged_receipts r
set customer_id = c.customer_id
from retail.customers c
where c.store_id = r.store_id and c.email = r.customer_email;

-- name: resolve_receipts
-- A receipt that the store has is not new.
update staged_receipts r
set transaction_id = t.transaction_id, is_new = false
from retail.sales_transactions t
where t.store_id = r.store_id and t.receipt_number = r.receipt_number;

-- name: analyze_resolved
-- What the planner knew of these columns is no longer so.
create index on staged_receipts (original_receipt);
analyze staged_receipts, staged_lines;

-- name: unfit_receipts
-- $1 whether unknown customers are allowed, $2 numbers of receipts of which rows were rejected (text[]).
-- Returns what is wrong with which row: kind of fault and what it is about.
-- Texts of a known receipt are not compared: erasing a customer empties them. Nor is the customer who was erased.
-- NOTE: lines are compared by grouping, not by joining, so that no plan can compare each receipt with each other one.
with line as (
  select
    l.receipt_number, l.product_id, l.direction, l.quantity, l.unit_price, l.discount_amount, l.tax_amount,
    1 as balance
  from staged_lines l
  join staged_receipts r on r.receipt_number = l.receipt_number and not r.is_new
  union all
  select
    r.receipt_number, i.product_id, i.direction, i.quantity, i.unit_price, i.discount_amount, i.tax_amount, -1
  from staged_receipts r
  join retail.sales_transaction_items i on i.store_id = r.store_id and i.transaction_id = r.transaction_id
  where not r.is_new
),
with_other_lines as (
  select l.receipt_number
  from line l
  group by
    l.receipt_number, l.product_id, l.direction, l.quantity, l.unit_price, l.discount_amount, l.tax_amount
  having sum(l.balance) <> 0
),
compared as (
  select
    r.receipt_number,
    r.rows[1] as row_number,
    array_to_string(array[
      case when t.transaction_date <> r.transaction_date then 'transaction_date' end,
      case when t.transaction_type <> r.transaction_type then 'transaction_type' end,
      case
        when t.customer_id is distinct from r.customer_id and c.erased_at is null
          and not ($1::boolean and r.customer_id is null)
        then 'customer_email'
      end,
      case when t.payment_method is distinct from r.payment_method then 'payment_method' end,
      case when t.cashier_id is distinct from r.cashier_id then 'cashier_id' end,
      case when t.register_id is distinct from r.register_id then 'register_id' end,
      case when o.receipt_number is distinct from r.original_receipt then 'original_receipt' end,
      case when r.receipt_number in (select w.receipt_number from with_other_lines w) then 'lines' end
    ], ', ') as fields
  from staged_receipts r
  join retail.sales_transactions t on t.store_id = r.store_id and t.transaction_id = r.transaction_id
  left join retail.customers c on c.store_id = t.store_id and c.customer_id = t.customer_id
  left join retail.sales_transactions o on o.store_id = t.store_id and o.transaction_id = t.original_transaction_id
  where not r.is_new
)
select l.receipt_number, l.row_number, 'unknown_product' as fault, l.sku as about
from staged_lines l
where l.product_id is null
union all
select r.receipt_number, r.rows[1], 'unknown_customer', r.customer_email
from staged_receipts r
where r.is_new and r.customer_email is not null and r.customer_id is null and not $1
union all
select r.receipt_number, r.rows[1], 'non_contiguous', null
from staged_receipts r
where r.receipt_number = any($2::text[])
union all
select c.receipt_number, c.row_number, 'differs', c.fields
from compared c
where c.fields <> ''
order by row_number, fault, about;

-- name: resolve_originals
-- Only a sale can be returned; it may be known or in the same file.
update staged_receipts r
set original_transaction_id = sale.transaction_id
from (
  select t.store_id, t.receipt_number, t.transaction_id
  from retail.sales_transactions t
  where t.transaction_type = 'sale'
  union all
  select n.store_id, n.receipt_number, n.transaction_id
  from staged_receipts n
  where n.is_new and n.transaction_type = 'sale'
) sale
where r.is_new and sale.store_id = r.store_id and sale.receipt_number = r.original_receipt;

-- name: unfit_originals
-- As unfit_receipts, about the sale that a return or an exchange names.
select r.receipt_number, r.rows[1] as row_number, 'unknown_original' as fault, r.original_receipt as about
from staged_receipts r
where r.is_new and r.original_receipt is not null and r.original_transaction_id is null
union all
select r.receipt_number, r.rows[1], 'before_original', r.original_receipt
from staged_receipts r
left join retail.sales_transactions t on t.store_id = r.store_id and t.transaction_id = r.original_transaction_id
left join staged_receipts n on n.transaction_id = r.original_transaction_id and n.is_new
where r.is_new and r.transaction_date < coalesce(t.transaction_date, n.transaction_date)
order by row_number, fault;

-- name: match_returned_lines
-- The first returned line of a product goes with the first line that sold it, the largest ones first.
with returned as (
  select
    l.item_id, r.store_id, r.original_transaction_id, l.product_id,
    row_number() over (
      partition by r.original_transaction_id, l.product_id order by l.quantity desc, l.place
    ) as rank
  from staged_lines l
  join staged_receipts r on r.receipt_number = l.receipt_number and r.is_new
  where l.direction = -1
),
sold as (
  select
    s.transaction_id, s.product_id, s.item_id,
    row_number() over (partition by s.transaction_id, s.product_id order by s.quantity desc, s.item_id) as rank,
    count(*) over (partition by s.transaction_id, s.product_id) as lines
  from (
    select i.transaction_id, i.product_id, i.item_id, i.quantity
    from retail.sales_transaction_items i
    where i.direction = 1
      and (i.store_id, i.transaction_id) in (select r.store_id, r.original_transaction_id from returned r)
    union all
    select r.transaction_id, l.product_id, l.item_id, l.quantity
    from staged_lines l
    join staged_receipts r on r.receipt_number = l.receipt_number and r.is_new
    where l.direction = 1 and r.transaction_type = 'sale'
  ) s
)
update staged_lines l
set original_item_id = s.item_id
from returned r
join sold s
  on s.transaction_id = r.original_transaction_id and s.product_id = r.product_id
  and s.rank = 1 + (r.rank - 1) % s.lines
where l.item_id = r.item_id;

-- name: unfit_returned_lines
-- As unfit_receipts, about lines that bring back what was not sold, or more of it than was sold and not yet brought
-- back.
with back as (
  select
    l.receipt_number, l.row_number, l.sku, l.product_id, l.quantity, l.original_item_id, r.store_id,
    r.original_transaction_id
  from staged_lines l
  join staged_receipts r on r.receipt_number = l.receipt_number and r.is_new
  -- Of a sale that is not known nothing can be wrong.
  where l.direction = -1 and r.original_transaction_id is not null
),
unit as (
  -- Sold, by known and by new receipts.
  select i.transaction_id, i.product_id, i.quantity
  from retail.sales_transaction_items i
  where i.direction = 1
    and (i.store_id, i.transaction_id) in (select b.store_id, b.original_transaction_id from back b)
  union all
  select r.transaction_id, l.product_id, l.quantity
  from staged_lines l
  join staged_receipts r on r.receipt_number = l.receipt_number and r.is_new
  where l.direction = 1 and r.transaction_type = 'sale'
  union all
  -- Brought back.
  select t.original_transaction_id, i.product_id, -i.quantity
  from retail.sales_transactions t
  join retail.sales_transaction_items i
    on i.store_id = t.store_id and i.transaction_id = t.transaction_id and i.direction = -1
  where t.transaction_type <> 'sale'
    and (t.store_id, t.original_transaction_id) in (select b.store_id, b.original_transaction_id from back b)
  union all
  select b.original_transaction_id, b.product_id, -b.quantity
  from back b
),
overdrawn as (
  select u.transaction_id, u.product_id
  from unit u
  group by u.transaction_id, u.product_id
  having sum(u.quantity) < 0
)
select
  b.receipt_number, b.row_number, case when b.original_item_id is null then 'never_sold' else 'sold_fewer' end as fault,
  b.sku as about
from back b
where b.original_item_id is null
  or (b.original_transaction_id, b.product_id) in (select o.transaction_id, o.product_id from overdrawn o)
order by row_number, fault, about;

-- name: take_out_receipts
-- $1 receipt numbers (text[]). Returns the rows of each.
delete from staged_receipts r
where r.receipt_number = any($1::text[])
returning r.receipt_number, r.rows;

-- name: take_out_lines
-- $1 receipt numbers (text[]).
delete from staged_lines l where l.receipt_number = any($1::text[]);
