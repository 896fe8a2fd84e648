-- name: rolled_up_sales
-- Sums of one or two periods by at most one dimension besides days, from the daily rollups.
-- $1 whether of the period itself (boolean[]), $2 days (date[]), $3 and $4 keys of the days (text[], null: none):
-- parallel lists. $5 dimension of the members, 'total' for none; $6 the one member that is wanted, or null.
-- Amounts in hundredths of the currency. Rows with is_total are those of dimension total beside another one. No order.
with calendar as (
  select c.is_now, c.sold_on, c.key_1, c.key_2
  from unnest($1::boolean[], $2::date[], $3::text[], $4::text[]) c (is_now, sold_on, key_1, key_2)
)
select
  f.is_now, f.is_total, f.key_1, f.key_2,
  coalesce(p.sku, f.member) as member_1, coalesce(p.sku, f.member) as member_2,
  p.product_name as label,
  f.lines, f.transactions, f.returns, f.units_sold, f.units_returned, f.gross_cents, f.returned_cents,
  f.discount_cents, f.tax_cents, f.cost_cents, f.lines_without_cost, f.basket_cents, f.basket_units
from (
  select
    c.is_now, c.key_1, c.key_2, d.member,
    d.dimension = 'total' and $5::text <> 'total' as is_total,
    case when d.dimension = 'product' then d.member end as product,
    sum(d.lines)::bigint as lines,
    sum(d.transactions)::bigint as transactions,
    sum(d.returns)::bigint as returns,
    sum(d.units_sold)::bigint as units_sold,
    sum(d.units_returned)::bigint as units_returned,
    sum(d.gross_cents)::bigint as gross_cents,
    sum(d.returned_cents)::bigint as returned_cents,
    sum(d.discount_cents)::bigint as discount_cents,
    sum(d.tax_cents)::bigint as tax_cents,
    sum(d.cost_cents)::bigint as cost_cents,
    sum(d.lines_without_cost)::bigint as lines_without_cost,
    sum(d.basket_cents)::bigint as basket_cents,
    sum(d.basket_units)::bigint as basket_units
  from retail.daily_sales d
  join calendar c on c.sold_on = d.sold_on
  where d.dimension in ($5, 'total')
    and d.sold_on >= (select min(sold_on) from calendar) and d.sold_on <= (select max(sold_on) from calendar)
    and ($6::text is null or d.dimension = $5 and d.member = $6)
  group by c.is_now, c.key_1, c.key_2, d.dimension, d.member
) f
left join retail.products p on p.product_id = f.product::uuid;

