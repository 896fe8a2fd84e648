-- name: store_status
-- Every store with what it holds and how far its embeddings are, by store.
-- $1 model and $2 dimensions (int) that a store without a model of its own is searched with. For an operator whom no
-- policy holds: it looks into every store.
select
  s.store_id,
  s.is_active,
  (select count(*) from retail.customers c where c.store_id = s.store_id) as customers,
  vectors.products,
  vectors.missing,
  vectors.outdated,
  coalesce(s.embedding_model, $1::text) as model,
  (select count(*) from retail.sales_transactions t where t.store_id = s.store_id) as receipts,
  (select max(t.transaction_date) from retail.sales_transactions t where t.store_id = s.store_id) as last_receipt
from retail.stores s
cross join lateral (
  select
    count(*) as products,
    count(*) filter (where e.content_hash is null) as missing,
    count(*) filter (where e.content_hash <> retail.content_hash(
      retail.embedding_text(p.product_name, c.category_name, p.brand, p.product_description, p.tags))) as outdated
  from retail.products p
  left join retail.product_categories c on c.category_id = p.category_id
  left join retail.product_embeddings e
    on e.store_id = p.store_id and e.product_id = p.product_id
      and e.embedding_model = coalesce(s.embedding_model, $1)
      and e.dimensions = coalesce(s.embedding_dimensions, $2::int)
  where p.store_id = s.store_id and p.is_active
) vectors
order by s.store_id;

-- name: database_status
-- The database as a whole: its size in bytes, its newest schema file, when the audit log was last sealed.
select
  pg_database_size(current_database()) as bytes,
  (select max(a.file_name) from migrations.applied a where a.file_name like 'versioned/%') as newest_file,
  (select max(s.sealed_at) from audit.seal s) as sealed_at;
