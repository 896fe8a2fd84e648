-- name: products
-- $1 SKUs or product ids as asked (text[]), $2 the same as ids, null where it is none (uuid[]),
-- $3 whether the caller may see costs. Those found, in the order asked; discontinued ones included.
select
  asked.text as asked,
  p.product_id,
  p.sku,
  p.product_name,
  case
    when length(p.product_description) > 2000 then left(p.product_description, 1999) || '…'
    else p.product_description
  end as product_description,
  category.top_category_name as category,
  case when category.level > 1 then category.category_name end as subcategory,
  p.brand,
  p.model,
  p.color,
  p.size,
  p.weight_kg,
  p.dimensions_cm,
  case when jsonb_typeof(p.metadata) = 'object' then p.metadata else '{}' end as attributes,
  p.tags,
  case when p.rating_count > 0 then p.rating_average end as rating,
  p.rating_count,
  p.price,
  case when $3::boolean then p.cost end as cost,
  case when $3 then round(100 * (p.price - p.cost) / nullif(p.price, 0), 2) end as margin_percent,
  p.current_stock,
  p.current_stock > 0 as in_stock,
  p.minimum_stock,
  p.reorder_point,
  p.maximum_stock,
  p.lead_time_days,
  p.supplier_name,
  p.supplier_sku,
  p.is_active,
  p.is_featured,
  p.updated_at
from unnest($1::text[], $2::uuid[]) with ordinality asked (text, id, place)
cross join lateral (
  select k.store_id, k.product_id
  from retail.products k
  where k.product_id = asked.id or k.sku in (asked.text, upper(asked.text), lower(asked.text))
  order by k.product_id = asked.id desc nulls last, k.sku = asked.text desc, k.sku
  limit 1
) found
join retail.products p on p.store_id = found.store_id and p.product_id = found.product_id
left join retail.category_tree category on category.category_id = p.category_id
order by asked.place;
