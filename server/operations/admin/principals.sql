-- name: add_principal
-- $1 subject. An inactive one becomes active again; the update also makes two operators take turns.
insert into guard.principal (subject) values ($1)
on conflict (subject) do update set is_active = true
returning principal_id;

-- name: lock_principal
-- $1 subject. At most one row, which nobody else changes until this transaction ends.
select principal_id, is_active from guard.principal where subject = $1 for update;

-- name: add_external_identity
-- $1 issuer, $2 its subject, $3 principal id. Does nothing when the pair is somebody's already.
insert into guard.external_identity (issuer, external_subject, principal_id) values ($1, $2, $3)
on conflict (issuer, external_subject) do nothing;

-- name: owner_of_external_identity
-- $1 issuer, $2 its subject. Whose it is.
select p.principal_id, p.subject
from guard.external_identity e
join guard.principal p using (principal_id)
where e.issuer = $1 and e.external_subject = $2;

-- name: is_open_store
-- $1 store id.
select exists (select from guard.tenant where store_id = $1 and is_active);

-- name: held_role
-- $1 principal id, $2 store id. The role that it has there now, if any.
select role from guard.store_access where principal_id = $1 and store_id = $2 and valid_until > now();

-- name: grant_store
-- $1 principal id, $2 store id, $3 role, $4 end (timestamptz; null for none).
insert into guard.store_access (principal_id, store_id, role, valid_until)
values ($1, $2, $3, coalesce($4, 'infinity'::timestamptz))
on conflict (principal_id, store_id) do update
set role = excluded.role, granted_at = now(), valid_until = excluded.valid_until;

-- name: withdraw_store
-- $1 principal id, $2 store id. Changes one row, or none when there is no access to end.
update guard.store_access set valid_until = now()
where principal_id = $1 and store_id = $2 and valid_until > now();

-- name: withdraw_all_stores
-- $1 principal id. The stores that it could enter until now.
update guard.store_access set valid_until = now() where principal_id = $1 and valid_until > now() returning store_id;

-- name: revoke_all_tokens
-- $1 principal id.
update guard.api_token set revoked_at = now() where principal_id = $1 and revoked_at is null;

-- name: forget_external_identities
-- $1 principal id.
delete from guard.external_identity where principal_id = $1;

-- name: deactivate
-- $1 principal id.
update guard.principal set is_active = false where principal_id = $1;

-- name: list_principals
-- Every principal with what it may enter, who it is elsewhere, and how many valid tokens it has.
select
  p.subject,
  p.is_active,
  array(
    select a.store_id || ' ' || a.role
      || case
        when isfinite(a.valid_until)
        -- The last day, which an end at midnight is not part of.
        then ' until ' || to_char((a.valid_until - interval '1 microsecond') at time zone 'UTC', 'YYYY-MM-DD')
        else ''
      end
    from guard.store_access a
    where a.principal_id = p.principal_id and a.valid_until > now()
    order by a.store_id
  ) as access,
  array(
    select e.external_subject || ' of ' || e.issuer
    from guard.external_identity e
    where e.principal_id = p.principal_id
    order by e.issuer, e.external_subject
  ) as identities,
  (
    select count(*)
    from guard.api_token k
    where k.principal_id = p.principal_id and k.revoked_at is null and k.expires_at > now()
  )::integer as tokens
from guard.principal p
order by p.subject;

-- name: record_principal_operation
-- $1 what was done, $2 store id or null, $3 details (jsonb as text).
select audit.record_operation($1, $2, $3::jsonb);
