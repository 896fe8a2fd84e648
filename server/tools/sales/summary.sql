-- name: rolled_up_sales
-- Sums of one or two periods by at most one dimension besides days, from the rollups.
-- $1 whether of the period itself (boolean[]), $2 and $3 keys of the days (text[], null: none), $4 dimension under
-- which their sums are kept (text[]), $5 first day and $6 last day (date[], inclusive), $7 1 for what is added and -1
-- for what is taken away (int[]): parallel lists of spans. $8 dimension of the members, 'total' for none; $9 the one
-- member that is wanted, or null.
-- Amounts in hundredths of the currency. Rows with is_total are those of dimension total beside another one. No order.
select
  f.is_current, f.is_total, f.key_1, f.key_2,
  coalesce(p.sku, f.member) as member_1, coalesce(p.sku, f.member) as member_2,
  p.product_name as label,
  f.lines, f.transactions, f.returns, f.units_sold, f.units_returned, f.gross_cents, f.returned_cents,
  f.discount_cents, f.tax_cents, f.cost_cents, f.lines_without_cost, f.basket_cents, f.basket_units
from (
  select
    span.is_current, span.key_1, span.key_2, d.member,
    span.dimension = 'total' and $8::text <> 'total' as is_total,
    case when span.dimension like 'product%' then d.member end as product,
    sum(span.sign * d.lines)::bigint as lines,
    sum(span.sign * d.transactions)::bigint as transactions,
    sum(span.sign * d.returns)::bigint as returns,
    sum(span.sign * d.units_sold)::bigint as units_sold,
    sum(span.sign * d.units_returned)::bigint as units_returned,
    sum(span.sign * d.gross_cents)::bigint as gross_cents,
    sum(span.sign * d.returned_cents)::bigint as returned_cents,
    sum(span.sign * d.discount_cents)::bigint as discount_cents,
    sum(span.sign * d.tax_cents)::bigint as tax_cents,
    sum(span.sign * d.cost_cents)::bigint as cost_cents,
    sum(span.sign * d.lines_without_cost)::bigint as lines_without_cost,
    sum(span.sign * d.basket_cents)::bigint as basket_cents,
    sum(span.sign * d.basket_units)::bigint as basket_units
  from unnest($1::boolean[], $2::text[], $3::text[], $4::text[], $5::date[], $6::date[], $7::int[])
    span (is_current, key_1, key_2, dimension, first_day, last_day, sign)
  -- "offset 0": each span is a range of the key, whatever the planner thinks of lists whose length it does not know.
  cross join lateral (
    select
      r.member, r.lines, r.transactions, r.returns, r.units_sold, r.units_returned, r.gross_cents, r.returned_cents,
      r.discount_cents, r.tax_cents, r.cost_cents, r.lines_without_cost, r.basket_cents, r.basket_units
    from retail.daily_sales r
    where r.dimension = span.dimension and r.sold_on >= span.first_day and r.sold_on <= span.last_day
      and ($9::text is null or r.member = $9)
    offset 0
  ) d
  group by span.is_current, span.key_1, span.key_2, 5, 6, d.member
  -- Taken away again, it was sold around the period only.
  having sum(span.sign * d.lines) > 0
) f
left join retail.products p on $8 = 'product' and p.product_id = f.product::uuid;

-- name: sales_of_lines
-- The same by any two dimensions and filters, from the lines of the receipts.
-- $1, $2, $3, $4 as above. $5, $6 dimensions of the members, or null. $7 first day, $8 last day (date), $9 IANA time zone.
-- Filters, each a value or null: $10 category, itself or above (any case), $11 brand (any case), $12 payment method,
-- $13 transaction type. The rows with is_total are over all groups. No order.
with calendar as (
  select c.is_current, c.sold_on, c.key_1, c.key_2
  from unnest($1::boolean[], $2::date[], $3::text[], $4::text[]) c (is_current, sold_on, key_1, key_2)
),
first_purchase as (
  select t.customer_id, retail.local_date(min(t.transaction_date), $9) as day
  from retail.sales_transactions t
  where 'new_or_returning' in ($5::text, $6::text) and t.transaction_type = 'sale' and t.customer_id is not null
  group by t.customer_id
),
line as (
  select
    c.is_current, c.key_1, c.key_2,
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
  where l.transaction_date >= retail.day_start($7::date, $9)
    and l.transaction_date < retail.day_end($8::date, $9)
    and ($10::text is null or lower($10) = any(l.category_names))
    and ($11::text is null or lower($11) = lower(l.brand))
    and ($12::text is null or $12 = l.payment_method)
    and ($13::text is null or $13 = l.transaction_type)
),
-- A receipt counts once in each group that it has a line of, and once in the whole.
figure as (
  select
    l.is_current, grouping(l.key_1) = 1 as is_total, l.key_1, l.key_2, l.member_1, l.member_2,
    case 'product' when $5 then l.member_1 when $6 then l.member_2 end as product,
    count(*) as lines,
    count(distinct l.transaction_id) filter (where l.is_sale) as transactions,
    count(distinct l.transaction_id) filter (where not l.is_sale) as returns,
    coalesce(sum(l.quantity) filter (where l.is_sold), 0) as units_sold,
    coalesce(sum(l.quantity) filter (where not l.is_sold), 0) as units_returned,
    coalesce(sum(l.price_cents) filter (where l.is_sold), 0)::bigint as gross_cents,
    coalesce(sum(l.price_cents) filter (where not l.is_sold), 0)::bigint as returned_cents,
    coalesce(sum(l.discount_cents) filter (where l.is_sold), 0)::bigint as discount_cents,
    sum(l.tax_cents)::bigint as tax_cents,
    coalesce(sum(l.cost_cents), 0)::bigint as cost_cents,
    count(*) filter (where l.cost_cents is null) as lines_without_cost,
    coalesce(sum(l.price_cents) filter (where l.is_sale), 0)::bigint as basket_cents,
    coalesce(sum(l.quantity) filter (where l.is_sale), 0) as basket_units
  from line l
  group by grouping sets ((l.is_current), (l.is_current, l.key_1, l.key_2, l.member_1, l.member_2))
)
select
  f.is_current, f.is_total, f.key_1, f.key_2,
  case when $5 = 'product' then p.sku else f.member_1 end as member_1,
  case when $6 = 'product' then p.sku else f.member_2 end as member_2,
  p.product_name as label,
  f.lines, f.transactions, f.returns, f.units_sold, f.units_returned, f.gross_cents, f.returned_cents,
  f.discount_cents, f.tax_cents, f.cost_cents, f.lines_without_cost, f.basket_cents, f.basket_units
from figure f
left join retail.products p on 'product' in ($5, $6) and p.product_id = f.product::uuid;