-- name: sales_of_lines
-- The same by any two dimensions and filters, from the lines of the receipts.
-- $1 to $4 as above. $5, $6 dimensions of the members, or null. $7 first day, $8 last day (date), $9 IANA time zone.
-- Filters, each a value or null: $10 category, itself or above (any case), $11 brand (any case), $12 payment method,
-- $13 transaction type. The rows with is_total are over all groups. No order.
with calendar as (
  select c.is_now, c.sold_on, c.key_1, c.key_2
  from unnest($1::boolean[], $2::date[], $3::text[], $4::text[]) c (is_now, sold_on, key_1, key_2)
),
first_purchase as (
  select t.customer_id, (min(t.transaction_date) at time zone $9)::date as day
  from retail.sales_transactions t
  where 'new_or_returning' in ($5::text, $6::text) and t.transaction_type = 'sale' and t.customer_id is not null
  group by t.customer_id
),
line as (
  select
    c.is_now, c.key_1, c.key_2,
    case $5::text
      when 'hour' then l.hour
      when 'category' then l.category
      when 'subcategory' then l.subcategory
      when 'brand' then l.brand
      when 'product' then l.product_id::text
      when 'price_band' then l.price_band
      when 'payment_method' then l.payment_method
      when 'transaction_type' then l.transaction_type
      when 'customer_tier' then l.customer_tier
      when 'cashier' then l.cashier
      when 'register' then l.register
      when 'new_or_returning' then case when l.sold_on <= f.day then 'new' when f.day is null then '(none)' else 'returning' end
    end as member_1,
    case $6::text
      when 'hour' then l.hour
      when 'category' then l.category
      when 'subcategory' then l.subcategory
      when 'brand' then l.brand
      when 'product' then l.product_id::text
      when 'price_band' then l.price_band
      when 'payment_method' then l.payment_method
      when 'transaction_type' then l.transaction_type
      when 'customer_tier' then l.customer_tier
      when 'cashier' then l.cashier
      when 'register' then l.register
      when 'new_or_returning' then case when l.sold_on <= f.day then 'new' when f.day is null then '(none)' else 'returning' end
    end as member_2,
    l.transaction_id, l.is_sale, l.is_sold, l.quantity, l.price_cents, l.discount_cents, l.tax_cents, l.cost_cents
  from retail.sold_lines l
  join calendar c on c.sold_on = l.sold_on
  left join first_purchase f on f.customer_id = l.customer_id
  where l.transaction_date >= ($7::date::timestamp at time zone $9)
    and l.transaction_date < (($8::date + 1)::timestamp at time zone $9)
    and ($10::text is null or lower($10) = any(l.category_names))
    and ($11::text is null or lower($11) = lower(l.brand))
    and ($12::text is null or $12 = l.payment_method)
    and ($13::text is null or $13 = l.transaction_type)
),
-- A receipt counts once in each group that it has a line of.
receipt as (
  select
    l.is_now, l.key_1, l.key_2, l.member_1, l.member_2, l.transaction_id, l.is_sale,
    count(*) as lines,
    coalesce(sum(l.quantity) filter (where l.is_sold), 0) as units_sold,
    coalesce(sum(l.quantity) filter (where not l.is_sold), 0) as units_returned,
    coalesce(sum(l.price_cents) filter (where l.is_sold), 0) as gross_cents,
    coalesce(sum(l.price_cents) filter (where not l.is_sold), 0) as returned_cents,
    coalesce(sum(l.discount_cents) filter (where l.is_sold), 0) as discount_cents,
    sum(l.tax_cents) as tax_cents,
    coalesce(sum(l.cost_cents), 0) as cost_cents,
    count(*) filter (where l.cost_cents is null) as lines_without_cost
  from line l
  group by l.is_now, l.key_1, l.key_2, l.member_1, l.member_2, l.transaction_id, l.is_sale
),
-- And once in the whole.
whole as (
  select
    r.is_now, r.transaction_id, r.is_sale,
    sum(r.lines) as lines,
    sum(r.units_sold) as units_sold,
    sum(r.units_returned) as units_returned,
    sum(r.gross_cents) as gross_cents,
    sum(r.returned_cents) as returned_cents,
    sum(r.discount_cents) as discount_cents,
    sum(r.tax_cents) as tax_cents,
    sum(r.cost_cents) as cost_cents,
    sum(r.lines_without_cost) as lines_without_cost
  from receipt r
  group by r.is_now, r.transaction_id, r.is_sale
),
counted as (
  select r.is_now, false as is_total, r.key_1, r.key_2, r.member_1, r.member_2, r.is_sale, r.lines, r.units_sold,
    r.units_returned, r.gross_cents, r.returned_cents, r.discount_cents, r.tax_cents, r.cost_cents, r.lines_without_cost
  from receipt r
  union all
  select w.is_now, true, null, null, null, null, w.is_sale, w.lines, w.units_sold,
    w.units_returned, w.gross_cents, w.returned_cents, w.discount_cents, w.tax_cents, w.cost_cents, w.lines_without_cost
  from whole w
),
figure as (
  select
    c.is_now, c.is_total, c.key_1, c.key_2, c.member_1, c.member_2,
    case 'product' when $5 then c.member_1 when $6 then c.member_2 end as product,
    sum(c.lines)::bigint as lines,
    count(*) filter (where c.is_sale) as transactions,
    count(*) filter (where not c.is_sale) as returns,
    sum(c.units_sold)::bigint as units_sold,
    sum(c.units_returned)::bigint as units_returned,
    sum(c.gross_cents)::bigint as gross_cents,
    sum(c.returned_cents)::bigint as returned_cents,
    sum(c.discount_cents)::bigint as discount_cents,
    sum(c.tax_cents)::bigint as tax_cents,
    sum(c.cost_cents)::bigint as cost_cents,
    sum(c.lines_without_cost)::bigint as lines_without_cost,
    coalesce(sum(c.gross_cents + c.returned_cents) filter (where c.is_sale), 0)::bigint as basket_cents,
    coalesce(sum(c.units_sold + c.units_returned) filter (where c.is_sale), 0)::bigint as basket_units
  from counted c
  group by c.is_now, c.is_total, c.key_1, c.key_2, c.member_1, c.member_2
)
select
  f.is_now, f.is_total, f.key_1, f.key_2,
  case when $5 = 'product' then p.sku else f.member_1 end as member_1,
  case when $6 = 'product' then p.sku else f.member_2 end as member_2,
  p.product_name as label,
  f.lines, f.transactions, f.returns, f.units_sold, f.units_returned, f.gross_cents, f.returned_cents,
  f.discount_cents, f.tax_cents, f.cost_cents, f.lines_without_cost, f.basket_cents, f.basket_units
from figure f
left join retail.products p on p.product_id = f.product::uuid;
