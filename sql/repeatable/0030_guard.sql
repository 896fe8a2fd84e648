-- Identity and the verified store context: the one door to every tenant row.
--
-- Before the triggers and policies of the tables, because these call guard.register_tenant() and guard.store().
--
-- How a request reaches a store:
--   1. The server signs a request token 'T|kid|expires|principal|store|credential' with HMAC-SHA256; a seventh field
--      'masked' says that the caller's own token leaves personal data out, whatever its role.
--   2. retail.set_store_context(token) checks signature, expiry, principal, access and credential, and leaves a
--      second signed value 'C|kid|transaction start|backend pid|principal|role|store' (and 'masked') in the
--      transaction-local setting retail.context.
--   3. Each policy compares store_id with guard.store(), which verifies that second value again.
-- Only this schema's owner can read the key, so SQL run by mcp_user can overwrite the setting but
-- never make one that verifies; a copied or left-over one belongs to another backend or transaction.
-- Reading any row without a valid context raises 42501 instead of looking like an empty store.

-- set_store_context carries the lab's name, in the schema of the tables it opens.
grant create on schema retail to retail_guard;

set role retail_guard;

-- The one place that computes a signature. Granted to nobody: the functions that sign and verify run as its owner. It
-- sets no search_path, so that the planner puts its body in the place of the call; a body of this form has its names
-- resolved when it is made.
create or replace function guard.hmac(inner_pad bytea, outer_pad bytea, message text) returns text
language sql stable parallel safe
return encode(sha256(outer_pad || sha256(inner_pad || convert_to(message, 'UTF8'))), 'hex');
comment on function guard.hmac(bytea, bytea, text) is
  'HMAC-SHA256 of a text in hex, with the padded keys of guard.context_key.';

-- Read the verified context, or raise. Split fields:
-- 1 'C', 2 kid, 3 transaction start, 4 backend pid, 5 principal, 6 role, 7 store, 8 'masked' or absent.
create or replace function guard.context() returns text[]
language plpgsql stable parallel restricted security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  signed text := current_setting('retail.context', true);
  payload text := substr(signed, 65);
  field text[] := string_to_array(payload, '|');
  key guard.context_key;
begin
  select * into key from guard.context_key k where k.kid = field[2] and k.not_after > now();
  if key.kid is not null
    and field[1] = 'C'
    and guard.hmac(key.inner_pad, key.outer_pad, payload) = left(signed, 64)
    and field[3] = date_part('epoch', transaction_timestamp())::text
    and field[4] = pg_backend_pid()::text
  then
    return field;
  end if;
  raise exception 'no store context' using errcode = '42501',
    hint = 'Call retail.set_store_context(token) first, in this transaction.';
end
$$;
comment on function guard.context() is 'Fields of the verified store context; raises 42501 without one.';

create or replace function guard.store() returns text
language plpgsql stable parallel restricted security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return (guard.context())[7];
end
$$;
comment on function guard.store() is 'Store of the verified context; what every policy compares with.';

create or replace function guard.role() returns text
language plpgsql stable parallel restricted security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return (guard.context())[6];
end
$$;
comment on function guard.role() is 'Role of the verified context: manager, analyst, support or auditor.';

create or replace function guard.viewer() returns text
language plpgsql stable parallel restricted security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  field text[] := guard.context();
begin
  return coalesce(field[8], field[6]);
end
$$;
comment on function guard.viewer() is
  'As what the caller sees personal data: its role, or masked where its own token leaves such data out.';

-- One message for every refusal: which check failed is nobody's business.
create or replace function retail.set_store_context(
  token text,
  out store_id text, out role text, out store_name text, out currency text, out time_zone text, out today date
)
language plpgsql volatile strict security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  payload text := substr(token, 65);
  field text[] := string_to_array(payload, '|');
  key guard.context_key;
  granted_to integer;
  context text;
