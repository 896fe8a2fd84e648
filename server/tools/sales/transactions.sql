-- name: transactions
-- Receipts of a period, newest first, one more than the page so that the caller knows of a next one.
-- $1 first day, $2 last day (date, inclusive), $3 IANA time zone, $4 type, $5 payment method,
-- $6 customer id, $7 SKU on the receipt, $8 smallest absolute total (each null: no filter),
-- $9 date and $10 id of the last receipt of the page before (null: first page), $11 rows to fetch.
select
  t.transaction_id,
  t.receipt_number,
  t.transaction_date,
  t.transaction_type,
  t.payment_method,
  t.customer_id,
  customer.name as customer,
  coalesce(line.units, 0) as units,
  t.subtotal,
  t.tax_amount,
  t.discount_amount,
  t.total_amount
from retail.sales_transactions t
-- "offset 0" keeps the view a look-up by key per receipt instead of a join over all customers.
left join lateral (
  select coalesce(c.first_name || ' ' || c.last_name, c.pseudonym) as name
  from retail.customer_card c
  where c.store_id = t.store_id and c.customer_id = t.customer_id
  offset 0
) customer on true
left join lateral (
  select sum(i.direction * i.quantity) as units
  from retail.sales_transaction_items i
  where i.store_id = t.store_id and i.transaction_id = t.transaction_id
) line on true
where t.transaction_date >= retail.day_start($1::date, $3)
  and t.transaction_date < retail.day_end($2::date, $3)
  and ($4::text is null or t.transaction_type = $4)
  and ($5::text is null or t.payment_method = $5)
  and ($6::uuid is null or t.customer_id = $6)
  and ($7::text is null or exists (
    select
    from retail.sales_transaction_items i
    join retail.products p on p.store_id = i.store_id and p.product_id = i.product_id
    where i.store_id = t.store_id and i.transaction_id = t.transaction_id and p.sku = $7
  ))
  and ($8::numeric is null or abs(t.total_amount) >= $8)
  and ($9::timestamptz is null or (t.transaction_date, t.transaction_id) < ($9, $10::uuid))
order by t.transaction_date desc, t.transaction_id desc
limit $11::int;

-- name: transaction
-- $1 transaction id or null, $2 receipt number or null. One receipt, or no row; the number as it was
-- given wins over the same in capitals.
select
  t.transaction_id,
  t.receipt_number,
  t.transaction_date,
  t.transaction_type,
  t.payment_method,
  t.customer_id,
  customer.name as customer,
  t.subtotal,
  t.tax_amount,
  t.discount_amount,
  t.total_amount,
  t.cashier_id,
  t.register_id,
  t.return_reason,
  original.receipt_number as original_receipt_number,
  array(
    select later.receipt_number
    from retail.sales_transactions later
    where later.store_id = t.store_id and later.original_transaction_id = t.transaction_id
      and later.transaction_type <> 'sale'
    order by later.transaction_date, later.receipt_number
  ) as later_receipt_numbers,
  written.notes
from retail.sales_transactions t
left join retail.sales_transactions original
  on original.store_id = t.store_id and original.transaction_id = t.original_transaction_id
left join lateral (
  select coalesce(c.first_name || ' ' || c.last_name, c.pseudonym) as name
  from retail.customer_card c
  where c.store_id = t.store_id and c.customer_id = t.customer_id
  offset 0
) customer on true
left join lateral (
  select n.notes
  from retail.transaction_notes n
  where n.store_id = t.store_id and n.transaction_id = t.transaction_id
  offset 0
) written on true
where t.transaction_id = $1::uuid or t.receipt_number in ($2::text, upper($2))
order by t.receipt_number = $2 desc
limit 1;

-- name: receipts_written_otherwise
-- $1 writings of a receipt number (text[]). The numbers of at most two receipts that have one of them.
select t.receipt_number
from retail.sales_transactions t
where t.receipt_number = any($1::text[])
order by t.receipt_number
limit 2;

-- name: transaction_lines
-- $1 transaction id. Sold lines first, then returned ones, each by SKU.
select
  p.sku,
  p.product_id,
  p.product_name,
  i.direction = -1 as returned,
  i.quantity,
  i.unit_price,
  i.discount_amount,
  i.total_price,
  i.tax_amount
from retail.sales_transaction_items i
join retail.products p on p.store_id = i.store_id and p.product_id = i.product_id
where i.transaction_id = $1::uuid
order by i.direction desc, p.sku, i.item_id;
