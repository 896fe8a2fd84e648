-- name: store_model
-- The model that the store of the context is searched with; null before the first. One row.
select s.embedding_model, s.embedding_dimensions from retail.stores s;
