-- name: stock_groups
-- What is in stock, is worth, runs out, lies still and should be ordered: of the store and of its groups.
-- $1 first day and $2 last day of the sales to look at (date, inclusive; the last one is today), $3 IANA time zone,
-- $4 'category', 'brand' or 'supplier', $5 days without a sale after which stock is dead (int), $6 limit (int),
-- $7 whether the caller may see costs.
-- The row with is_total comes first and always; then the groups by value at selling price, highest first.
-- Products that are on sale or in stock. Costs are sums over the products whose cost is known.
with sold as (
  select d.member::uuid as product_id, greatest(sum(d.units_sold - d.units_returned), 0) as units
  from retail.daily_sales d
  where d.dimension = 'product' and d.sold_on >= $1::date and d.sold_on <= $2::date
  group by d.member
),
article as (
  select
    case $4::text
      when 'category' then category.top_category_name
      when 'brand' then p.brand
      else p.supplier_name
    end as name,
    greatest(p.current_stock, 0) as units,
    p.price,
    p.cost,
    p.is_active,
    p.is_active and p.current_stock <= 0 as is_out,
    p.is_active and p.current_stock <= p.reorder_point as is_low,
    p.current_stock > p.maximum_stock as is_above_maximum,
    p.maximum_stock is null as is_without_maximum,
    p.current_stock > 0 and $2 - retail.local_date(idle.since, $3) >= $5::int as is_dead,
    coalesce(sold.units, 0) as units_sold,
    case when p.is_active and p.current_stock <= p.reorder_point and p.maximum_stock is not null then
      greatest(
        greatest(
          p.maximum_stock,
          p.minimum_stock
            + ceil(coalesce(sold.units, 0)::numeric * p.lead_time_days / ($2::date - $1::date + 1))::int
        ) - p.current_stock,
        0
      )
    else 0 end as order_units
  from retail.products p
  left join sold on sold.product_id = p.product_id
  left join retail.category_tree category on category.category_id = p.category_id
  left join lateral (
    select coalesce(
      (
        select m.moved_at
        from retail.stock_movements m
        where m.store_id = p.store_id and m.product_id = p.product_id and m.reason = 'sale'
        order by m.moved_at desc
        limit 1
      ),
      (
        select min(m.moved_at)
        from retail.stock_movements m
        where m.store_id = p.store_id and m.product_id = p.product_id and m.quantity > 0
      )
    ) as since
  ) idle on true
  where p.is_active or p.current_stock > 0
),
figure as (
  select
    grouping(a.name) = 1 as is_total,
    a.name,
    count(*) as products,
    coalesce(sum(a.units), 0) as units,
    coalesce(sum(a.units * a.cost), 0.00) as stock_value,
    coalesce(sum(a.units * a.price), 0.00) as retail_value,
    count(*) filter (where a.cost is null) as products_without_cost,
    round(sum(a.units)::numeric * ($2::date - $1::date + 1) / nullif(sum(a.units_sold), 0), 1) as days_of_supply,
    count(*) filter (where a.is_out) as out_of_stock_products,
    count(*) filter (where a.is_low) as low_products,
    count(*) filter (where a.is_low and a.is_without_maximum) as low_products_without_maximum,
    count(*) filter (where a.is_above_maximum) as overstocked_products,
    count(*) filter (where a.is_dead) as dead_products,
    coalesce(sum(a.units * a.cost) filter (where a.is_dead), 0.00) as dead_stock_value,
    coalesce(sum(a.units * a.price) filter (where a.is_dead), 0.00) as dead_retail_value,
    count(*) filter (where a.order_units > 0) as products_to_order,
    coalesce(sum(a.order_units), 0) as order_units,
    coalesce(sum(a.order_units * a.cost), 0.00) as order_cost
  from article a
  group by grouping sets ((), (a.name))
),
placed as (
  select
    f.*,
    row_number() over (partition by f.is_total order by f.retail_value desc, f.name) as place,
    count(*) filter (where not f.is_total) over () as group_count
  from figure f
)
select
  f.is_total, f.name, f.products, f.units,
  case when $7::boolean then f.stock_value end as stock_value,
  f.retail_value, f.products_without_cost, f.days_of_supply, f.out_of_stock_products, f.low_products,
  f.low_products_without_maximum, f.overstocked_products, f.dead_products,
  case when $7 then f.dead_stock_value end as dead_stock_value,
  f.dead_retail_value,
  f.products_to_order, f.order_units,
  case when $7 then f.order_cost end as order_cost,
  f.group_count
from placed f
where f.is_total or f.place <= $6::int
order by f.is_total desc, f.place;

-- name: dead_stock
-- Products in stock that did not sell for long, by value at selling price, highest first.
-- $1 today (date), $2 IANA time zone, $3 days without a sale (int), $4 limit (int), $5 whether the caller may see
-- costs. What never sold lies idle since it first came in.
select
  p.product_id,
  p.sku,
  p.product_name,
  category.top_category_name as category,
  p.is_active,
  p.current_stock,
  retail.local_date(last.sold_at, $2::text) as last_sold_date,
  $1::date - retail.local_date(idle.since, $2) as days_idle,
  p.current_stock * p.price as retail_value,
  case when $5::boolean then p.current_stock * p.cost end as stock_value
from retail.products p
left join retail.category_tree category on category.category_id = p.category_id
left join lateral (
  select m.moved_at as sold_at
  from retail.stock_movements m
  where m.store_id = p.store_id and m.product_id = p.product_id and m.reason = 'sale'
  order by m.moved_at desc
  limit 1
) last on true
left join lateral (
  select coalesce(
    last.sold_at,
    (
      select min(m.moved_at)
      from retail.stock_movements m
      where m.store_id = p.store_id and m.product_id = p.product_id and m.quantity > 0
    )
  ) as since
) idle on true
where p.current_stock > 0 and $1 - retail.local_date(idle.since, $2) >= $3::int
order by p.current_stock * p.price desc, p.sku
limit $4::int;
