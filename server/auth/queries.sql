-- name: authenticate
-- $1 SHA-256 of the presented token (bytea). One row for a valid token, none otherwise.
select a.principal_id, a.subject, a.credential, a.expires_at, a.stores
from guard.authenticate($1::bytea) a;
