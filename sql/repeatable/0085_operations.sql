-- Views and a function for whoever runs the database.
--
-- Assumes: 0060. Nothing here is granted to mcp_user: sizes and statements are facts about all
-- stores. VACUUM and REINDEX CONCURRENTLY cannot run inside a function; they stay with autovacuum
-- and with the operator.

set role retail_owner;

create or replace view retail.table_stats as
select
  s.schemaname,
  s.relname as tablename,
  pg_size_pretty(pg_total_relation_size(s.relid)) as size,
  pg_total_relation_size(s.relid) as size_bytes,
  s.n_tup_ins as inserts,
  s.n_tup_upd as updates,
  s.n_tup_del as deletes,
  s.n_live_tup as live_tuples,
  s.n_dead_tup as dead_tuples
from pg_catalog.pg_stat_user_tables s
where s.schemaname in ('retail', 'guard', 'audit');
comment on view retail.table_stats is 'Size and row counts per table; largest: order by size_bytes desc.';

create or replace view retail.index_usage as
select
  s.schemaname,
  s.relname as tablename,
  s.indexrelname as indexname,
  s.idx_scan,
  s.idx_tup_read,
  s.idx_tup_fetch,
  pg_size_pretty(pg_relation_size(s.indexrelid)) as size
from pg_catalog.pg_stat_user_indexes s
where s.schemaname in ('retail', 'guard', 'audit');
comment on view retail.index_usage is 'How often each index was used.';

-- pg_stat_statements is optional. Without it the view exists and is empty; run this file again
-- after installing the extension, which counts for every database of the server.
do $$
declare
  extension_schema text := (
    select n.nspname from pg_catalog.pg_extension e
    join pg_catalog.pg_namespace n on n.oid = e.extnamespace
    where e.extname = 'pg_stat_statements'
  );
begin
  execute format(
    'create or replace view retail.slow_queries as '
    'select s.query::text, s.calls::bigint, s.total_exec_time::double precision, '
    's.mean_exec_time::double precision, s.max_exec_time::double precision, '
    's.stddev_exec_time::double precision, s.rows::bigint, '
    '(100.0 * s.shared_blks_hit / nullif(s.shared_blks_hit + s.shared_blks_read, 0))::numeric as hit_percent '
    'from %s s where s.mean_exec_time > 100 '
    'and s.dbid = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())',
    coalesce(
      quote_ident(extension_schema) || '.pg_stat_statements',
      '(select 0::oid as dbid, null::text as query, 0 as calls, 0.0 as total_exec_time, 0.0 as mean_exec_time, '
      '0.0 as max_exec_time, 0.0 as stddev_exec_time, 0 as rows, 0 as shared_blks_hit, '
      '0 as shared_blks_read)'
    )
  );
end
$$;
comment on view retail.slow_queries is 'This database''s statements slower than 100 ms on average; empty without pg_stat_statements.';

create or replace function retail.perform_maintenance() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  analyze retail.customers;
  analyze retail.products;
  analyze retail.sales_transactions;
  analyze retail.sales_transaction_items;
  analyze retail.stock_movements;
  analyze retail.daily_sales;
  analyze retail.product_embeddings;
  analyze retail.product_words;
  perform audit.record_operation('automated_maintenance_completed', null,
    jsonb_build_object('database_size', pg_database_size(current_database())));
end
$$;
comment on function retail.perform_maintenance() is 'Refreshes the planner''s statistics and enters it in the audit log.';

reset role;

revoke all on function retail.perform_maintenance() from public;
grant usage on schema retail to pg_monitor;
grant select on retail.table_stats, retail.index_usage, retail.slow_queries to pg_monitor;
