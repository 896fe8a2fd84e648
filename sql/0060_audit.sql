-- Audit: who changed which row, in the writer's own transaction.
--
-- Assumes: 0050. The log belongs to retail_audit; mcp_user can neither read nor write it, only cause
-- rows through the triggers. Personal values appear as keyed hashes, so that erasing a customer
-- needs no edit of the log.

-- The trigger function carries the lab's name, in the schema of the tables it watches.
grant create on schema retail to retail_audit;

set role retail_audit;

create table if not exists audit.row_change (
  change_id bigint generated always as identity primary key,
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
  constraint images_fit_action check (
    (old_values is null) = (action = 'INSERT') and (new_values is null) = (action = 'DELETE')
  )
);
comment on table audit.row_change is 'One row per inserted, updated or deleted row of an audited table.';
comment on column audit.row_change.old_values is 'Values before; of an update, the changed columns only. Personal values as keyed hashes.';
comment on column audit.row_change.new_values is 'Values after; of an update, the changed columns only. Personal values as keyed hashes.';
create index if not exists row_change_store_id_idx on audit.row_change (store_id, changed_at);
create index if not exists row_change_record_id_idx on audit.row_change (record_id);

create table if not exists audit.operation (
  operation_id bigint generated always as identity primary key,
  happened_at timestamptz not null default clock_timestamp(),
  action text not null,
  store_id text,
  db_user text not null default session_user,
  metadata jsonb not null default '{}'
);
comment on table audit.operation is 'What operators did beside single rows: maintenance, bulk loads, access changes.';

-- Binds retail_audit itself: only a superuser could take these triggers away.
create or replace function audit.refuse() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'the audit log is append-only' using errcode = '42501';
end
$$;
comment on function audit.refuse() is 'Refuses every change and removal of an audit row.';

create or replace trigger _100_append_only before update or delete on audit.row_change
for each row execute function audit.refuse();
create or replace trigger _100_no_truncate before truncate on audit.row_change
for each statement execute function audit.refuse();
create or replace trigger _100_append_only before update or delete on audit.operation
for each row execute function audit.refuse();
create or replace trigger _100_no_truncate before truncate on audit.operation
for each statement execute function audit.refuse();

create or replace function audit.record_operation(action text, store_id text, metadata jsonb) returns void
language sql volatile security definer
set search_path = pg_catalog, pg_temp
begin atomic
  insert into audit.operation (action, store_id, db_user, metadata)
  values ($1, $2, session_user, coalesce($3, '{}'::jsonb));
end;
comment on function audit.record_operation(text, text, jsonb) is 'Enters an operator''s action in the audit log.';

-- Arguments of the trigger: the column of the record id, then the personal columns.
create or replace function retail.audit_trigger() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  old_row jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
  new_row jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
  any_row jsonb := coalesce(new_row, old_row);
  record_id text := any_row ->> tg_argv[0];
  context text[];
  personal text;
begin
  -- Derived columns say nothing that their sources do not, and phone_key would bypass the hashes.
  old_row := old_row - array['search_document', 'phone_key'];
  new_row := new_row - array['search_document', 'phone_key'];

  if tg_op = 'UPDATE' then
    select coalesce(jsonb_object_agg(n.key, n.value), '{}'::jsonb),
           coalesce(jsonb_object_agg(n.key, old_row -> n.key), '{}'::jsonb)
    into new_row, old_row
    from jsonb_each(new_row) n
    where n.value is distinct from old_row -> n.key;
  end if;

  for position in 1 .. tg_nargs - 1 loop
    personal := tg_argv[position];
    if old_row ->> personal is not null then
      old_row := jsonb_set(old_row, array[personal],
        to_jsonb(guard.pseudonym(record_id, personal, old_row ->> personal)));
    end if;
    if new_row ->> personal is not null then
      new_row := jsonb_set(new_row, array[personal],
        to_jsonb(guard.pseudonym(record_id, personal, new_row ->> personal)));
    end if;
  end loop;

  begin
    context := guard.context();
  exception
    -- An operator's own session has no context, and no principal to name.
    when insufficient_privilege then context := null;
  end;

  insert into audit.row_change
    (table_name, action, store_id, record_id, principal_id, subject, role, db_user, old_values, new_values)
  values (
    tg_table_name, tg_op, any_row ->> 'store_id', record_id::uuid,
    context[5]::integer, guard.subject(context[5]::integer), context[6], session_user, old_row, new_row
  );
  return null;
end
$$;
comment on function retail.audit_trigger() is
  'Writes one audit row per changed row; arguments: id column, then the columns that hold personal data.';

-- The lab's audit_log, as auditors read it.
create or replace view retail.audit_log with (security_barrier = true) as
select
  'row-' || c.change_id as log_id,
  c.table_name,
  c.action,
  coalesce(c.subject, c.db_user) as user_name,
  c.store_id,
  c.record_id,
  c.old_values,
  c.new_values,
  jsonb_build_object('principal_id', c.principal_id, 'role', c.role, 'db_user', c.db_user,
    'transaction', c.transaction_xid) as metadata,
  c.changed_at as created_at
from audit.row_change c
union all
select
  'operation-' || o.operation_id,
  null,
  o.action,
  o.db_user,
  o.store_id,
  null,
  null,
  null,
  o.metadata,
  o.happened_at
from audit.operation o;
comment on view retail.audit_log is 'The audit log under the lab''s name and columns, for auditors.';

reset role;

revoke create on schema retail from retail_audit;
revoke all on function audit.refuse(), audit.record_operation(text, text, jsonb), retail.audit_trigger() from public;
grant execute on function retail.audit_trigger() to retail_owner;
grant execute on function audit.record_operation(text, text, jsonb) to retail_owner, retail_guard;

set role retail_owner;

create or replace trigger customers_audit_trigger
after insert or update or delete on retail.customers for each row
execute function retail.audit_trigger('customer_id', 'first_name', 'last_name', 'email', 'phone', 'date_of_birth', 'gender');

create or replace trigger products_audit_trigger
after insert or update or delete on retail.products for each row
execute function retail.audit_trigger('product_id');

-- Notes are free text in which a cashier may have named a customer.
create or replace trigger sales_transactions_audit_trigger
after insert or update or delete on retail.sales_transactions for each row
execute function retail.audit_trigger('transaction_id', 'notes');

create or replace trigger sales_transaction_items_audit_trigger
after insert or update or delete on retail.sales_transaction_items for each row
execute function retail.audit_trigger('item_id');

reset role;