begin
  select * into key from guard.context_key k where k.kid = field[2] and k.not_after > now();
  -- The casts come after the signature: a signed payload is one that our server wrote.
  if key.kid is not null
    and field[1] = 'T'
    and (array_length(field, 1) = 6 or array_length(field, 1) = 7 and field[7] = 'masked')
    and guard.hmac(key.inner_pad, key.outer_pad, payload) = left(token, 64)
  then
    select p.principal_id, a.role, t.store_id, t.store_name, t.currency, t.time_zone,
      (now() at time zone t.time_zone)::date
    into granted_to, role, store_id, store_name, currency, time_zone, today
    from guard.store_access a
    join guard.principal p using (principal_id)
    join guard.tenant t using (store_id)
    where a.principal_id = field[4]::integer
      and a.store_id = field[5]
      and field[3]::float8 >= date_part('epoch', clock_timestamp())
      and a.valid_until > now()
      and p.is_active
      and t.is_active
      -- The token that the caller presented, so that its revocation ends calls already under way; 0 for an
      -- identity that an identity provider vouches for.
      and (field[6] = '0' or exists (
        select from guard.api_token k
        where k.token_id = field[6]::integer
          and k.principal_id = a.principal_id
          and k.revoked_at is null
          and k.expires_at > now()
      ));
  end if;
  if granted_to is null then
    raise exception 'store context refused' using errcode = '42501';
  end if;

  context := concat_ws('|', 'C', key.kid, date_part('epoch', transaction_timestamp())::text,
    pg_backend_pid()::text, granted_to::text, role, store_id, field[7]);
  perform set_config(
    'retail.context',
    guard.hmac(key.inner_pad, key.outer_pad, context) || context,
    true
  );
end
$$;
comment on function retail.set_store_context(text) is
  'Enter one store for the rest of this transaction; raises 42501 unless the signed token allows it.';

-- For the two below; granted to nobody.
create or replace function guard.stores_of(of_principal integer) returns jsonb
language sql stable strict
set search_path = pg_catalog, pg_temp
begin atomic
  select coalesce(
    jsonb_agg(
      jsonb_build_object('store_id', a.store_id, 'store_name', t.store_name, 'role', a.role) order by a.store_id
    ),
    '[]'::jsonb
  )
  from guard.store_access a
  join guard.tenant t on t.store_id = a.store_id and t.is_active
  where a.principal_id = of_principal and a.valid_until > now();
end;
comment on function guard.stores_of(integer) is 'Open stores that a principal may enter, and as what.';

-- Without the 256-bit token nothing comes back, so the caller cannot list principals with this.
create or replace function guard.authenticate(presented_sha256 bytea)
returns table (principal_id integer, subject text, credential integer, expires_at timestamptz, stores jsonb)
language sql stable strict security definer
set search_path = pg_catalog, pg_temp
begin atomic
  select
    p.principal_id,
    p.subject,
    k.token_id,
    k.expires_at,
    guard.stores_of(p.principal_id)
  from guard.api_token k
  join guard.principal p on p.principal_id = k.principal_id
  where k.token_sha256 = presented_sha256
    and k.revoked_at is null
    and k.expires_at > now()
    and p.is_active;
end;
comment on function guard.authenticate(bytea) is 'Principal and stores behind the SHA-256 of a bearer token; no row when it is not valid.';

-- The server has verified the identity provider's signature; the provider's subjects are no secret, but this
-- answers only for one that is named in full.
create or replace function guard.authenticate_subject(presented_issuer text, presented_subject text)
returns table (principal_id integer, subject text, stores jsonb)
language sql stable strict security definer
set search_path = pg_catalog, pg_temp
begin atomic
  select
    p.principal_id,
    p.subject,
    guard.stores_of(p.principal_id)
  from guard.external_identity e
  join guard.principal p on p.principal_id = e.principal_id
  where e.issuer = presented_issuer
    and e.external_subject = presented_subject
    and p.is_active;
end;
comment on function guard.authenticate_subject(text, text) is
  'Principal and stores of a subject that an identity provider vouches for; no row for one that is unknown here.';

