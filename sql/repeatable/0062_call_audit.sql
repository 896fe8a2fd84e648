-- Audit: who asked what, the seals over both logs, and how they are read and shortened.
--
-- Assumes: 0060. The server appends tool calls as mcp_audit, which may insert the columns that are its to
-- say and read nothing. Time, id, transaction, login and hash of an entry are the database's.

-- What auditors read carries the lab's name or is called by tools: both in the schema that they see.
grant create on schema retail to retail_audit;

set role retail_audit;

create or replace trigger _050_stamp before insert on audit.tool_call
for each row execute function audit.stamp();
create or replace trigger _100_append_only before update or delete on audit.tool_call
for each row execute function audit.refuse();
create or replace trigger _100_no_truncate before truncate on audit.tool_call
for each statement execute function audit.refuse();

select audit.add_partitions();
create or replace trigger _050_stamp before insert on audit.seal
for each row execute function audit.stamp();
create or replace trigger _100_append_only before update or delete on audit.seal
for each row execute function audit.refuse();
create or replace trigger _100_no_truncate before truncate on audit.seal
for each statement execute function audit.refuse();

-- Which rows are ready to be sealed? A row becomes visible when its transaction commits, which may be long
-- after its id and time were taken: whoever seals "all rows up to now" by id or time passes rows by that
-- come to light later, and nothing would ever tell them from rows that were slipped in. Therefore rows are
-- taken in the order of their transaction's number, and only those below the oldest transaction that still
-- runs (pg_snapshot_xmin): what began earlier has all ended, so this part of the log can grow no more. A
-- long transaction delays seals; it never escapes them.
create or replace function audit.seal_entries(most integer) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  logs constant text[] := array['row_change', 'tool_call', 'operation'];
  id_columns constant text[] := array['change_id', 'call_number', 'operation_id'];
  time_columns constant text[] := array['changed_at', 'recorded_at', 'happened_at'];
  horizon xid8;
  here bigint;
  elsewhere int8multirange;
  last audit.seal;
  reached audit.seal;
  part record;
  log text;
  sealed integer := 0;
begin
  -- One at a time, or two seals would follow the same one. Each statement below sees what is committed by then.
  perform from audit.job j where j.job_name = 'seal' for update skip locked;
  if not found then
    return null;
  end if;
  begin
    select system_identifier into here from pg_control_system();
  exception
    -- Some managed services keep it to themselves.
    when insufficient_privilege then here := 0;
  end;
  horizon := pg_snapshot_xmin(pg_current_snapshot());
  select * into last from audit.seal s order by s.seal_id desc limit 1;

  for number in 1 .. 3 loop
    log := logs[number];
    select * into reached from audit.seal s
    where s.log = logs[number] and s.cluster = here order by s.seal_id desc limit 1;
    -- After a dump was restored: what was sealed where the dump was made.
    select range_agg(s.ids) into elsewhere from audit.seal s where s.log = logs[number] and s.cluster <> here;
    for part in execute format(
      $query$
        with next as materialized (
          select e.%1$I as id, e.transaction_xid as xid, e.row_hash,
            date_trunc('month', e.%2$I at time zone 'UTC')::date as month
          from audit.%3$I e
          where (e.transaction_xid, e.%1$I) > ($1, $2) and e.transaction_xid < $3
            and ($4::int8multirange is null or not $4 @> e.%1$I)
          order by e.transaction_xid, e.%1$I
          limit $5
        )
        select n.month,
          range_agg(int8range(n.id, n.id, '[]')) as ids,
          count(*)::integer as row_count,
          sha256(string_agg(n.row_hash, ''::bytea order by n.id)) as rows_digest,
          string_agg(substr(n.row_hash, 1, 4), ''::bytea order by n.id) as fingerprints,
          (select z.xid from next z order by z.xid desc, z.id desc limit 1) as to_xid,
          (select z.id from next z order by z.xid desc, z.id desc limit 1) as to_id
        from next n
        group by n.month
        order by n.month
      $query$, id_columns[number], time_columns[number], log)
    using coalesce(reached.to_xid, '0'::xid8), coalesce(reached.to_id, 0), horizon, elsewhere, most
    loop
      insert into audit.seal (seal_id, log, month, ids, row_count, rows_digest, fingerprints, to_xid, to_id, cluster,
        previous_hash)
      values (coalesce(last.seal_id, 0) + 1, log, part.month, part.ids, part.row_count, part.rows_digest,
        part.fingerprints, part.to_xid, part.to_id, here, coalesce(last.row_hash, ''::bytea))
      returning * into last;
      sealed := sealed + part.row_count;
    end loop;
  end loop;
  return sealed;
