-- name: top_products
-- Products by their sales in a period, one page of the ranking, with what has changed since another period.
-- $1 whether of the period itself (boolean[]), $2 dimension 'product' or 'product_month' (text[]), $3 first day and
-- $4 last day (date[], inclusive), $5 1 for what is added and -1 for what is taken away (int[]): parallel lists of
-- spans, which together are both periods.
-- $6 'revenue' | 'units' | 'margin', $7 'best' | 'slowest', $8 category name or null (a top-level category includes
-- its children), $9 limit, $10 offset (int), $11 whether the caller may see margins.
-- Best: products sold in the period. Slowest: every product on sale, those without a sale first.
-- A product's rank in the other period is among the same products that were sold then. Amounts with two decimals.
with sold as (
  select
    d.member::uuid as product_id,
    span.is_current,
    sum(span.sign * (d.gross_cents - d.returned_cents)) as net_cents,
    sum(span.sign * (d.units_sold - d.units_returned)) as units,
    -- Null as soon as one cost is unknown: a margin of half the units would mislead.
    case when sum(span.sign * d.lines_without_cost) = 0 then
      sum(span.sign * (d.gross_cents - d.returned_cents - d.cost_cents))
    end as margin_cents,
    sum(span.sign * d.transactions)::bigint as transactions,
    sum(span.sign * (d.transactions + d.returns)) as receipts
  from unnest($1::boolean[], $2::text[], $3::date[], $4::date[], $5::int[])
    span (is_current, dimension, first_day, last_day, sign)
  join retail.daily_sales d
    on d.dimension = span.dimension and d.sold_on >= span.first_day and d.sold_on <= span.last_day
  group by d.member, span.is_current
  -- Taken away again, it was sold around the period only.
  having sum(span.sign * d.lines) > 0
),
whole as (
  select nullif(sum(s.net_cents), 0) as net_cents from sold s where s.is_current
),
valued as (
  select
    p.product_id, p.sku, p.product_name, p.brand, p.current_stock, p.is_active,
    category.top_category_name as category,
    coalesce(now.net_cents, 0) as net_cents,
    coalesce(now.units, 0)::bigint as units,
    case when now.product_id is null then 0 else now.margin_cents end as margin_cents,
    coalesce(now.transactions, 0) as transactions,
    coalesce(now.receipts, 0) < 5 or coalesce(before.receipts, 0) < 5 as few_events,
    before.product_id is not null as was_sold,
    case $6::text
      when 'units' then coalesce(now.units, 0)
      when 'margin' then case when now.product_id is null then 0 else now.margin_cents end
      else coalesce(now.net_cents, 0)
    end as value,
    case $6
      when 'units' then coalesce(before.units, 0)
      when 'margin' then case when before.product_id is null then 0 else before.margin_cents end
      else coalesce(before.net_cents, 0)
    end as value_before
  from retail.products p
  left join sold now on now.product_id = p.product_id and now.is_current
  left join sold before on before.product_id = p.product_id and not before.is_current
  left join retail.category_tree category on category.category_id = p.category_id
  where case $7::text when 'best' then now.product_id is not null else p.is_active end
    and ($8::text is null or lower($8) = any(category.names))
),
ranked as (
  select
    v.*,
    row_number() over (order by case $7 when 'best' then -1 else 1 end * coalesce(v.value, 0), v.sku) as rank,
    case when v.was_sold then row_number() over (
      partition by v.was_sold order by case $7 when 'best' then -1 else 1 end * coalesce(v.value_before, 0), v.sku
    ) end as rank_before,
    count(*) over () as product_count
  from valued v
)
select
  r.rank, r.product_id, r.sku, r.product_name, r.brand, r.category,
  round(r.net_cents / 100.0, 2) as net_revenue,
  r.units,
  case when $11::boolean then round(r.margin_cents / 100.0, 2) end as margin,
  case when $11 then round(100 * r.margin_cents / nullif(r.net_cents, 0), 2) end as margin_percent,
  r.transactions,
  round(100 * r.net_cents / (select w.net_cents from whole w), 2) as share_of_net_revenue_percent,
  round((r.value - r.value_before) / case $6 when 'units' then 1.0 else 100.0 end, 2) as change,
  round(100 * (r.value - r.value_before) / nullif(abs(r.value_before), 0), 2) as change_percent,
  r.rank_before - r.rank as rank_change,
  r.few_events,
  r.current_stock, r.is_active, r.product_count
from ranked r
where r.rank > $10::int and r.rank <= $10::int + $9::int
order by r.rank;
