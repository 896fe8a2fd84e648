-- name: claim_index
-- $1 store id: whether nobody else is building or dropping this store's index, until the connection ends. One row.
select pg_try_advisory_lock(hashtextextended('retail vector index ' || $1, 0));

-- name: let_go_of_index
-- $1 store id.
select pg_advisory_unlock(hashtextextended('retail vector index ' || $1, 0));

-- name: store_to_index
-- $1 store id. The model it is searched with (null before the first), the vectors of that model, the name of their
-- index, and whether the store's row says that it is there. One row, or none without such a store.
select
  s.embedding_model as model,
  s.embedding_dimensions as dimensions,
  (
    select count(*)
    from retail.product_embeddings e
    where e.store_id = s.store_id
      and e.embedding_model = s.embedding_model
      and e.dimensions = s.embedding_dimensions
  ) as vectors,
  retail.vector_index_name(s.index_key, s.embedding_model, s.embedding_dimensions) as index_name,
  coalesce(
    (s.indexed_model, s.indexed_dimensions) = (s.embedding_model, s.embedding_dimensions), false
  ) as is_noted
from retail.stores s
where s.store_id = $1;

-- name: indexes_of_store
-- $1 store id. Its vector indexes, those that a build left unfinished included.
select i.index_name, i.is_valid
from retail.stores s
join retail.vector_indexes i on i.index_key = s.index_key
where s.store_id = $1
order by i.index_name;

-- name: build_settings
-- $1 memory in MB. For this connection. One process: others would want shared memory of that size, of which
-- containers have little.
select
  set_config('maintenance_work_mem', $1::int || 'MB', false),
  set_config('max_parallel_maintenance_workers', '0', false),
  set_config('statement_timeout', '0', false),
  set_config('lock_timeout', '0', false);

-- name: create_statement
-- $1 store id, $2 model, $3 dimensions. The statement that makes the index, to be run outside of a transaction.
-- Half-precision numbers: 0.6 of the size, a quicker build, and the same products found. With ef_construction at its
-- default of 64 the graph of a clustered catalogue lost one neighbour in twenty; with 128 next to none.
select format(
  'create index concurrently %I on retail.product_embeddings '
  'using hnsw ((embedding::public.halfvec(%s)) public.halfvec_cosine_ops) '
  'with (m = 16, ef_construction = 128) where store_id = %L and embedding_model = %L and dimensions = %s',
  retail.vector_index_name(s.index_key, $2, $3), $3::int, s.store_id, $2::text, $3::int
)
from retail.stores s
where s.store_id = $1;

-- name: drop_statement
-- $1 name of an index. The statement that drops it, to be run outside of a transaction.
select format('drop index concurrently if exists retail.%I', $1::text);

-- name: progress
-- $1 process id of the connection that builds. Phase in PostgreSQL's words and vectors so far; none when it is done.
select p.phase, p.tuples_done from pg_catalog.pg_stat_progress_create_index p where p.pid = $1;

-- name: note_index
-- $1 store id, $2 model, $3 dimensions, $4 vectors. Searches ask the index from now on. Changes no row when the store
-- is searched with another model by now.
update retail.stores
set indexed_model = $2, indexed_dimensions = $3, indexed_products = $4
where store_id = $1 and embedding_model = $2 and embedding_dimensions = $3;

-- name: forget_index
-- $1 store id. Searches are exact from now on.
update retail.stores
set indexed_model = null, indexed_dimensions = null, indexed_products = null
where store_id = $1 and indexed_model is not null;

-- name: record_index
-- $1 what was done, $2 store id, $3 details as JSON.
select audit.record_operation($1, $2, $3::jsonb);

-- name: list_indexes
-- $1 vectors from which on an index is worth a thought. Stores with a vector index, or with so many vectors of their model, by id.
select
  s.store_id,
  s.embedding_model as model,
  coalesce(v.vectors, 0) as vectors,
  s.indexed_products,
  i.index_name,
  i.is_valid,
  i.size_bytes,
  coalesce(
    i.is_valid
      and i.index_name = retail.vector_index_name(s.index_key, s.embedding_model, s.embedding_dimensions)
      and (s.indexed_model, s.indexed_dimensions) = (s.embedding_model, s.embedding_dimensions),
    false
  ) as is_used
from retail.stores s
left join (
  select e.store_id, e.embedding_model, e.dimensions, count(*) as vectors
  from retail.product_embeddings e
  group by e.store_id, e.embedding_model, e.dimensions
) v on v.store_id = s.store_id and v.embedding_model = s.embedding_model and v.dimensions = s.embedding_dimensions
left join retail.vector_indexes i on i.index_key = s.index_key
where i.index_name is not null or v.vectors >= $1
order by s.store_id, i.index_name;
