-- name: find_or_create_categories
-- $1 parents (int[], null for the top level) and $2 names (text[]) of one level, by place. Returns each
-- place with its category. A name in another case is the same category; of several the one in the
-- same case comes first, else the oldest. The first spelling of a new one stands.
with wanted as (
  select w.parent_id, w.name, w.place
  from unnest($1::int[], $2::text[]) with ordinality w (parent_id, name, place)
),
present as (
  select distinct on (w.place) w.place, c.category_id
  from wanted w
  join retail.product_categories c
    on coalesce(c.parent_category_id, 0) = coalesce(w.parent_id, 0) and lower(c.category_name) = lower(w.name)
  order by w.place, c.category_name = w.name desc, c.category_id
),
created as (
  insert into retail.product_categories (category_name, parent_category_id)
  select missing.name, missing.parent_id
  from (
    select distinct on (w.parent_id, lower(w.name)) w.name, w.parent_id, w.place
    from wanted w
    where not exists (select from present f where f.place = w.place)
    order by w.parent_id, lower(w.name), w.place
  ) missing
  order by missing.place
  returning category_id, category_name, parent_category_id
)
select f.place, f.category_id, false as is_new
from present f
union all
select w.place, c.category_id, true
from wanted w
join created c
  on coalesce(c.parent_category_id, 0) = coalesce(w.parent_id, 0) and lower(c.category_name) = lower(w.name)
order by place;