-- Lets the server notice at start-up that its key is not this database's. Key ids are no secret.
create or replace function guard.knows_key(wanted_kid text) returns boolean
language sql stable strict security definer
set search_path = pg_catalog, pg_temp
begin atomic
  select exists (select from guard.context_key k where k.kid = wanted_kid and k.not_after > now());
end;
comment on function guard.knows_key(text) is 'Whether contexts signed with this key id verify here.';

-- Personal data in the audit log: the same value of the same record gives the same pseudonym, equal
-- values of two customers do not, and nobody without the key can try values out. The salt belongs to
-- the record: once it is replaced, not even the key helps to confirm a guess about older entries.
-- Without a salt there is no pseudonym, and so no audit row and no change: see images_fit_action.
create or replace function guard.pseudonym(salt uuid, record_id text, field text, value text) returns text
language sql stable strict security definer
set search_path = pg_catalog, pg_temp
begin atomic
  select 'keyed:' || left(encode(sha256(k.secret || sha256(k.secret
    || convert_to(concat_ws('|', salt, record_id, field, value), 'UTF8'))), 'hex'), 32)
  from guard.pseudonym_key k;
end;
comment on function guard.pseudonym(uuid, text, text, text) is 'Keyed hash that stands for a personal value in the audit log.';

create or replace function guard.subject(of_principal integer) returns text
language sql stable strict security definer
set search_path = pg_catalog, pg_temp
begin atomic
  select p.subject from guard.principal p where p.principal_id = of_principal;
end;
comment on function guard.subject(integer) is 'Stable name of a principal, for the audit log.';

-- Called by the trigger on retail.stores.
create or replace function guard.register_tenant() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'DELETE' then
    delete from guard.tenant t where t.store_id = old.store_id;
  else
    insert into guard.tenant (store_id, store_name, currency, time_zone, is_active)
    values (new.store_id, new.store_name, new.currency, new.time_zone, new.is_active)
    on conflict (store_id) do update
    set store_name = excluded.store_name,
        currency = excluded.currency,
        time_zone = excluded.time_zone,
        is_active = excluded.is_active;
  end if;
  return null;
end
$$;
comment on function guard.register_tenant() is 'Keeps guard.tenant in step with retail.stores.';

-- Servers remember for a few seconds who a token belongs to; this tells them to forget it.
create or replace function guard.announce_change() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_notify('retail_identity', '');
  return null;
end
$$;
comment on function guard.announce_change() is 'Tells listening servers that identities, access or keys have changed.';

create or replace trigger _500_announce after insert or update or delete or truncate on guard.principal
for each statement execute function guard.announce_change();
create or replace trigger _500_announce after insert or update or delete or truncate on guard.store_access
for each statement execute function guard.announce_change();
create or replace trigger _500_announce after insert or update or delete or truncate on guard.external_identity
for each statement execute function guard.announce_change();
create or replace trigger _500_announce after update or delete or truncate on guard.api_token
for each statement execute function guard.announce_change();
create or replace trigger _500_announce after insert or update or delete or truncate on guard.tenant
for each statement execute function guard.announce_change();
create or replace trigger _500_announce after insert or update or delete or truncate on guard.context_key
for each statement execute function guard.announce_change();

reset role;

revoke create on schema retail from retail_guard;
revoke all on all functions in schema guard from public;
grant execute on function guard.store(), guard.context(), guard.role(), guard.viewer() to mcp_user, retail_owner, retail_audit;
grant execute on function guard.knows_key(text) to mcp_user;
grant execute on function guard.authenticate(bytea), guard.authenticate_subject(text, text) to mcp_auth;
grant execute on function guard.pseudonym(uuid, text, text, text), guard.subject(integer) to retail_audit;
grant execute on function guard.register_tenant() to retail_owner;

revoke all on function retail.set_store_context(text) from public;
grant execute on function retail.set_store_context(text) to mcp_user, retail_owner;
