-- name: returns
-- Returns of a period and of its groups, beside those of an earlier period.
-- $1 first day, $2 last day, $3 and $4 those of the earlier period (date, inclusive), $5 IANA time zone,
-- $6 'reason', 'product', 'category', 'customer', 'day', 'week' or 'month', $7 limit, $8 offset (int).
-- The row with is_total comes first and always; then the groups: time buckets in order, without gaps, others
-- by units returned. Only groups with a return in either period are there; group_count tells how many.
-- Goods sold have no reason for coming back, and a time bucket has none beside it in the earlier period: zeros.
with period as (
  select 1 as number, $1::date as first_day, $2::date as last_day
  union all
  select 2, $3::date, $4::date
),
returned as (
  select
    p.number, t.transaction_id, t.customer_id, t.return_reason, i.product_id, i.quantity, i.total_price,
    retail.local_date(t.transaction_date, $5::text) as day
  from period p
  join retail.sales_transactions t
    on t.transaction_date >= retail.day_start(p.first_day, $5)
    and t.transaction_date < retail.day_end(p.last_day, $5)
  join retail.sales_transaction_items i
    on i.store_id = t.store_id and i.transaction_id = t.transaction_id and i.direction = -1
  where t.transaction_type <> 'sale'
    -- Both periods at once: planned for these days, the index is read for no others.
    and t.transaction_date >= retail.day_start($3, $5)
    and t.transaction_date < retail.day_end($2, $5)
),
named as (
  select
    r.number, r.transaction_id, r.customer_id, r.quantity, r.total_price,
    case $6::text
      when 'reason' then coalesce(r.return_reason, '(none)')
      when 'product' then r.product_id::text
      when 'category' then coalesce(category.top_category_name, '(none)')
      when 'customer' then coalesce(r.customer_id::text, '(none)')
      else greatest(date_trunc($6, r.day::timestamp)::date, $1)::text
    end as bucket
  from returned r
  left join retail.products p on $6 = 'category' and p.product_id = r.product_id
  left join retail.category_tree category on category.category_id = p.category_id
),
figure as (
  select
    n.number,
    grouping(n.bucket) = 1 as is_total,
    coalesce(n.bucket, '') as bucket,
    sum(n.quantity) as units_returned,
    sum(n.total_price) as returns_value,
    count(distinct n.transaction_id) as receipts
  from named n
  group by grouping sets ((n.number), (n.number, n.bucket))
),
-- Goods sold are ten times as many, and their sums are kept per day; those of a customer are not.
sold as (
  select
    p.number,
    false as is_total,
    case
      when d.dimension = 'total' and $6 in ('day', 'week', 'month')
        then greatest(date_trunc($6, d.sold_on::timestamp)::date, $1)::text
      else d.member
    end as bucket,
    sum(d.units_sold) as units
  from period p
  join retail.daily_sales d on d.sold_on >= p.first_day and d.sold_on <= p.last_day
  where d.dimension = case
    when $6 in ('product', 'category') then $6
    when $6 = 'customer' then 'customer_tier'
    else 'total'
  end
    and ($6 <> 'customer' or d.member = '(none)')
  group by 1, 3
  union all
  select p.number, true, '', sum(d.units_sold)
  from period p
  join retail.daily_sales d on d.sold_on >= p.first_day and d.sold_on <= p.last_day
  where d.dimension = 'total'
  group by 1
  union all
  select p.number, false, c.bucket, sum(i.quantity)
  from (select distinct n.customer_id, n.bucket from named n where $6 = 'customer') c
  cross join period p
  join retail.sales_transactions t
    on t.customer_id = c.customer_id
    and t.transaction_date >= retail.day_start(p.first_day, $5)
    and t.transaction_date < retail.day_end(p.last_day, $5)
  join retail.sales_transaction_items i
    on i.store_id = t.store_id and i.transaction_id = t.transaction_id and i.direction = 1
  group by 1, 3
),
bucket as (
  select true as is_total, '' as bucket
  union all
  select false, greatest(s::date, $1::date)::text
  from generate_series(
    date_trunc(case $6::text when 'week' then 'week' when 'month' then 'month' else 'day' end, $1::date::timestamp),
    $2::date::timestamp,
    case $6::text when 'week' then interval '1 week' when 'month' then interval '1 month' else interval '1 day' end
  ) s
  where $6::text in ('day', 'week', 'month')
  union all
  select distinct false, f.bucket
  from figure f
  where not f.is_total and f.units_returned > 0 and $6::text not in ('day', 'week', 'month')
),
compared as (
  select
    b.is_total,
    case when $6::text = 'product' then p.sku when not b.is_total then b.bucket end as bucket,
    p.product_name,
    coalesce(now.units_returned, 0) as units_returned,
    coalesce(sold_now.units, 0)::bigint as units_sold,
    coalesce(now.returns_value, 0.00) as returns_value,
    coalesce(now.receipts, 0) as receipts,
    coalesce(earlier.units_returned, 0) as earlier_units_returned,
    coalesce(sold_earlier.units, 0)::bigint as earlier_units_sold,
    coalesce(earlier.returns_value, 0.00) as earlier_returns_value,
    coalesce(earlier.receipts, 0) as earlier_receipts
  from bucket b
  left join figure now
    on now.number = 1 and now.is_total = b.is_total and now.bucket = b.bucket
  left join figure earlier
    on earlier.number = 2 and earlier.is_total = b.is_total and earlier.bucket = b.bucket
  left join sold sold_now
    on sold_now.number = 1 and sold_now.is_total = b.is_total and sold_now.bucket = b.bucket
  left join sold sold_earlier
    on sold_earlier.number = 2 and sold_earlier.is_total = b.is_total and sold_earlier.bucket = b.bucket
  left join retail.products p on $6 = 'product' and p.product_id::text = b.bucket and not b.is_total
),
placed as (
  select
    c.*,
    row_number() over (
      partition by c.is_total
      order by
        case when $6::text in ('day', 'week', 'month') then c.bucket end,
        c.units_returned desc,
        c.returns_value desc,
        c.earlier_units_returned desc,
        c.bucket
    ) as place,
    sum(c.units_returned) filter (where c.is_total) over () as whole,
    count(*) filter (where not c.is_total) over () as group_count
  from compared c
),
page as (
  select p.*, case when $6 = 'customer' and p.bucket <> '(none)' then p.bucket::uuid end as customer_id
  from placed p
  where p.is_total or p.place > $8::int and p.place <= $8::int + $7::int
)
select
  c.is_total,
  coalesce(c.bucket, '') as key,
  coalesce(
    case $6
      when 'product' then c.product_name
      when 'customer' then (
        select coalesce(card.first_name || ' ' || card.last_name, card.pseudonym)
        from retail.customer_card card
        where card.customer_id = c.customer_id
      )
    end,
    c.bucket,
    ''
  ) as label,
  c.customer_id,
  c.units_returned,
  c.units_sold,
  round(100.0 * c.units_returned / nullif(c.units_sold, 0), 2) as return_rate_percent,
  c.returns_value,
  c.receipts,
  c.receipts < 5 as is_few,
  round(100.0 * c.units_returned / nullif(c.whole, 0), 2) as share_of_returned_units_percent,
  c.earlier_units_returned,
  c.earlier_units_sold,
  round(100.0 * c.earlier_units_returned / nullif(c.earlier_units_sold, 0), 2) as earlier_return_rate_percent,
  c.earlier_returns_value,
  c.earlier_receipts,
  c.earlier_receipts < 5 as earlier_is_few,
  c.units_returned - c.earlier_units_returned as units_returned_change,
  round(100.0 * (c.units_returned - c.earlier_units_returned) / nullif(c.earlier_units_returned, 0), 2)
    as units_returned_change_percent,
  round(
    100.0 * c.units_returned / nullif(c.units_sold, 0)
      - 100.0 * c.earlier_units_returned / nullif(c.earlier_units_sold, 0),
    2
  ) as return_rate_change_points,
  c.group_count
