-- Tables of the audit log of tool calls and of the seals.
--
-- Assumes: 0060. What guards, seals and shortens them is in repeatable/0062.

set role retail_audit;

create table if not exists audit.tool_call (
  call_number bigint generated always as identity,
  recorded_at timestamptz not null default clock_timestamp(),
  transaction_xid xid8 not null default pg_current_xact_id(),
  db_user text not null default session_user,
  call_id uuid not null,
  called_at timestamptz not null,
  -- Null where nobody was known, or no store was entered.
  principal_id integer,
  subject text,
  role text,
  store_id text,
  tool text not null,
  arguments jsonb not null,
  row_count integer,
  duration_ms integer not null,
  outcome text not null check (outcome in ('ok', 'refused', 'failed', 'cancelled')),
  error_code text,
  transport text,
  -- Null instead of empty, so that the index below holds only calls that showed somebody.
  customers uuid[] check (customers <> '{}'),
  row_hash bytea not null,
  primary key (transaction_xid, call_number, recorded_at),
  constraint success_has_no_code check ((outcome = 'ok') = (error_code is null))
) partition by range (recorded_at);
comment on table audit.tool_call is 'One row per tool call, whatever became of it.';
comment on column audit.tool_call.recorded_at is 'When the row was written: within two seconds of the end of the call.';
comment on column audit.tool_call.call_id is 'Number of the call in the server''s log; its first eight digits are the reference that a caller is told.';
comment on column audit.tool_call.arguments is 'What was asked for, without any text that a person wrote.';
comment on column audit.tool_call.customers is 'Customers of whom the answer held something.';
comment on column audit.tool_call.row_hash is 'SHA-256 over all other columns, see audit.stamp().';
create index if not exists tool_call_store_id_idx on audit.tool_call (store_id, recorded_at, call_id);
create index if not exists tool_call_customers_idx on audit.tool_call using gin (customers) where customers is not null;

-- A seal fixes what a stretch of a log was: the hash of its rows, chained to the seal before.
create table if not exists audit.seal (
  seal_id bigint primary key,
  sealed_at timestamptz not null default clock_timestamp(),
  log text not null check (log in ('row_change', 'tool_call', 'operation')),
  -- In UTC; rows of two months are never under one seal, so that a month can be dropped.
  month date not null,
  ids int8multirange not null,
  row_count integer not null,
  -- SHA-256 over the rows' hashes in the order of their ids, and the first four bytes of each: these name
  -- the row that was changed together with its own hash.
  rows_digest bytea not null,
  fingerprints bytea not null,
  -- Where the log is sealed to: every row that comes before, in this order, is under some seal.
  to_xid xid8 not null,
  to_id bigint not null,
  -- Transaction numbers mean something in the cluster that gave them, and nothing after a dump was restored.
  cluster bigint not null,
  previous_hash bytea not null,
  row_hash bytea not null
);
-- Hashes do not compress.
alter table audit.seal alter column fingerprints set storage external;
comment on table audit.seal is 'Seals over stretches of the logs, each chained to the one before; kept when what they cover is dropped.';
comment on column audit.seal.row_hash is 'SHA-256 over all other columns, see audit.stamp(): the digest of the log up to here.';
create index if not exists seal_log_idx on audit.seal (log, seal_id);

reset role;
