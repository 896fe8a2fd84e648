-- name: low_stock
-- Active products that run out, one page, most urgent first: out of stock though they sell (the
-- faster the sooner), then by days of supply, then those without sales.
-- $1 first day and $2 last day of the sales to look at (date, inclusive), $3 IANA time zone,
-- $4 category (with those below it), $5 brand, $6 days of supply or null for the reorder point,
-- $7 whether products without sales count, $8 limit, $9 offset (int), $10 whether the caller may see costs,
-- $11 today (date).
-- An order fills up to the maximum, or to what keeps the minimum while it is under way, where that is more. Without a
-- maximum nobody knows how far to fill up, so no order is suggested.
-- The stock ledger holds every sold and returned line at the time of its receipt.
with stock as (
  select
    p.store_id,
    p.product_id,
    p.sku,
    p.current_stock,
    case when p.maximum_stock is not null then
      greatest(
        greatest(
          p.maximum_stock,
          p.minimum_stock
            + ceil(greatest(sold.units_sold, 0)::numeric * p.lead_time_days / ($2::date - $1::date + 1))::int
        ) - p.current_stock,
        0
      )
    end as order_quantity,
    sold.units_sold,
    greatest(sold.units_sold, 0)::numeric / ($2::date - $1::date + 1) as daily_velocity,
    greatest(p.current_stock, 0) * ($2::date - $1::date + 1)::numeric / nullif(greatest(sold.units_sold, 0), 0)
      as days_of_supply
  from retail.products p
  cross join lateral (
    select coalesce(-sum(m.quantity), 0) as units_sold
    from retail.stock_movements m
    where m.store_id = p.store_id
      and m.product_id = p.product_id
      and m.reason in ('sale', 'return')
      and m.moved_at >= retail.day_start($1::date, $3::text)
      and m.moved_at < retail.day_end($2::date, $3)
  ) sold
  where p.is_active
    and ($4::text is null or p.category_id in (select c.category_id from retail.categories_within($4) c))
    and ($5::text is null or lower(p.brand) = lower($5))
    and ($6::numeric is not null or p.current_stock <= p.reorder_point)
),
ranked as (
  select
    row_number() over (
      order by
        s.days_of_supply nulls last,
        s.daily_velocity desc,
        s.current_stock,
        s.sku
    ) as place,
    count(*) over () as total_matches,
    s.store_id,
    s.product_id,
    s.order_quantity,
    s.units_sold,
    s.daily_velocity,
    s.days_of_supply
  from stock s
  where ($6 is null or s.days_of_supply <= $6) and ($7::boolean or s.daily_velocity > 0)
)
select
  p.product_id,
  p.sku,
  p.product_name,
  p.brand,
  category.top_category_name as category,
  p.current_stock,
  p.reorder_point,
  p.minimum_stock,
  p.maximum_stock,
  r.units_sold,
  round(r.daily_velocity, 2) as daily_velocity,
  round(r.days_of_supply, 1) as days_of_supply,
  p.lead_time_days,
  coalesce(p.current_stock <= 0 or r.days_of_supply < p.lead_time_days, false) and r.daily_velocity > 0
    as will_run_out_before_delivery,
  case when r.daily_velocity > 0 then
    $11::date + greatest(
      floor((p.current_stock - p.minimum_stock)::numeric * ($2::date - $1::date + 1) / r.units_sold)::int
        - p.lead_time_days,
      0
    )
  end as order_by_date,
  r.order_quantity as suggested_order_quantity,
  case when $10::boolean then r.order_quantity * p.cost end as order_cost,
  case when $10 then greatest(p.current_stock, 0) * p.cost end as stock_value,
  p.supplier_name,
  last.sold_date as last_sold_date,
  r.total_matches
from ranked r
join retail.products p on p.store_id = r.store_id and p.product_id = r.product_id
left join retail.category_tree category on category.category_id = p.category_id
left join lateral (
  select retail.local_date(m.moved_at, $3) as sold_date
  from retail.stock_movements m
  where m.store_id = r.store_id and m.product_id = r.product_id and m.reason = 'sale'
  order by m.moved_at desc
  limit 1
) last on true
where r.place > $9::int and r.place <= $9::int + $8::int
order by r.place;

-- name: stock_counts
-- $1 category (with those below it), $2 brand (each null: all). One row.
select
  count(*) filter (where p.current_stock <= p.reorder_point) as low_products,
  count(*) filter (where p.current_stock <= 0) as out_of_stock_products
from retail.products p
where p.is_active
  and ($1::text is null or p.category_id in (select c.category_id from retail.categories_within($1) c))
  and ($2::text is null or lower(p.brand) = lower($2));
