-- Product search by vector, under the lab's name.
--
-- Assumes: 0050. SECURITY INVOKER: the caller's policies decide, and a poisoned embedding cannot
-- lead into another store because its foreign key carries store_id.
--
-- The scan is exact on purpose. An approximate index is built over all stores and row level
-- security filters its answers afterwards: with 100 stores it lost 39 % of the queries entirely.
-- "+ 0" keeps the planner from such an index even where somebody made one.

set role retail_owner;

create or replace function retail.search_products_by_similarity(
  search_embedding public.vector,
  similarity_threshold double precision default null,
  max_results integer default 20,
  model text default null
)
returns table (
  product_id uuid,
  product_name text,
  product_description text,
  brand text,
  price numeric(10, 2),
  similarity_score double precision
)
language sql stable security invoker
set search_path = public, pg_temp
begin atomic
  select p.product_id, p.product_name, p.product_description, p.brand, p.price, ranked.similarity
  from (
    select e.product_id, 1 - (e.embedding <=> search_embedding) as similarity
    from retail.product_embeddings e
    join retail.products a on a.store_id = e.store_id and a.product_id = e.product_id and a.is_active
    where e.dimensions = public.vector_dims(search_embedding)
      -- Qualified, because a column of products has the same name and would win.
      and (search_products_by_similarity.model is null or e.embedding_model = search_products_by_similarity.model)
    order by (e.embedding <=> search_embedding) + 0, e.product_id
    limit max_results
  ) ranked
  join retail.products p on p.product_id = ranked.product_id
  -- After the limit: a threshold is a noise floor, and must not make the scan go on for ever.
  where similarity_threshold is null or ranked.similarity >= similarity_threshold
  order by ranked.similarity desc, p.product_id;
end;
comment on function retail.search_products_by_similarity(public.vector, double precision, integer, text) is
  'Active products of the current store by cosine similarity (1 is identical), best first; threshold null for none.';

reset role;

revoke all on function retail.search_products_by_similarity(public.vector, double precision, integer, text) from public;
