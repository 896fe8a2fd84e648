-- name: ensure_principal
-- $1 subject. The update locks the row, which makes two issuers for one subject take turns.
insert into guard.principal (subject) values ($1)
on conflict (subject) do update set subject = excluded.subject
returning principal_id, is_active;

-- name: open_stores
-- All stores that can be entered.
select store_id from guard.tenant where is_active order by store_id;

-- name: roles_of
-- $1 principal id. Its role per store.
select store_id, role from guard.store_access where principal_id = $1 and valid_until > now();

-- name: grant_role
-- $1 principal id, $2 store id, $3 role.
insert into guard.store_access (principal_id, store_id, role) values ($1, $2, $3)
on conflict (principal_id, store_id) do update set role = excluded.role, granted_at = now(), valid_until = 'infinity';

-- name: add_token
-- $1 SHA-256 of the token, $2 principal id, $3 expiry, $4 note.
insert into guard.api_token (token_sha256, principal_id, expires_at, note) values ($1, $2, $3, $4)
returning token_id;

-- name: list_tokens
-- Every token with its subject and access, oldest first.
select
  k.token_id, p.subject, k.note, k.created_at, k.expires_at, k.revoked_at,
  coalesce(array_agg(a.store_id || ' ' || a.role order by a.store_id) filter (where a.store_id is not null), '{}')
    as access
from guard.api_token k
join guard.principal p using (principal_id)
left join guard.store_access a on a.principal_id = p.principal_id and a.valid_until > now()
group by k.token_id, p.subject
order by k.token_id;

-- name: stores_of_token
-- $1 token id. Stores that it opens.
select a.store_id
from guard.api_token k
join guard.store_access a using (principal_id)
where k.token_id = $1 and a.valid_until > now()
order by a.store_id;

-- name: stores_of_subject
-- $1 subject. Stores that it may enter.
select a.store_id
from guard.principal p
join guard.store_access a using (principal_id)
where p.subject = $1 and a.valid_until > now()
order by a.store_id;

-- name: revoke_token
-- $1 token id. Changes one row, or none when it is unknown or revoked.
update guard.api_token set revoked_at = now() where token_id = $1 and revoked_at is null;

-- name: revoke_subject
-- $1 subject. Changes one row per token.
update guard.api_token k set revoked_at = now()
from guard.principal p
where p.principal_id = k.principal_id and p.subject = $1 and k.revoked_at is null;

-- name: record_access_change
-- $1 what was done, $2 stores that it concerns, $3 details (jsonb as text). An entry for each store, or one without.
select audit.record_operation($1, store_id, $3::jsonb)
from unnest(case when $2::text[] = '{}' then array[null] else $2::text[] end) store_id;
