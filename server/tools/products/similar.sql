-- name: similar_products
-- What resembles a product or stands in for it: active products of its category (and of those below it) at half to
-- twice its price, in stock first, then the most alike.
-- $1 SKU or product id as asked, $2 the same as an id, null where it is none, $3 embedding model, $4 whether only
-- products in stock are wanted, $5 rows to fetch. No row when the product is not there; else one at least, without a
-- similar product its columns are null.
-- A product without a category is compared with all, one without a price with every price. Where vectors of this
-- model are missing, words that both names have decide.
with recursive asked as materialized (
  select p.store_id, p.product_id, p.sku, p.product_name, p.price, p.current_stock, p.category_id, p.is_active,
    replace(plainto_tsquery('pg_catalog.english', retail.search_text(p.product_name))::text, ' & ', ' | ')::tsquery
      as words,
    e.embedding,
    e.dimensions
  from retail.products p
  left join retail.product_embeddings e
    on e.store_id = p.store_id and e.product_id = p.product_id and e.embedding_model = $3::text
  where p.product_id = $2::uuid or p.sku in ($1::text, upper($1), lower($1))
  order by p.product_id = $2 desc nulls last, p.sku = $1 desc, p.sku
  limit 1
),
category as (
  select c.category_id from asked a join retail.product_categories c on c.category_id = a.category_id
  union
  select c.category_id
  from retail.product_categories c
  join category above on c.parent_category_id = above.category_id
),
alike as (
  select p.store_id, p.product_id, 1 - (e.embedding <=> a.embedding) as similarity,
    ts_rank('{0.1, 0.2, 0.4, 1.0}', p.search_document, a.words, 0) as word_rank,
    p.current_stock > 0 as in_stock
  from asked a
  join retail.products p on p.store_id = a.store_id and p.product_id <> a.product_id
  left join retail.product_embeddings e
    on e.store_id = p.store_id and e.product_id = p.product_id
      and e.embedding_model = $3 and e.dimensions = a.dimensions
  where p.is_active
    and (a.category_id is null or p.category_id in (select c.category_id from category c))
    and (a.price = 0 or p.price between a.price / 2 and a.price * 2)
    and (p.current_stock > 0 or not $4::boolean)
),
best as (
  select s.store_id, s.product_id, s.similarity, s.in_stock, s.word_rank,
    row_number() over (order by s.in_stock desc, s.similarity desc nulls last, s.word_rank desc, s.product_id) as place
  from alike s
  order by place
  limit $5::int
)
select
  a.sku as asked_sku,
  a.product_name as asked_name,
  a.price as asked_price,
  a.current_stock as asked_stock,
  a.is_active as asked_is_active,
  p.product_id,
  p.sku,
  p.product_name,
  p.brand,
  category.top_category_name as category,
  case when category.level > 1 then category.category_name end as subcategory,
  p.price,
  p.price - a.price as price_difference,
  p.current_stock,
  p.current_stock > 0 as in_stock,
  case when p.rating_count > 0 then p.rating_average end as rating,
  p.rating_count,
  round(best.similarity::numeric, 3) as similarity
from asked a
left join best on true
left join retail.products p on p.store_id = best.store_id and p.product_id = best.product_id
left join retail.category_tree category on category.category_id = p.category_id
order by best.place;
