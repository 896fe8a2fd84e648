-- name: search_products
-- Active products by a query and filters, one page of the ranking, with totals in every row.
-- $1 vector of the query or null, $2 embedding model, $3 noise floor of the model (cosine),
-- $4 query text or null, $5 'hybrid' | 'semantic' | 'keyword',
-- $6 category (with those below it), $7 brand, $8 lowest and $9 highest price, $10 lowest rating,
-- $11 tags in lower case, all of them (each null: no filter), $12 in stock only,
-- $13 'name' | 'price_low_to_high' | 'price_high_to_low' | 'rating' or null (best match first, else
-- name), $14 limit, $15 offset (int).
-- Always one row at least: without a hit its product columns are null.
--
-- One exact pass over the products that pass the filters; no index is asked for neighbours, because
-- it would answer for all stores before row level security filters. A product without a vector of
-- this model still matches by its words. The noise floor applies after scoring.
with recursive wanted_category as (
  select c.category_id from retail.product_categories c where lower(c.category_name) = lower($6::text)
  union
  select c.category_id
  from retail.product_categories c
  join wanted_category above on c.parent_category_id = above.category_id
),
asked as materialized (
  -- Any of the words, as plainto_tsquery found them: asking for all of them finds too little.
  select
    lower($4::text) as text,
    case when t::text <> '' then replace(t::text, ' & ', ' | ')::tsquery end as words
  from plainto_tsquery('pg_catalog.english', $4) t
),
scored as materialized (
  select
    p.store_id,
    p.product_id,
    e.similarity,
    -- 0 without a word in common.
    nullif(ts_rank('{0.1, 0.2, 0.4, 1.0}', p.search_document, a.words, 0), 0) as word_rank,
    -- The length first: it spares most rows the lower().
    coalesce(
      octet_length(p.sku) = octet_length(a.text) and lower(p.sku) = a.text
        or octet_length(p.model) = octet_length(a.text) and lower(p.model) = a.text,
      false
    ) as is_exact,
    case $13::text
      when 'price_low_to_high' then p.price
      when 'price_high_to_low' then -p.price
      when 'rating' then -p.rating_average
    end as sort_number,
    case when $13 = 'name' or a.text is null then p.product_name end as sort_name
  from retail.products p
  cross join asked a
  -- "offset 0" makes this one pass over the vectors instead of a look-up per product.
  left join (
    select e.store_id, e.product_id, 1 - (e.embedding <=> $1::vector) as similarity
    from retail.product_embeddings e
    where $1 is not null and e.embedding_model = $2::text and e.dimensions = vector_dims($1)
    offset 0
  ) e on e.store_id = p.store_id and e.product_id = p.product_id
  where p.is_active
    -- As one case, of which the planner expects half to be true; of the conditions one by one it
    -- expects that no product is left, and plans for that.
    and case
      when ($6 is null or p.category_id in (select w.category_id from wanted_category w))
        and ($7::text is null or lower(p.brand) = lower($7))
        and ($8::numeric is null or p.price >= $8)
        and ($9::numeric is null or p.price <= $9)
        and ($10::numeric is null or p.rating_average >= $10)
        and ($11::text[] is null or lower(p.tags::text)::text[] @> $11)
        and (not $12::boolean or p.current_stock > 0)
      then true
    end
),
best as materialized (
  select
    count(*) as scored_products,
    max(s.word_rank) as word_rank,
    -- Whether vectors of this model exist is looked up only when none was met.
    $1 is not null
      and count(s.similarity) = 0
      and exists (select from retail.products p where p.is_active)
      and not exists (
        select
        from retail.product_embeddings e
        where e.embedding_model = $2 and e.dimensions = vector_dims($1)
      ) as lacks_vectors
  from scored s
),
basis as materialized (
  select
    b.scored_products,
    b.word_rank,
    b.lacks_vectors,
    case
      when $4 is null then null
      when $5::text = 'hybrid' and ($1 is null or b.lacks_vectors) then 'keyword'
      else $5
    end as mode
  from best b
),
matched as (
  select
    s.store_id,
    s.product_id,
    s.similarity,
    s.word_rank is not null as matched_words,
    s.is_exact,
    score.score,
    s.sort_number,
    case when $13 is null then score.score end as sort_score,
    s.sort_name
  from scored s
  cross join basis b
  cross join lateral (
    select
      case
        when b.mode is null then null
        when s.is_exact then 1
        when b.mode = 'semantic' then s.similarity
        when b.mode = 'keyword' then s.word_rank / b.word_rank
        else 0.5 * coalesce(s.similarity, 0) + 0.5 * coalesce(s.word_rank / b.word_rank, 0)
      end as score
  ) score
  where case
    when b.mode is null or s.is_exact then true
    when b.mode = 'keyword' then s.word_rank is not null
    when b.mode = 'semantic' then s.similarity >= $3::float8
    else s.word_rank is not null or s.similarity >= $3
  end
),
page as (
  select
    m.store_id,
    m.product_id,
    m.similarity,
    m.matched_words,
    m.is_exact,
    m.score,
    m.sort_number,
    m.sort_score,
    m.sort_name,
    count(*) over () as total_matches
  from matched m
  order by m.is_exact desc, m.sort_number, m.sort_score desc, m.sort_name, m.product_id
  limit $14::int
  offset $15::int
)
select
  b.mode as mode_used,
  b.lacks_vectors,
  coalesce(page.total_matches, 0) as total_matches,
  b.scored_products - coalesce(page.total_matches, 0) as unrelated_products,
  p.product_id,
  p.sku,
  p.product_name,
  p.brand,
  category.top_category_name as category,
  case when category.level > 1 then category.category_name end as subcategory,
  p.price,
  p.current_stock,
  p.current_stock > 0 as in_stock,
  case when p.rating_count > 0 then p.rating_average end as rating,
  p.rating_count,
  case
    when length(p.product_description) > 300 then left(p.product_description, 299) || '…'
    else p.product_description
  end as short_description,
  round(case when page.score < 0 then 0 else page.score end::numeric, 3) as score,
  round(page.similarity::numeric, 3) as similarity,
  page.matched_words,
  page.is_exact as exact_match
from basis b
left join page on true
left join retail.products p on p.store_id = page.store_id and p.product_id = page.product_id
left join retail.category_tree category on category.category_id = p.category_id
order by page.is_exact desc, page.sort_number, page.sort_score desc, page.sort_name, page.product_id;
