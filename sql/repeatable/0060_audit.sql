-- Audit: who changed which row, in the writer's own transaction.
--
-- Assumes: 0050. The log belongs to retail_audit; mcp_user can neither read nor write it, only cause
-- rows through the triggers. Personal values appear as keyed hashes, so that erasing a customer
-- needs no edit of the log.

-- The trigger function carries the lab's name, in the schema of the tables it watches.
grant create on schema retail to retail_audit;

set role retail_audit;

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

-- The canonical form of a row is its JSON object without the hash: keys in a fixed order, times in UTC. A
-- column that is added later is to be left out of it where it is null, so that older hashes stay right.
-- With the owner's rights, because whoever appends may not call anything here.
create or replace function audit.stamp() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set bytea_output = 'hex'
as $$
begin
  new.row_hash := sha256(convert_to((to_jsonb(new) - 'row_hash')::text, 'UTF8'));
  return new;
end
$$;
comment on function audit.stamp() is 'Gives an audit row its hash.';

create or replace trigger _050_stamp before insert on audit.row_change
for each row execute function audit.stamp();
create or replace trigger _100_append_only before update or delete on audit.row_change
for each row execute function audit.refuse();
create or replace trigger _100_no_truncate before truncate on audit.row_change
for each statement execute function audit.refuse();
create or replace trigger _050_stamp before insert on audit.operation
for each row execute function audit.stamp();
create or replace trigger _100_append_only before update or delete on audit.operation
for each row execute function audit.refuse();
create or replace trigger _100_no_truncate before truncate on audit.operation
for each statement execute function audit.refuse();

-- A row goes through the triggers of its partition. Those for each row come from the parent; that against
-- TRUNCATE does not.
create or replace function audit.add_partition(log text, month date) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  partition text := log || coalesce('_' || to_char(month, 'YYYY_MM'), '_rest');
begin
  if to_regclass('audit.' || partition) is not null then
    return false;
  end if;
  execute format('create table audit.%I (like audit.%I including defaults including constraints)', partition, log);
  execute format('comment on table audit.%I is %L', partition,
    coalesce('Part of audit.' || log || ': ' || to_char(month, 'YYYY-MM') || ' in UTC.',
      'Part of audit.' || log || ': months that have no part of their own.'));
  execute format('create trigger _100_no_truncate before truncate on audit.%I '
    'for each statement execute function audit.refuse()', partition);
  -- Attached when complete: creating it in place would stop every writer of the log meanwhile.
  if month is null then
    execute format('alter table audit.%I attach partition audit.%I default', log, partition);
  else
    execute format('alter table audit.%I attach partition audit.%I for values from (%L) to (%L)',
      log, partition, month::timestamptz, (month + interval '1 month')::timestamptz);
  end if;
  return true;
exception
  -- Rows of that month went to the rest before: there they stay, and so does the rest of the month.
  when check_violation then
    raise warning 'audit.%: % stays in the partition for the rest, which holds rows of it', log, to_char(month, 'YYYY-MM');
    return false;
end
$$;
comment on function audit.add_partition(text, date) is
  'Makes the partition of a log for the month that begins with a day, or without one that for all others; false where it is there.';

create or replace function audit.add_partitions() returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  first_month date := date_trunc('month', now() at time zone 'UTC');
  added integer := 0;
  log text;
begin
  -- Several servers may come to think of it at the same time.
  perform from audit.job j where j.job_name = 'partitions' for update;
  foreach log in array array['row_change', 'tool_call'] loop
    continue when to_regclass('audit.' || log) is null;
    for ahead in 0 .. 3 loop
      added := added + audit.add_partition(log, (first_month + make_interval(months => ahead))::date)::integer;
    end loop;
    added := added + audit.add_partition(log, null)::integer;
  end loop;
  return added;
end
$$;
comment on function audit.add_partitions() is
  'Makes what partitions are missing for this month and the next three, and tells how many those were.';

select audit.add_partitions();

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
  old_salt uuid := old_row ->> 'pseudonym_salt';
  new_salt uuid := new_row ->> 'pseudonym_salt';
  context text[];
  personal text;
begin
  -- Derived columns say nothing that their sources do not, and phone_key would bypass the hashes. A salt
  -- in the log would outlive its record.
  old_row := old_row - array['search_document', 'phone_key', 'pseudonym_salt'];
  new_row := new_row - array['search_document', 'phone_key', 'pseudonym_salt'];

  if tg_op = 'UPDATE' then
    select coalesce(jsonb_object_agg(n.key, n.value), '{}'::jsonb),
           coalesce(jsonb_object_agg(n.key, old_row -> n.key), '{}'::jsonb)
    into new_row, old_row
    from jsonb_each(new_row) n
    where n.value is distinct from old_row -> n.key;
  end if;

  for position in 1 .. tg_nargs - 1 loop
    personal := tg_argv[position];
    if nullif(old_row ->> personal, '{}') is not null then
      old_row := jsonb_set(old_row, array[personal],
        to_jsonb(guard.pseudonym(old_salt, record_id, personal, old_row ->> personal)));
    end if;
    if nullif(new_row ->> personal, '{}') is not null then
      new_row := jsonb_set(new_row, array[personal],
        to_jsonb(guard.pseudonym(new_salt, record_id, personal, new_row ->> personal)));
    end if;
  end loop;

  -- An operator's own session has no context, and no principal to name. Where there is none at all, none is
  -- asked for: catching the refusal would cost an import as much as all the rest of a row.
  if current_setting('retail.context', true) <> '' then
    begin
      context := guard.context();
    exception
      when insufficient_privilege then context := null;
    end;
  end if;

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
  'Writes one audit row per changed row; arguments: id column, then the columns that hold personal data, hashed with the row''s pseudonym_salt.';

reset role;

revoke create on schema retail from retail_audit;
revoke all on function
  audit.refuse(), audit.stamp(), audit.add_partition(text, date), audit.add_partitions(),
  audit.record_operation(text, text, jsonb), retail.audit_trigger()
from public;
grant execute on function retail.audit_trigger() to retail_owner;
grant execute on function audit.record_operation(text, text, jsonb) to retail_owner, retail_guard;

set role retail_owner;

create or replace trigger customers_audit_trigger
after insert or update or delete on retail.customers for each row
execute function retail.audit_trigger('customer_id', 'first_name', 'last_name', 'email', 'phone', 'date_of_birth', 'gender');

create or replace trigger products_audit_trigger
after insert or update or delete on retail.products for each row
execute function retail.audit_trigger('product_id');

-- Free text of the till, in which a customer may be named.
create or replace trigger sales_transactions_audit_trigger
after insert or update or delete on retail.sales_transactions for each row
execute function retail.audit_trigger('transaction_id', 'notes', 'return_reason', 'metadata');

create or replace trigger sales_transaction_items_audit_trigger
after insert or update or delete on retail.sales_transaction_items for each row
execute function retail.audit_trigger('item_id');

reset role;
