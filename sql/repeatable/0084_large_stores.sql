-- Stores of many products: one vector index each, and the search that asks it.
--
-- Assumes: 0082. Up to some ten thousand products the exact pass of search_products is quick enough. Beyond,
-- retail-mcp index build makes an HNSW index over the vectors of one store and one model alone: row level
-- security then takes nothing away from its answers, and no other store's rows are in its graph.
--
-- Which way a search goes is never the planner's choice. It asks retail.nearest_products only where the store's row
-- says that the index is there; nothing else orders by distance in a form that an index could serve.
-- NOTE: the catalogue shows every login that a store has such an index, and how large that is. Its definition names the
-- store, because the planner proves the predicate from a literal. Its name does not: names are told by casts, too, which
-- no grant guards.

-- Settings of pgvector can be attached to a function only once its library is loaded.
do $$ begin perform '[1]'::public.vector; end $$;

set role retail_owner;

create or replace function retail.vector_index_name(index_key text, model text, dimensions integer) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
begin atomic
  select 'nearest_' || $1 || '_' || left(encode(sha256(convert_to($2 || '@' || $3, 'UTF8')), 'hex'), 8);
end;
comment on function retail.vector_index_name(text, text, integer) is
  'Name of the vector index of a store, given by its index_key, and a model.';

create or replace view retail.vector_indexes as
select
  substr(c.relname::text, 9, 12) as index_key,
  c.relname::text as index_name,
  x.indisvalid as is_valid,
  pg_relation_size(c.oid) as size_bytes
from pg_catalog.pg_index x
join pg_catalog.pg_class c on c.oid = x.indexrelid
join pg_catalog.pg_am a on a.oid = c.relam
where x.indrelid = 'retail.product_embeddings'::regclass
  and a.amname = 'hnsw'
  and c.relname ~ '^nearest_[0-9a-f]{12}_[0-9a-f]{8}$';
comment on view retail.vector_indexes is
  'Vector indexes of stores; those that a build left unfinished, or that is under way, are not valid.';

create or replace function retail.nearest_products(
  search_embedding public.vector, model text, max_results integer
)
returns table (store_id text, product_id uuid, similarity double precision)
language plpgsql stable security invoker rows 500
set search_path = public, pg_temp
set hnsw.ef_search = 200
set hnsw.iterative_scan = relaxed_order
set hnsw.max_scan_tuples = 20000
-- These leave the planner no other way than the index where there is one; without one the answer is exact, and slow.
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
as $$
begin
  -- Store, model and width are literals: from nothing else is the predicate of the index proved. The store is that of
  -- the verified context, which the policy demands once more. The index holds rounded numbers; what is returned is
  -- computed from the whole ones.
  return query execute format(
    $query$
      select n.store_id, n.product_id, 1 - (n.embedding <=> $1)
      from (
        select e.store_id, e.product_id, e.embedding
        from retail.product_embeddings e
        where e.store_id = %1$L and e.embedding_model = %2$L and e.dimensions = %3$s
        order by e.embedding::halfvec(%3$s) <=> $1::halfvec(%3$s)
        limit $2
      ) n
    $query$,
    guard.store(), model, vector_dims(search_embedding)
  )
  using search_embedding, max_results;
end
$$;
comment on function retail.nearest_products(public.vector, text, integer) is
  'Products of the current store nearest to a vector of this model by its vector index, in no order; 1 is identical.';

reset role;

revoke all on function
  retail.vector_index_name(text, text, integer), retail.nearest_products(public.vector, text, integer)
from public;
grant select on retail.vector_indexes to pg_monitor;
