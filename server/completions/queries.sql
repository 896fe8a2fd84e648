-- name: complete_category
-- $1 beginning of the name in lower case (text), $2 limit (int). Categories of products on sale, and those above
-- them, by name.
with recursive sold as (
  select distinct p.category_id from retail.products p where p.is_active and p.category_id is not null
),
listed as (
  select c.category_id, c.parent_category_id, c.category_name
  from retail.product_categories c
  join sold on sold.category_id = c.category_id
  union
  select c.category_id, c.parent_category_id, c.category_name
  from retail.product_categories c
  join listed below on below.parent_category_id = c.category_id
)
select l.category_name as value, count(*) over () as total
from listed l
where starts_with(lower(l.category_name), $1::text)
group by l.category_name
order by l.category_name
limit $2::int;

-- name: complete_brand
-- $1 beginning of the name in lower case (text), $2 limit (int). Brands of products on sale, by name.
select p.brand as value, count(*) over () as total
from retail.products p
where p.is_active and starts_with(lower(p.brand), $1::text)
group by p.brand
order by p.brand
limit $2::int;
