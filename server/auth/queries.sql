-- name: authenticate
-- $1 SHA-256 of the presented token (bytea). One row for a valid token, none otherwise.
select a.principal_id, a.subject, a.credential, a.expires_at, a.stores
from guard.authenticate($1::bytea) a;

-- name: authenticate_subject
-- $1 issuer and $2 subject of a token whose signature was verified. One row for who is known here, none otherwise.
select a.principal_id, a.subject, a.stores
from guard.authenticate_subject($1::text, $2::text) a;
