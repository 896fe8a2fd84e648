-- name: stores_to_embed
-- Open stores by id.
select store_id from guard.stores_to_embed() store_id;

-- name: enter_to_embed
-- $1 store id. Enters it for the rest of the transaction; 42501 when there is none, 55000 without a signing key.
select guard.enter_to_embed($1);

-- name: products_to_embed
-- $1 model, $2 dimensions, $3 last product seen or null (uuid), $4 most rows. In the order of ids.
select product_id, embedding_text, content_hash from retail.products_to_embed($1, $2, $3, $4);

-- name: save_embeddings
-- $1 model, $2 dimensions, $3 product ids, $4 hashes, $5 vectors. How many products were still as they were read.
select retail.save_embeddings($1, $2, $3, $4, $5);

-- name: drop_embeddings
-- $1 model. How many vectors of discontinued products went.
select retail.drop_embeddings($1);

-- name: drop_other_embeddings
-- How many vectors of models that are not in use went.
select retail.drop_other_embeddings();

-- name: embedding_state
-- $1 model, $2 dimensions.
select products, missing, outdated from retail.embedding_state($1, $2);

-- name: embedding_in_use
-- The model in use; null before the first.
select model, dimensions from retail.embedding_in_use();

-- name: use_embeddings
-- $1 model, $2 dimensions. Whether the store changed over to them.
select retail.use_embeddings($1, $2);

-- name: lock_store
-- $1 store id, $2 model. Whether this connection may embed them; nobody else does until it closes or lets go.
select pg_try_advisory_lock(hashtext('retail-mcp embed ' || $2), hashtext($1));

-- name: release_lock
-- $1 store id, $2 model.
select pg_advisory_unlock(hashtext('retail-mcp embed ' || $2), hashtext($1));

-- name: bypasses_policies
-- Whether this login would not be held by them anyway.
select rolsuper or rolbypassrls from pg_catalog.pg_roles where rolname = current_user;

-- name: backend
-- Process of the session that answers. One value.
select pg_backend_pid();
