-- name: categories
-- Categories with active products of this store and those above them, as a tree: each followed by
-- what is below it, by name. $1 rows to fetch. Figures include the categories below.
with recursive stocked as (
  select
    p.category_id,
    count(*) as active_products,
    count(*) filter (where p.current_stock > 0) as in_stock_products,
    min(p.price) as lowest_price,
    max(p.price) as highest_price
  from retail.products p
  where p.is_active and p.category_id is not null
  group by p.category_id
),
tree as (
  select c.category_id, 1 as level, array[c.category_name] as path
  from retail.product_categories c
  where c.parent_category_id is null
  union all
  select c.category_id, above.level + 1, above.path || c.category_name
  from retail.product_categories c
  join tree above on c.parent_category_id = above.category_id
),
lineage as (
  select s.category_id, s.category_id as ancestor_id from stocked s
  union
  select l.category_id, c.parent_category_id
  from lineage l
  join retail.product_categories c on c.category_id = l.ancestor_id
  where c.parent_category_id is not null
)
select
  c.category_name as category,
  parent.category_name as parent_category,
  tree.level,
  c.description,
  sum(s.active_products) as active_products,
  sum(s.in_stock_products) as in_stock_products,
  min(s.lowest_price) as lowest_price,
  max(s.highest_price) as highest_price
from lineage l
join stocked s on s.category_id = l.category_id
join retail.product_categories c on c.category_id = l.ancestor_id
join tree on tree.category_id = c.category_id
left join retail.product_categories parent on parent.category_id = c.parent_category_id
group by c.category_id, parent.category_id, tree.level, tree.path
order by tree.path, c.category_id
limit $1::int;
