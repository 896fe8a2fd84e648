-- Comments and settings of the roles.
--
-- They belong to the cluster, so a dump has none of them and a restore runs this file. The comments come first: each
-- locks its role until the end, so that of two databases that are migrated at once the second waits. Settings do not,
-- and would fail.

comment on role retail_owner is 'Owns the retail schema; cannot log in.';
comment on role retail_guard is 'Owns identities, keys and the store context; cannot log in.';
comment on role retail_audit is 'Owns the audit log; cannot log in.';
comment on role retail_auditor is 'Group that may read the audit log; grant it to people, never to the server.';
comment on role retail_builtins is
  'Group that may call PostgreSQL''s own functions here, as PUBLIC may elsewhere (0095); grant it to roles of your own.';
comment on role mcp_user is 'Login under which tools run: bound by every policy, owner of nothing.';
comment on role mcp_auth is 'Login that finds the principal behind a token; no grant on any table.';
comment on role mcp_audit is 'Login that appends tool calls to the audit log; reads nothing.';
comment on role mcp_embed is 'Login that embeds product texts; no grant on any table.';
comment on role mcp_sql is 'Login that runs the SQL of callers: views without personal data, listed functions, nothing else.';

-- Time limits live in the database, so that a client that vanished cannot keep a query running.
-- Seconds are enough for every tool; a caller that needs longer asks for a smaller range.
alter role mcp_user set statement_timeout = '10s';
alter role mcp_user set transaction_timeout = '30s';
alter role mcp_user set idle_in_transaction_session_timeout = '10s';
alter role mcp_user set lock_timeout = '2s';
-- What was acknowledged is on disk, whatever the cluster's own setting says.
alter role mcp_user set synchronous_commit = on;
-- Short queries on a warm cache: compiling them costs more than running them, and index pages are
-- as near as heap pages.
alter role mcp_user set jit = off;
alter role mcp_user set random_page_cost = 1.1;
-- Every object is named with its schema; only the vector type and its operators are looked up.
alter role mcp_user set search_path = public, pg_temp;

-- A look-up is one index scan; an append is one short statement.
alter role mcp_auth set default_transaction_read_only = on;
alter role mcp_auth set statement_timeout = '2s';
alter role mcp_auth set transaction_timeout = '5s';
alter role mcp_auth set idle_in_transaction_session_timeout = '2s';
alter role mcp_auth set lock_timeout = '1s';
alter role mcp_auth set search_path = pg_catalog, pg_temp;
alter role mcp_audit set statement_timeout = '5s';
alter role mcp_audit set transaction_timeout = '10s';
alter role mcp_audit set idle_in_transaction_session_timeout = '2s';
alter role mcp_audit set lock_timeout = '2s';
alter role mcp_audit set search_path = pg_catalog, pg_temp;
-- Hashing the texts of a store of 100,000 products takes seconds; nobody waits for it.
alter role mcp_embed set statement_timeout = '60s';
alter role mcp_embed set transaction_timeout = '120s';
alter role mcp_embed set idle_in_transaction_session_timeout = '10s';
alter role mcp_embed set lock_timeout = '5s';
alter role mcp_embed set search_path = pg_catalog, pg_temp;

-- Whatever a caller writes ends soon and stays small. Days and times come out in the store's zone, which
-- analytics.set_store_context sets; the names of views and of the bounded functions beside them are found first.
alter role mcp_sql connection limit 24;
alter role mcp_sql set default_transaction_read_only = on;
alter role mcp_sql set statement_timeout = '3s';
alter role mcp_sql set transaction_timeout = '10s';
alter role mcp_sql set idle_in_transaction_session_timeout = '5s';
alter role mcp_sql set lock_timeout = '500ms';
alter role mcp_sql set work_mem = '64kB';
alter role mcp_sql set hash_mem_multiplier = 1;
alter role mcp_sql set max_parallel_workers_per_gather = 0;
alter role mcp_sql set jit = off;
alter role mcp_sql set random_page_cost = 1.1;
alter role mcp_sql set search_path = analytics, pg_catalog, pg_temp;
alter role mcp_sql set standard_conforming_strings = on;
alter role mcp_sql set datestyle = 'ISO, YMD';
alter role mcp_sql set intervalstyle = 'iso_8601';
alter role mcp_sql set client_min_messages = error;
do $$
begin
  -- A superuser's to set. What a query spills to disk is bounded by its time without them, and what it asks is
  -- then visible to other sessions of the same login, of which there are none but the server's.
  alter role mcp_sql set temp_file_limit = '256MB';
  alter role mcp_sql set track_activities = off;
exception
  when insufficient_privilege then null;
end
$$;

-- PostgreSQL's own log is read by others than the database is, and kept elsewhere. What callers ask for and what rows
-- hold stays out of it: an error quotes the value that it stumbles over, in its message, its detail and its statement.
-- The server logs its errors by code. LOG lines, such as those of slow statements, stay where the statements are the
-- server's own, with placeholders: without details, and so without parameters. Of mcp_sql, whose statements are the
-- callers', nothing below FATAL is written. The order of levels here is ERROR, LOG, FATAL, PANIC.
do $$
declare
  login_role text;
  setting record;
begin
  foreach login_role in array array['mcp_user', 'mcp_auth', 'mcp_audit', 'mcp_embed', 'mcp_sql'] loop
    for setting in
      values
        ('log_parameter_max_length_on_error', '0'),
        ('log_min_messages', case login_role when 'mcp_sql' then 'fatal' else 'log' end),
        ('log_min_error_statement', 'panic'),
        ('log_error_verbosity', 'terse'),
        -- Where that module is loaded; its plans hold parameters as constants.
        ('auto_explain.log_min_duration', '-1')
    loop
      begin
        execute format('alter role %I set %s = %L', login_role, setting.column1, setting.column2);
      exception
        -- A superuser's to set, but for the first. Without one, doctor says what remains (docs/privacy.md).
        when insufficient_privilege then null;
      end;
    end loop;
  end loop;
end
$$;