end
$$;
comment on function audit.seal_entries(integer) is
  'Seals at most so many of the next entries of each log and tells how many it were; null while somebody else is sealing.';

-- Seals stay, so the chain stays whole; what they cover is then known to be gone: the entry that says so names the
-- months, and is itself sealed, in the log that is never shortened.
create or replace function audit.retain(months integer)
returns table (log text, partition_name text, row_count bigint)
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
#variable_conflict use_column
declare
  cutoff timestamptz := date_trunc('month', now()) - make_interval(months => months);
  old record;
  newest timestamptz;
  held date[];
  unsealed bigint;
  counted bigint;
  dropped jsonb := '[]';
begin
  if months < 1 then
    raise exception 'at least one month is kept' using errcode = '22023';
  end if;
  perform from audit.job j order by j.job_name for update;
  for old in
    select parent.relname::text as log, part.relname::text as name, k.id_column, k.time_column
    from (values ('row_change', 'change_id', 'changed_at'), ('tool_call', 'call_number', 'recorded_at'))
      k (log, id_column, time_column)
    join pg_class parent on parent.oid = ('audit.' || k.log)::regclass
    join pg_inherits i on i.inhparent = parent.oid
    join pg_class part on part.oid = i.inhrelid
    order by 1, 2
  loop
    execute format(
      'select max(e.%1$I), count(*), coalesce(array_agg(distinct date_trunc(''month'', e.%1$I)::date), ''{}'') '
      'from audit.%2$I e', old.time_column, old.name) into newest, counted, held;
    -- A month's own partition goes when the month is past, the rest when all of it is.
    continue when case
      when old.name like '%\_rest' then coalesce(newest >= cutoff, true)
      else to_date(right(old.name, 7), 'YYYY_MM') + interval '1 month' > cutoff at time zone 'UTC'
    end;
    execute format(
      'select count(*) from audit.%2$I e where not exists (select from audit.seal s where s.log = %3$L '
      'and s.month = date_trunc(''month'', e.%4$I at time zone ''UTC'')::date and s.ids @> e.%1$I)',
      old.id_column, old.name, old.log, old.time_column) into unsealed;
    if unsealed > 0 then
      raise exception 'rows that are not sealed yet would be dropped' using errcode = 'RT003';
    end if;
    execute format('drop table audit.%I', old.name);
    dropped := dropped || jsonb_build_object('log', old.log, 'partition', old.name, 'rows', counted, 'months', held);
    log := old.log;
    partition_name := old.name;
    row_count := counted;
    return next;
  end loop;
  if dropped <> '[]' then
    perform audit.record_operation('audit_retained', null, jsonb_build_object(
      'months', months,
      'before', to_char(cutoff, 'YYYY-MM-DD'),
      'dropped', dropped,
      'last_seal', (select jsonb_build_object('seal_id', s.seal_id, 'digest', encode(s.row_hash, 'hex'))
        from audit.seal s order by s.seal_id desc limit 1)
    ));
  end if;
  perform audit.add_partitions();
end
$$;
comment on function audit.retain(integer) is
  'Drops what is older than so many whole months from the two logs, enters that in the audit log, and tells what it was.';

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
from audit.operation o
union all
select
  'call-' || c.call_number,
  null,
  c.tool,
  coalesce(c.subject, c.db_user),
  c.store_id,
  null,
  null,
  null,
  jsonb_build_object('principal_id', c.principal_id, 'role', c.role, 'call_id', c.call_id, 'arguments', c.arguments,
    'outcome', c.outcome, 'error_code', c.error_code, 'row_count', c.row_count, 'duration_ms', c.duration_ms,
    'transport', c.transport, 'customers', c.customers),
  c.called_at
from audit.tool_call c;
comment on view retail.audit_log is 'The audit log under the lab''s name and columns, for auditors.';

-- For the tool of that name. The rights of the log's owner, the store and the role of the verified context:
-- nobody but an auditor reads, and nothing but this store's entries. What goods cost is not for auditors, here
-- as in every other answer.
create or replace function retail.list_audit_events(
  wanted_kind text, since timestamptz, until timestamptz, wanted_tool text, wanted_subject text, wanted_outcome text,
  wanted_record uuid, before_at timestamptz, before_kind text, before_id uuid, most integer
)
returns table (
  kind text, event_id uuid, entered_at timestamptz, happened_at timestamptz, subject text, role text, action text,
  record_type text, record_id uuid, customers uuid[], arguments jsonb, old_values jsonb, new_values jsonb,
  row_count integer, duration_ms integer, outcome text, error_code text, transport text
)
language plpgsql stable security definer rows 100
set search_path = pg_catalog, pg_temp
-- Each filter that is not given costs nothing.
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
declare
  own_store text := guard.store();
