-- name: sales_figures
-- Figures of a period and of its groups, with those of a comparison period beside them.
-- $1 first day, $2 last day (date, inclusive), $3 IANA time zone, $4 dimension or null,
-- $5 'previous_period', 'last_year' or null, $6 limit, $7 offset (int).
-- The row with is_total comes first and always; then the groups: time buckets in order, without
-- gaps, other groups by net revenue. group_count tells how many groups there are in all.
-- Groups of the two periods meet by bucket: a time bucket's number, else its key. Each day of the
-- comparison period is moved to the day of the current one that it stands beside, before it is put into
-- a bucket, so that buckets of equal days meet.
with period as (
  select 'current' as name, $1::date as first_day, $2::date as last_day
  union all
  select
    'comparison',
    case $5::text
      when 'last_year' then ($1::date - interval '1 year')::date
      else $1::date - ($2::date - $1::date + 1)
    end,
    case $5::text when 'last_year' then ($2::date - interval '1 year')::date else $1::date - 1 end
  where $5::text is not null
),
line as (
  select
    period.name as period,
    case $4::text
      when 'day' then (placed.day - $1)::text
      when 'week' then ((date_trunc('week', placed.day::timestamp)::date
        - date_trunc('week', $1::timestamp)::date) / 7)::text
      when 'month' then (
        12 * (date_part('year', placed.day) - date_part('year', $1))
        + date_part('month', placed.day) - date_part('month', $1)
      )::int::text
      when 'category' then coalesce(category.top_category_name, '(none)')
      when 'subcategory' then coalesce(category.category_name, '(none)')
      when 'brand' then coalesce(p.brand, '(none)')
      when 'product' then p.sku
      when 'payment_method' then coalesce(t.payment_method, '(none)')
    end as bucket,
    p.product_name,
    t.transaction_id,
    t.transaction_type,
    i.direction,
    i.quantity,
    i.total_price,
    i.discount_amount,
    i.tax_amount
  from period
  join retail.sales_transactions t
    on t.transaction_date >= (period.first_day::timestamp at time zone $3)
    and t.transaction_date < ((period.last_day + 1)::timestamp at time zone $3)
  cross join lateral (select (t.transaction_date at time zone $3)::date as day) sold
  cross join lateral (
    select case
      when period.name = 'current' then sold.day
      -- 28 February has two days of the leap year beside it, and 29 February none of its own.
      when $5 = 'last_year' then greatest((sold.day + interval '1 year')::date, $1)
      else sold.day + ($2 - $1 + 1)
    end as day
  ) placed
  join retail.sales_transaction_items i on i.store_id = t.store_id and i.transaction_id = t.transaction_id
  join retail.products p on p.store_id = i.store_id and p.product_id = i.product_id
  left join retail.category_tree category on category.category_id = p.category_id
),
figure as (
  select
    l.period,
    grouping(l.bucket) = 1 as is_total,
    l.bucket,
    case $4::text when 'product' then min(l.product_name) end as product_name,
    coalesce(sum(l.direction * l.total_price), 0.00) as net_revenue,
    coalesce(sum(l.total_price) filter (where l.direction = 1), 0.00) as gross_revenue,
    coalesce(sum(l.total_price) filter (where l.direction = -1), 0.00) as returns_value,
    coalesce(sum(l.discount_amount) filter (where l.direction = 1), 0.00) as discounts,
    coalesce(sum(l.direction * l.tax_amount), 0.00) as tax,
    coalesce(sum(l.quantity) filter (where l.direction = 1), 0) as units_sold,
    coalesce(sum(l.quantity) filter (where l.direction = -1), 0) as units_returned,
    count(distinct l.transaction_id) filter (where l.transaction_type = 'sale') as transactions,
    count(distinct l.transaction_id) filter (where l.transaction_type <> 'sale') as returns,
    round(
      sum(l.total_price) filter (where l.transaction_type = 'sale')
        / nullif(count(distinct l.transaction_id) filter (where l.transaction_type = 'sale'), 0),
      2
    ) as average_basket
  from line l
  group by grouping sets ((l.period), (l.period, l.bucket))
),
-- Every bucket of a time dimension, sold in or not, with the day it starts on.
time_bucket as (
  select b.number::text as bucket, greatest(b.first_day, $1::date) as first_day
  from (
    select (row_number() over (order by s) - 1)::int as number, s::date as first_day
    from generate_series(
      date_trunc(case $4::text when 'week' then 'week' when 'month' then 'month' else 'day' end, $1::date::timestamp),
      $2::date::timestamp,
      case $4::text when 'week' then interval '1 week' when 'month' then interval '1 month' else interval '1 day' end
    ) s
    where $4::text in ('day', 'week', 'month')
  ) b
),
bucket as (
  select null::text as bucket, true as is_total, null::date as first_day
  union all
  select b.bucket, false, b.first_day from time_bucket b
  union all
  select distinct f.bucket, false, null::date
  from figure f
  where not f.is_total and $4::text is not null and $4::text not in ('day', 'week', 'month')
),
compared as (
  select
    b.is_total,
    b.bucket,
    b.first_day,
    coalesce(now.product_name, before.product_name) as product_name,
    coalesce(now.net_revenue, 0.00) as net_revenue,
    coalesce(now.gross_revenue, 0.00) as gross_revenue,
    coalesce(now.returns_value, 0.00) as returns_value,
    coalesce(now.discounts, 0.00) as discounts,
    coalesce(now.tax, 0.00) as tax,
    coalesce(now.units_sold, 0) as units_sold,
    coalesce(now.units_returned, 0) as units_returned,
    coalesce(now.transactions, 0) as transactions,
    coalesce(now.returns, 0) as returns,
    now.average_basket,
    coalesce(before.net_revenue, 0.00) as before_net_revenue,
    coalesce(before.gross_revenue, 0.00) as before_gross_revenue,
    coalesce(before.returns_value, 0.00) as before_returns_value,
    coalesce(before.discounts, 0.00) as before_discounts,
    coalesce(before.tax, 0.00) as before_tax,
    coalesce(before.units_sold, 0) as before_units_sold,
    coalesce(before.units_returned, 0) as before_units_returned,
    coalesce(before.transactions, 0) as before_transactions,
    coalesce(before.returns, 0) as before_returns,
    before.average_basket as before_average_basket
  from bucket b
  left join figure now
    on now.period = 'current' and now.is_total = b.is_total and now.bucket is not distinct from b.bucket
  left join figure before
    on before.period = 'comparison' and before.is_total = b.is_total and before.bucket is not distinct from b.bucket
),
placed as (
  select
    c.*,
    row_number() over (
      partition by c.is_total order by c.first_day, c.net_revenue desc, c.before_net_revenue desc, c.bucket
    ) as place,
    sum(c.net_revenue) filter (where c.is_total) over () as whole,
    count(*) filter (where not c.is_total) over () as group_count
  from compared c
)
select
  c.is_total,
  coalesce(c.first_day::text, c.bucket, '') as key,
  coalesce(c.product_name, c.first_day::text, c.bucket, '') as label,
  c.net_revenue, c.gross_revenue, c.returns_value, c.discounts, c.tax,
  c.units_sold, c.units_returned, c.transactions, c.returns, c.average_basket,
  round(100 * c.net_revenue / nullif(c.whole, 0), 2) as share_percent,
  c.before_net_revenue, c.before_gross_revenue, c.before_returns_value, c.before_discounts, c.before_tax,
  c.before_units_sold, c.before_units_returned, c.before_transactions, c.before_returns, c.before_average_basket,
  c.net_revenue - c.before_net_revenue as net_revenue_change,
  round(100 * (c.net_revenue - c.before_net_revenue) / nullif(abs(c.before_net_revenue), 0), 2)
    as net_revenue_change_percent,
  c.transactions - c.before_transactions as transactions_change,
  round(100.0 * (c.transactions - c.before_transactions) / nullif(c.before_transactions, 0), 2)
    as transactions_change_percent,
  c.units_sold - c.before_units_sold as units_sold_change,
  round(100.0 * (c.units_sold - c.before_units_sold) / nullif(c.before_units_sold, 0), 2)
    as units_sold_change_percent,
  c.average_basket - c.before_average_basket as average_basket_change,
  round(100 * (c.average_basket - c.before_average_basket) / nullif(c.before_average_basket, 0), 2)
    as average_basket_change_percent,
  (select first_day from period where name = 'comparison') as before_first_day,
  (select last_day from period where name = 'comparison') as before_last_day,
  c.group_count
from placed c
where c.is_total or c.place > $7::int and c.place <= $7::int + $6::int
order by c.is_total desc, c.place;
