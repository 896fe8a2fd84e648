-- name: returns
-- Returns of a period and of its groups, beside those of an earlier period.
-- $1 first day, $2 last day, $3 and $4 those of the earlier period (date, inclusive), $5 IANA time zone,
-- $6 'reason', 'product', 'category', 'customer', 'day', 'week' or 'month', $7 limit, $8 offset (int).
-- The row with is_total comes first and always; then the groups: time buckets in order, without gaps, others
-- by units returned. Only groups with a return in either period are there; group_count tells how many.
-- Goods sold have no reason for coming back, and a time bucket has none beside it in the earlier period: zeros.
with line as (
  select
    case when t.transaction_date < ($1::date::timestamp at time zone $5::text) then 2 else 1 end as number,
    t.transaction_id, t.customer_id, t.return_reason, i.product_id, i.direction, i.quantity, i.total_price,
    (t.transaction_date at time zone $5)::date as day
  from retail.sales_transactions t
  join retail.sales_transaction_items i on i.store_id = t.store_id and i.transaction_id = t.transaction_id
  where t.transaction_date >= ($3::date::timestamp at time zone $5)
    and t.transaction_date < (($2::date + 1)::timestamp at time zone $5)
    and (
      t.transaction_date < (($4::date + 1)::timestamp at time zone $5)
      or t.transaction_date >= ($1::timestamp at time zone $5)
    )
),
-- Goods sold are summed before they are named, because there are ten times as many.
part as (
  select
    l.number, l.direction,
    case when $6::text in ('product', 'category') then l.product_id end as product_id,
    case when $6 = 'customer' then l.customer_id end as customer_id,
    case when $6 in ('day', 'week', 'month') then l.day end as day,
    null::text as reason,
    null::uuid as transaction_id,
    sum(l.quantity) as quantity,
    0.00 as total_price
  from line l
  where l.direction = 1
  group by 1, 2, 3, 4, 5
  union all
  select l.number, l.direction, l.product_id, l.customer_id, l.day, coalesce(l.return_reason, '(none)'),
    l.transaction_id, l.quantity, l.total_price
  from line l
  where l.direction = -1
),
named as (
  select
    part.number, part.direction, part.transaction_id, part.quantity, part.total_price,
    case $6
      when 'reason' then part.reason
      when 'product' then p.sku
      when 'category' then coalesce(category.top_category_name, '(none)')
      when 'customer' then coalesce(part.customer_id::text, '(none)')
      when 'day' then part.day::text
      when 'week' then greatest(date_trunc('week', part.day::timestamp)::date, $1)::text
      when 'month' then greatest(date_trunc('month', part.day::timestamp)::date, $1)::text
    end as bucket
  from part
  left join retail.products p on p.product_id = part.product_id
  left join retail.category_tree category on category.category_id = p.category_id
),
figure as (
  select
    n.number,
    grouping(n.bucket) = 1 as is_total,
    n.bucket,
    coalesce(sum(n.quantity) filter (where n.direction = -1), 0) as units_returned,
    coalesce(sum(n.quantity) filter (where n.direction = 1), 0) as units_sold,
    coalesce(sum(n.total_price) filter (where n.direction = -1), 0.00) as returns_value,
    count(distinct n.transaction_id) as receipts
  from named n
  group by grouping sets ((n.number), (n.number, n.bucket))
),
bucket as (
  select null::text as bucket, true as is_total
  union all
  select greatest(s::date, $1::date)::text, false
  from generate_series(
    date_trunc(case $6::text when 'week' then 'week' when 'month' then 'month' else 'day' end, $1::date::timestamp),
    $2::date::timestamp,
    case $6::text when 'week' then interval '1 week' when 'month' then interval '1 month' else interval '1 day' end
  ) s
  where $6::text in ('day', 'week', 'month')
  union all
  select distinct f.bucket, false
  from figure f
  where not f.is_total and f.units_returned > 0 and $6::text not in ('day', 'week', 'month')
),
compared as (
  select
    b.is_total,
    b.bucket,
    coalesce(now.units_returned, 0) as units_returned,
    coalesce(now.units_sold, 0) as units_sold,
    coalesce(now.returns_value, 0.00) as returns_value,
    coalesce(now.receipts, 0) as receipts,
    coalesce(earlier.units_returned, 0) as earlier_units_returned,
    coalesce(earlier.units_sold, 0) as earlier_units_sold,
    coalesce(earlier.returns_value, 0.00) as earlier_returns_value,
    coalesce(earlier.receipts, 0) as earlier_receipts
  from bucket b
  left join figure now
    on now.number = 1 and now.is_total = b.is_total and now.bucket is not distinct from b.bucket
  left join figure earlier
    on earlier.number = 2 and earlier.is_total = b.is_total and earlier.bucket is not distinct from b.bucket
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
      when 'product' then (select p.product_name from retail.products p where p.sku = c.bucket)
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
  where t.transaction_type <> 'sale' and t.transaction_date >= ($1::date::timestamp at time zone $3::text)
),
span as (
  select $1::timestamp at time zone $3 as starts_at, ($2::date + 1)::timestamp at time zone $3 as ends_at
)
select
  percentile_cont(0.5) within group (
    order by (r.returned_at at time zone $3)::date - (r.sold_at at time zone $3)::date
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