begin
  if guard.role() <> 'auditor' then
    raise exception 'only an auditor may read the audit log' using errcode = '42501';
  end if;
  return query
  select e.* from (
    (
      select 'tool_call', c.call_id, c.recorded_at, c.called_at, c.subject, c.role, c.tool, null::text, null::uuid,
        c.customers, c.arguments, null::jsonb, null::jsonb, c.row_count, c.duration_ms, c.outcome, c.error_code,
        c.transport
      from audit.tool_call c
      where c.store_id = own_store
        and coalesce(wanted_kind, 'tool_call') = 'tool_call'
        and (since is null or c.recorded_at >= since)
        and (until is null or c.recorded_at < until)
        and (wanted_tool is null or c.tool = wanted_tool)
        and (wanted_subject is null or c.subject = wanted_subject)
        and (wanted_outcome is null or c.outcome = wanted_outcome)
        and (wanted_record is null or c.customers @> array[wanted_record])
        and (before_at is null or (c.recorded_at, 'tool_call', c.call_id) < (before_at, before_kind, before_id))
      order by c.recorded_at desc, c.call_id desc
      limit most
    )
    union all
    (
      select 'row_change', c.entry_id, c.changed_at, c.changed_at, coalesce(c.subject, c.db_user), c.role, c.action,
        case c.table_name
          when 'customers' then 'customer'
          when 'products' then 'product'
          when 'sales_transactions' then 'receipt'
          when 'sales_transaction_items' then 'receipt_line'
        end,
        c.record_id, null, null, c.old_values - array['cost', 'unit_cost'],
        c.new_values - array['cost', 'unit_cost'], null, null, null, null, null
      from audit.row_change c
      where c.store_id = own_store
        and coalesce(wanted_kind, 'row_change') = 'row_change'
        and (since is null or c.changed_at >= since)
        and (until is null or c.changed_at < until)
        and wanted_tool is null
        and (wanted_subject is null or coalesce(c.subject, c.db_user) = wanted_subject)
        and wanted_outcome is null
        and (wanted_record is null or c.record_id = wanted_record)
        and (before_at is null or (c.changed_at, 'row_change', c.entry_id) < (before_at, before_kind, before_id))
      order by c.changed_at desc, c.entry_id desc
      limit most
    )
    union all
    (
      select 'operation', o.entry_id, o.happened_at, o.happened_at, o.db_user, null, o.action, null,
        case when o.metadata ->> 'customer_id' ~ '^[0-9a-f-]{36}$' then (o.metadata ->> 'customer_id')::uuid end,
        null, o.metadata, null, null, null, null, null, null, null
      from audit.operation o
      where o.store_id = own_store
        and coalesce(wanted_kind, 'operation') = 'operation'
        and (since is null or o.happened_at >= since)
        and (until is null or o.happened_at < until)
        and wanted_tool is null
        and (wanted_subject is null or o.db_user = wanted_subject)
        and wanted_outcome is null
        and (wanted_record is null or o.metadata ->> 'customer_id' = wanted_record::text)
        and (before_at is null or (o.happened_at, 'operation', o.entry_id) < (before_at, before_kind, before_id))
      order by o.happened_at desc, o.entry_id desc
      limit most
    )
  ) e (kind, event_id, entered_at)
  order by e.entered_at desc, e.kind desc, e.event_id desc
  limit most;
end
$$;
comment on function retail.list_audit_events(
  text, timestamptz, timestamptz, text, text, text, uuid, timestamptz, text, uuid, integer
) is 'Entries of the audit log about the store of the context, newest first; null filters do not apply. Raises 42501 unless the role is auditor.';

reset role;

revoke create on schema retail from retail_audit;
revoke all on function
  audit.seal_entries(integer), audit.retain(integer),
  retail.list_audit_events(text, timestamptz, timestamptz, text, text, text, uuid, timestamptz, text, uuid, integer)
from public;

set role retail_audit;

-- What the caller of a tool did; never when, in which transaction or under which login it was written.
grant insert (
  call_id, called_at, principal_id, subject, role, store_id, tool, arguments, row_count, duration_ms, outcome,
  error_code, transport, customers
) on audit.tool_call to mcp_audit;
-- Each tells a number and nothing of what it worked on.
grant execute on function audit.add_partitions(), audit.seal_entries(integer) to mcp_audit;

reset role;
