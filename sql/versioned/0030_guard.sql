-- Tables of the identity layer: keys, stores, principals, access, tokens.
--
-- Assumes: 0020. What reads them, and how a request reaches a store, is in repeatable/0030.

set role retail_guard;

create table if not exists guard.context_key (
  kid text primary key check (kid ~ '^[0-9a-f]{16}$'),
  -- The two padded keys of RFC 2104, kept ready because the core has sha256() but no hmac().
  inner_pad bytea not null check (octet_length(inner_pad) = 64),
  outer_pad bytea not null check (octet_length(outer_pad) = 64),
  created_at timestamptz not null default now(),
  not_after timestamptz not null default 'infinity'
);
comment on table guard.context_key is 'Keys that sign the store context, by key id.';

-- A copy of what the identity layer must know of a store. retail.stores is itself under row level
-- security, which only a context opens; a trigger there keeps this table in step.
create table if not exists guard.tenant (
  store_id text primary key,
  store_name text not null,
  currency text not null,
  time_zone text not null,
  is_active boolean not null
);
comment on table guard.tenant is 'Stores as the identity layer sees them, kept in step by a trigger.';

create table if not exists guard.principal (
  principal_id integer generated always as identity primary key,
  subject text not null unique check (length(subject) between 1 and 200),
  is_active boolean not null default true,
  created_at timestamptz not null default now()
);
comment on table guard.principal is 'People and programs that may ask; a subject is their stable name.';

create table if not exists guard.store_access (
  principal_id integer not null references guard.principal on delete cascade,
  store_id text not null references guard.tenant on delete cascade,
  role text not null check (role in ('manager', 'analyst', 'support', 'auditor')),
  granted_at timestamptz not null default now(),
  valid_until timestamptz not null default 'infinity',
  primary key (principal_id, store_id)
);
create index if not exists store_access_store_id_idx on guard.store_access (store_id);
comment on table guard.store_access is 'One role per principal and store.';

create table if not exists guard.api_token (
  token_id integer generated always as identity primary key,
  -- The token itself is shown once and kept nowhere.
  token_sha256 bytea not null unique check (octet_length(token_sha256) = 32),
  principal_id integer not null references guard.principal on delete cascade,
  note text,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  revoked_at timestamptz
);
create index if not exists api_token_principal_id_idx on guard.api_token (principal_id);
comment on table guard.api_token is 'Opaque bearer tokens by hash, with expiry and revocation.';

create table if not exists guard.external_identity (
  issuer text not null check (length(issuer) between 1 and 500),
  external_subject text not null check (length(external_subject) between 1 and 500),
  principal_id integer not null references guard.principal on delete cascade,
  created_at timestamptz not null default now(),
  -- Compared byte by byte, as OpenID Connect compares them.
  primary key (issuer, external_subject)
);
create index if not exists external_identity_principal_id_idx on guard.external_identity (principal_id);
comment on table guard.external_identity is 'Who a subject of an identity provider is here; a subject without a row is nobody.';

-- Keys of the pseudonyms that stand for personal data in the audit log.
create table if not exists guard.pseudonym_key (
  only_row boolean primary key default true check (only_row),
  secret bytea not null check (octet_length(secret) >= 32)
);
comment on table guard.pseudonym_key is 'Secret of the keyed hashes that replace personal data in the audit log.';
insert into guard.pseudonym_key (secret)
select uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
on conflict do nothing;

reset role;
