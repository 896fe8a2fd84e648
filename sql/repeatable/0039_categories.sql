-- The tree of categories as queries ask for it.

set role retail_owner;

create or replace view retail.category_tree with (security_invoker = true) as
with recursive tree as (
  select c.category_id, c.category_name, c.category_name as top_category_name, 1 as level,
    array[lower(c.category_name)] as names
  from retail.product_categories c
  where c.parent_category_id is null
  union all
  select c.category_id, c.category_name, above.top_category_name, above.level + 1,
    above.names || lower(c.category_name)
  from retail.product_categories c
  join tree above on c.parent_category_id = above.category_id
)
select t.category_id, t.category_name, t.top_category_name, t.level, t.names from tree t;
comment on view retail.category_tree is
  'Each category with the top-level one it belongs to; names: its own and all above it, in lower case.';

-- Not strict and without search_path, so that the planner puts the body in the place of the call.
create or replace function retail.categories_within(category_name text) returns table (category_id integer)
language sql stable parallel safe
begin atomic
  with recursive within as (
    select c.category_id
    from retail.product_categories c
    where lower(c.category_name) = lower(categories_within.category_name)
    union
    select c.category_id
    from retail.product_categories c
    join within above on c.parent_category_id = above.category_id
  )
  select w.category_id from within w;
end;
comment on function retail.categories_within(text) is
  'Categories of this name in any case, with all below them; none without a name.';

reset role;