from page c
order by c.is_total desc, c.place;

-- name: return_delays
-- $1 first day, $2 last day (date, inclusive), $3 IANA time zone, $4 units sold in the period (int). One row: how
-- long goods that came back in the period had been away, and how many of those units came back up to now.
with returned as (
  select
    r.quantity,
    t.transaction_date as returned_at,
    sale.transaction_date as sold_at
  from retail.sales_transactions t
  join retail.sales_transaction_items r
    on r.store_id = t.store_id and r.transaction_id = t.transaction_id and r.direction = -1
  join retail.sales_transaction_items sold on sold.store_id = r.store_id and sold.item_id = r.original_item_id
  join retail.sales_transactions sale
    on sale.store_id = sold.store_id and sale.transaction_id = sold.transaction_id
  where t.transaction_type <> 'sale' and t.transaction_date >= retail.day_start($1::date, $3::text)
),
span as (
  select retail.day_start($1, $3) as starts_at, retail.day_end($2::date, $3) as ends_at
)
select
  percentile_cont(0.5) within group (
    order by retail.local_date(r.returned_at, $3) - retail.local_date(r.sold_at, $3)
  ) filter (where r.returned_at < s.ends_at) as median_days_to_return,
  coalesce(sum(r.quantity) filter (where r.sold_at >= s.starts_at and r.sold_at < s.ends_at), 0)
    as units_sold_and_returned,
  round(
    100.0 * coalesce(sum(r.quantity) filter (where r.sold_at >= s.starts_at and r.sold_at < s.ends_at), 0)
      / nullif($4::int, 0),
    2
  ) as sold_and_returned_percent
from span s
left join returned r on true;
