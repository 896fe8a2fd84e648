-- name: still_valid
-- $1 SHA-256 of tokens (bytea[]), $2 moment. How many of them are valid until then at least.
select count(*) from guard.api_token
where token_sha256 = any($1::bytea[]) and revoked_at is null and expires_at > $2;

-- name: has_stores
-- Whether anything was ever put in.
select exists (select from retail.stores);

-- name: open_stores
-- Stores that tokens can be issued for.
select store_id from guard.tenant where is_active;
