-- Tables of the audit log of changed rows and of operators.
--
-- Assumes: 0020. What writes and guards them is in repeatable/0060.

set role retail_audit;

-- Both big logs are cut by month in UTC, so that an old month can be dropped whole (0062). Ids are given by
-- the database; a partitioned table's key has to hold the column that it is cut by.
create table if not exists audit.row_change (
  change_id bigint generated always as identity,
  -- What an auditor of one store is shown: the number above would tell how much the other stores changed.
  entry_id uuid not null default gen_random_uuid(),
  changed_at timestamptz not null default clock_timestamp(),
  transaction_xid xid8 not null default pg_current_xact_id(),
  table_name text not null,
  action text not null check (action in ('INSERT', 'UPDATE', 'DELETE')),
  store_id text not null,
  record_id uuid not null,
  -- Null for a change made by an operator outside any store context.
  principal_id integer,
  subject text,
  role text,
  db_user text not null,
  old_values jsonb,
  new_values jsonb,
  row_hash bytea not null,
  -- Begins with the order in which rows are sealed (0062).
  primary key (transaction_xid, change_id, changed_at),
  constraint images_fit_action check (
    (old_values is null) = (action = 'INSERT') and (new_values is null) = (action = 'DELETE')
  )
) partition by range (changed_at);
comment on table audit.row_change is 'One row per inserted, updated or deleted row of an audited table.';
comment on column audit.row_change.old_values is 'Values before; of an update, the changed columns only. Personal values as keyed hashes.';
comment on column audit.row_change.new_values is 'Values after; of an update, the changed columns only. Personal values as keyed hashes.';
comment on column audit.row_change.row_hash is 'SHA-256 over all other columns, see audit.stamp().';
create index if not exists row_change_store_id_idx on audit.row_change (store_id, changed_at, entry_id);
create index if not exists row_change_record_id_idx on audit.row_change (record_id);

-- Few rows, which say among other things what was dropped of the other logs: kept for good, in one piece.
create table if not exists audit.operation (
  operation_id bigint generated always as identity primary key,
  entry_id uuid not null default gen_random_uuid(),
  happened_at timestamptz not null default clock_timestamp(),
  transaction_xid xid8 not null default pg_current_xact_id(),
  action text not null,
  store_id text,
  db_user text not null default session_user,
  metadata jsonb not null default '{}',
  row_hash bytea not null
);
comment on table audit.operation is 'What operators did beside single rows: maintenance, bulk loads, access changes.';
comment on column audit.operation.row_hash is 'SHA-256 over all other columns, see audit.stamp().';
create index if not exists operation_transaction_xid_idx on audit.operation (transaction_xid, operation_id);

-- A table and not advisory locks, which are open to every login: SQL run as mcp_user could keep the log unsealed.
create table if not exists audit.job (
  job_name text primary key
);
comment on table audit.job is 'Jobs on the log that one session does at a time: whoever has locked the row.';
insert into audit.job (job_name) values ('partitions'), ('seal') on conflict do nothing;

reset role;
