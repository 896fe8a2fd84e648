-- name: top_products
-- Products by their sales in a period, one page of the ranking.
-- $1 first day, $2 last day (date, inclusive), $3 IANA time zone, $4 'revenue' | 'units' | 'margin',
-- $5 'best' | 'slowest', $6 category name or null (a top-level category includes its children),
-- $7 limit, $8 offset (int), $9 whether the caller may see margins.
-- Best: products sold in the period. Slowest: every product on sale, those without a sale first.
with line as (
  select
    i.product_id,
    i.direction * i.total_price as revenue,
    i.direction * i.quantity as units,
    i.direction * i.quantity * i.unit_cost as cost,
    case when t.transaction_type = 'sale' then t.transaction_id end as sale_id
  from retail.sales_transactions t
  join retail.sales_transaction_items i on i.store_id = t.store_id and i.transaction_id = t.transaction_id
  where t.transaction_date >= ($1::date::timestamp at time zone $3)
    and t.transaction_date < (($2::date + 1)::timestamp at time zone $3)
),
sold as (
  select
    l.product_id,
    sum(l.revenue) as net_revenue,
    sum(l.units) as units,
    -- Null as soon as one cost is unknown: a margin of half the units would mislead.
    case when bool_and(l.cost is not null) then sum(l.revenue) - sum(l.cost) end as margin,
    count(distinct l.sale_id) as transactions
  from line l
  group by l.product_id
),
whole as (
  select nullif(sum(s.net_revenue), 0) as net_revenue from sold s
),
ranked as (
  select
    row_number() over (
      order by
        case $5::text when 'best' then -1 else 1 end * case $4::text
          when 'units' then coalesce(s.units, 0)
          when 'margin' then coalesce(s.margin, 0)
          else coalesce(s.net_revenue, 0)
        end,
        p.sku
    ) as rank,
    count(*) over () as product_count,
    p.product_id,
    p.sku,
    p.product_name,
    p.brand,
    category.top_category_name as category,
    coalesce(s.net_revenue, 0.00) as net_revenue,
    coalesce(s.units, 0) as units,
    case when s.product_id is null then 0.00 else s.margin end as margin,
    coalesce(s.transactions, 0) as transactions,
    p.current_stock,
    p.is_active
  from retail.products p
  left join sold s on s.product_id = p.product_id
  left join retail.category_tree category on category.category_id = p.category_id
  where case $5::text when 'best' then s.product_id is not null else p.is_active end
    and ($6::text is null or lower($6) = any(category.names))
)
select
  r.rank, r.product_id, r.sku, r.product_name, r.brand, r.category,
  r.net_revenue, r.units,
  case when $9::boolean then r.margin end as margin,
  case when $9 then round(100 * r.margin / nullif(r.net_revenue, 0), 2) end as margin_percent,
  r.transactions,
  round(100 * r.net_revenue / (select w.net_revenue from whole w), 2) as share_of_net_revenue_percent,
  r.current_stock, r.is_active, r.product_count
from ranked r
where r.rank > $8::int and r.rank <= $8::int + $7::int
order by r.rank;
