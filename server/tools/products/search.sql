-- name: enter_to_search
-- As set_store_context ($1 its token), and what follows in this transaction is planned for any arguments, once per
-- connection: in a small store search_products takes longer to plan than to run, and is planned no better for particular
-- arguments.
select c.store_id, c.role, c.store_name, c.currency, c.time_zone, c.today
from retail.set_store_context($1::text) c
where set_config('plan_cache_mode', 'force_generic_plan', true) <> '';

-- name: search_products
-- Active products by a query and filters, one page of the ranking, with totals in every row.
-- The query: $1 its vector or null, $2 embedding model, $3 noise floor of the model (cosine), $4 its text or null to
-- browse, $5 what may be a code (text[], as retail.code_key writes codes), $6 'hybrid' | 'semantic' | 'keyword' | 'rrf',
-- null to browse. The page: $7 limit, $8 offset (int). $9 words of the query (text[]) that are misspelt unless the store
-- knows them.
-- The parts, each left out of the statement where a search does not ask for it:
-- facets: what was found is counted by brand, category, price and rating.
-- indexed: the vectors that matter for the first hundred matches come from the vector index of the store
-- (docs/large-stores.md) instead of one pass over all of them.
-- filtered: filters, each null for none, and other orders: $10 phrases that must be there (text[]), $11 category (with
-- those below it), $12 brand, $13 lowest and $14 highest price, $15 lowest rating, $16 tags in lower case, all of them,
-- $17 attributes (jsonb), $18 in stock only (boolean), $19 'name' | 'price_low_to_high' | 'price_high_to_low' |
-- 'rating' | 'newest' | 'best_selling' or null (best match first, else name); and 'rrf'.
-- Always one row at least: without a hit its product columns are null. Where something is so that the search did not
-- foresee, the row says what, and nothing else was done.
--
-- One exact pass over the products that pass the filters; no index over all stores is asked for neighbours, because it
-- would answer before row level security filters. A product without a vector of this model still matches by its words.
-- The noise floor applies after scoring. docs/search.md explains the ranking.
with recursive asked as materialized (
  select
    lower($4::text) as text,
    -- Any of the words: asking for all of them finds too little.
    case when t::text <> '' then replace(t::text, ' & ', ' | ')::tsquery end as words,
    (select string_agg(quote_literal(c) || ':D', ' | ')::tsquery from unnest($5::text[]) c) as codes,
    -- if filtered
    (
      select string_agg(nullif(phraseto_tsquery('pg_catalog.english', retail.search_text(p))::text, ''), ' & ')::tsquery
      from unnest($10::text[]) p
    ) as phrases,
    -- end
    vector_dims($1::vector) as dimensions
  from plainto_tsquery('pg_catalog.english', retail.search_text($4)) t
),
-- What the search does not expect of the store; nothing is looked up that its mode has no use for.
preflight as materialized (
  select u.*, not (u.lacks_vectors or u.has_unused_index or u.unknown_words <> '{}') as is_nothing
  from (
    select
      coalesce($6, '') in ('hybrid', 'semantic', 'rrf')
        -- Ordered, so that the first row of an index answers; without that all stores' rows are read.
        and (
          select e.product_id
          from retail.product_embeddings e
          where e.embedding_model = $2::text and e.dimensions = (select a.dimensions from asked a)
          order by e.product_id
          limit 1
        ) is null
        and exists (select from retail.products p where p.is_active) as lacks_vectors,
      coalesce($6, '') in ('hybrid', 'semantic')
        -- if filtered
        and $19::text is null
        -- end
        -- if indexed
        and false
        -- else
        and exists (
          select
          from retail.stores s
          where s.indexed_model = $2 and s.indexed_dimensions = (select a.dimensions from asked a)
        )
        -- end
        as has_unused_index,
      array(
        select w.word
        from unnest($9::text[]) with ordinality w (word, place)
        where not exists (
          select from retail.product_words k where k.stem = (ts_lexize('pg_catalog.english_stem', w.word))[1]
        )
        order by w.place
      ) as unknown_words
    offset 0
  ) u
),
words as materialized (
  select w.word, w.place, q.query
  from regexp_split_to_table(retail.search_text(lower($4)), '[\s,;:?!()"]+') with ordinality w (word, place)
  cross join lateral plainto_tsquery('pg_catalog.english', w.word) q (query)
  where q.query::text <> ''
),
-- if filtered
sold as materialized (
  select i.product_id, sum(i.direction * i.quantity) as units
  from retail.sales_transactions t
  join retail.sales_transaction_items i on i.store_id = t.store_id and i.transaction_id = t.transaction_id
  where $19 = 'best_selling' and t.transaction_date >= now() - interval '90 days'
  group by i.product_id
),
-- end
-- if indexed
similarity as materialized (
  select n.product_id, n.similarity
  from retail.nearest_products($1, $2, 500) n
  where (select u.is_nothing from preflight u)
),
-- else
-- The one source of similarities. "offset 0" makes it one pass over the vectors instead of a look-up per product.
similarity as (
  select e.product_id, 1 - (e.embedding <=> $1) as similarity
  from retail.product_embeddings e
  where $1 is not null
    and (select u.is_nothing from preflight u)
    and e.embedding_model = $2
    and e.dimensions = (select a.dimensions from asked a)
  offset 0
),
-- end
passing as (
  select
    p.product_id,
    -- if facets
    p.brand,
    p.category_id,
    p.price,
    case when p.rating_count > 0 then p.rating_average end as rating,
    -- end
    -- if filtered
    case $19
      when 'price_low_to_high' then p.price
      when 'price_high_to_low' then -p.price
      when 'rating' then -p.rating_average
      when 'newest' then -extract(epoch from p.created_at)
      when 'best_selling' then -coalesce(s.units, 0)
    end as sort_number,
    case when $19 = 'name' or $4 is null then p.product_name end as sort_name,
    -- end
    -- 0 without a word in common.
    nullif(ts_rank('{0.1, 0.2, 0.4, 1.0}', p.search_document, (select a.words from asked a), 0), 0) as word_rank,
    exact.is_exact,
    p.is_active
  from retail.products p
  cross join lateral (
    select
      coalesce(
        p.search_document @@ (select a.codes from asked a)
          -- The length first: it spares most rows the lower().
          or octet_length(p.product_name) = octet_length((select a.text from asked a))
          and lower(p.product_name) = (select a.text from asked a),
        false
      ) as is_exact
  ) exact
  -- if filtered
  left join sold s on s.product_id = p.product_id
  -- end
  where (select u.is_nothing from preflight u)
    -- if facets or filtered
    and p.is_active
    -- else
    -- Products that share a word with the query or are named by it: the others need no more than their vector. Those
    -- that are no longer offered have vectors too.
    and (
      not p.is_active
      or p.search_document @@ (select a.words from asked a)
      or exact.is_exact
      or (select s.is_short from shortage s)
    )
    -- end
    -- if filtered
    -- As one case, of which the planner expects half to be true; of the conditions one by one it
    -- expects that no product is left, and plans for that.
    and case
      when ($11::text is null or p.category_id in (select c.category_id from retail.categories_within($11) c))
        and ($12::text is null or lower(p.brand) = lower($12))
        and ($13::numeric is null or p.price >= $13)
        and ($14::numeric is null or p.price <= $14)
        and ($15::numeric is null or p.rating_average >= $15)
        and ($16::text[] is null or lower(p.tags::text)::text[] @> $16)
        and ($17::jsonb is null or not exists (
          select
          from jsonb_each_text($17) wanted
          cross join lateral (
            select jsonb_build_object('color', p.color, 'size', p.size) || p.metadata -> wanted.key as value
          ) has
          where lower(has.value #>> '{}') is distinct from lower(wanted.value)
            and not coalesce(has.value ? wanted.value, false)
        ))
        and (not $18::boolean or p.current_stock > 0)
        and ((select a.phrases from asked a) is null or p.search_document @@ (select a.phrases from asked a))
      then true
    end
    -- end
  -- So that a row is narrow before it is joined.
  offset 0
),
-- Their ids alone: without filters an index tells them.
candidates as not materialized (
  -- if filtered
  select p.product_id from passing p
  -- else
  select p.product_id from retail.products p where p.is_active and (select u.is_nothing from preflight u)
  -- end
),
-- if indexed
-- Whether the nearest are too few: fewer than a hundred of them pass the filters, and others may be related too.
shortage as materialized (
  select
    (
      select count(*)
      from similarity n
      join candidates c on c.product_id = n.product_id
      where n.similarity >= $3::float8
    ) < 100
    and (select min(n.similarity) from similarity n) >= $3 as is_short
),
-- else
shortage as (select false as is_short),
-- end
-- As a full join, which is never a nested loop, whatever the planner believes of tables that were not analyzed yet.
-- ts_rank gives a word that stands once in the name 6/pi^2 and takes the mean over the words: a score of 1 is all words
-- in the name, however good or poor the other products are.
scored as (
  select s.*, case when s.word_rank is not null then least(s.word_rank * 1.6449341, 1.0) end as word_score
  from (
    select
      -- if facets or filtered
      p.*,
      -- else
      coalesce(p.product_id, l.product_id) as product_id,
      p.word_rank,
      coalesce(p.is_exact, false) as is_exact,
      -- end
      l.similarity
    from passing p
    full join similarity l on l.product_id = p.product_id
    where p.is_active is not false
    offset 0
  ) s
  where s.product_id is not null
    -- if indexed
    -- Most products of a large store are neither near nor have a word of the query.
    and (
      s.similarity is not null
      or s.word_rank is not null
      or s.is_exact
      or (select short.is_short from shortage short)
    )
    -- end
),
-- if filtered
places as (
  select
    s.product_id,
    rank() over (order by s.similarity desc nulls last) as by_meaning,
    rank() over (order by s.word_rank desc nulls last) as by_words
  from scored s
  where $6 = 'rrf'
),
-- end
-- if indexed
-- How far beyond the nearest to look. Where they are too few, at all that pass. Else at those whose words could make up
-- for being less near than the 200th: so that the first hundred matches are those of the exact search.
reach as materialized (
  select
    short.is_short,
    case when $6::text = 'hybrid' then (coalesce(k.hundredth_score, 0) - 0.6 * k.surely_nearest) / 0.4 end as word_score
  from shortage short
  cross join (
    select
      -- The graph may have missed some of the later ones, and these may have words.
      coalesce(
        (select n.similarity from similarity n order by n.similarity desc limit 1 offset 199), 1
      ) as surely_nearest,
      (
        select 0.6 * s.similarity + 0.4 * coalesce(s.word_score, 0) as score
        from scored s
        where s.similarity is not null
        order by score desc
        limit 1
        offset 99
      ) as hundredth_score
  ) k
),
compared as (
  select
    s.*,
    case
      when s.similarity is null
        and ((select r.is_short from reach r) or s.word_score >= (select r.word_score from reach r))
      then (
        select 1 - (e.embedding <=> $1)
        from retail.product_embeddings e
        where e.embedding_model = $2 and e.product_id = s.product_id and e.dimensions = (select a.dimensions from asked a)
      )
      else s.similarity
    end as known_similarity
  from scored s
  offset 0
),
-- else
compared as (
  select s.*, s.similarity as known_similarity from scored s
),
-- end
-- Without what is only shown: the texts of a page are fetched for its own rows.
matched as materialized (
  select
    s.product_id,
    s.is_exact,
    s.known_similarity as similarity,
    s.word_score,
    -- if facets
    s.brand,
    s.category_id,
    s.price,
    s.rating,
    -- end
    -- if filtered
    s.sort_number,
    case when $19 is null then score.score end as sort_score,
    s.sort_name,
    -- end
    score.score
  from compared s
  -- if filtered
  left join places on places.product_id = s.product_id
  -- end
  cross join lateral (
    select
      case
        when $6::text is null then null
        when s.is_exact then 1
        when $6 = 'semantic' then s.known_similarity
        when $6 = 'keyword' then s.word_score
        -- if filtered
        when $6 = 'rrf' then
          (case when s.known_similarity >= $3 then 30.5 / (60 + places.by_meaning) else 0 end)
          + (case when s.word_rank is not null then 30.5 / (60 + places.by_words) else 0 end)
        -- end
        else 0.6 * coalesce(s.known_similarity, 0) + 0.4 * coalesce(s.word_score, 0)
      end as score
  ) score
  where case
    when $6 is null or s.is_exact then true
    when $6 = 'keyword' then s.word_rank is not null
    when $6 = 'semantic' then s.known_similarity >= $3::float8
    else s.word_rank is not null or s.known_similarity >= $3
  end
),
page as (
  select m.*
  from matched m
  order by
    m.is_exact desc,
    -- if filtered
    m.sort_number,
    m.sort_score desc,
    m.sort_name,
    -- else
    m.score desc,
    -- end
    m.product_id
  limit $7::int
  offset $8::int
)
select
  preflight.unknown_words,
  preflight.has_unused_index,
  preflight.lacks_vectors,
  found.total_matches,
  found.passing_products - found.total_matches as unrelated_products,
  -- if facets
  json_build_object(
    'brands', (
      select coalesce(json_agg(f), '[]')
      from (
        select m.brand as value, count(*) as products from matched m where m.brand is not null
        group by m.brand order by count(*) desc, m.brand limit 20
      ) f
    ),
    'categories', (
      select coalesce(json_agg(f), '[]')
      from (
        select c.category_name as value, sum(m.products)::bigint as products
        from (select m.category_id, count(*) as products from matched m group by m.category_id) m
        join retail.product_categories c on c.category_id = m.category_id
        group by c.category_name order by sum(m.products) desc, c.category_name limit 20
      ) f
    ),
    -- Bands of 1, 2, 5, 10, 20, 50 and so on, which fit any currency.
    'price_bands', (
      select coalesce(json_agg(f order by f.min_price), '[]')
      from (
        select bounds.at[m.band]::text as min_price, bounds.at[m.band + 1]::text as below_price, m.products
        from (
          select
            '{
              0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000,
              500000, 1000000, 2000000, 5000000, 10000000, 20000000, 50000000, 100000000, 200000000, 500000000,
              1000000000, 2000000000, 5000000000
            }'::numeric[]
        ) bounds (at)
        cross join lateral (
          select width_bucket(m.price, bounds.at) as band, count(*) as products from matched m group by band
        ) m
      ) f
    ),
    'ratings', (
      select coalesce(json_agg(f order by f.min_rating desc), '[]')
      from (
        select
          count(*) filter (where m.rating >= 4.5) as from_4_5,
          count(*) filter (where m.rating >= 4.0) as from_4,
          count(*) filter (where m.rating >= 3.0) as from_3,
          count(*) filter (where m.rating >= 2.0) as from_2
        from matched m
      ) m
      cross join lateral (
        values (4.5, m.from_4_5), (4.0, m.from_4), (3.0, m.from_3), (2.0, m.from_2)
      ) f (min_rating, products)
      where f.products > 0
    )
  ) as facets,
  -- else
  null::json as facets,
  -- end
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
  case when $4 is not null then round(coalesce(page.word_score, 0)::numeric, 3) end as word_score,
  array(select w.word from words w where p.search_document @@ w.query order by w.place) as matched_words,
  page.is_exact as exact_match
from preflight
cross join (
  select
    (select count(*) from matched) as total_matches,
    (select count(*) from candidates) as passing_products
) found
left join page on true
left join retail.products p on p.product_id = page.product_id
-- From the categories of these rows upwards; retail.category_tree would be made of every category there is.
left join lateral (
  with recursive above as (
    select c.parent_category_id, c.category_name, c.category_name as top_category_name, 1 as level
    from retail.product_categories c
    where c.category_id = p.category_id
    union all
    select c.parent_category_id, above.category_name, c.category_name, above.level + 1
    from retail.product_categories c
    join above on c.category_id = above.parent_category_id
  )
  select a.category_name, a.top_category_name, a.level from above a where a.parent_category_id is null
) category on true
order by
  page.is_exact desc,
  -- if filtered
  page.sort_number,
  page.sort_score desc,
  page.sort_name,
  -- else
  page.score desc,
  -- end
  page.product_id;
