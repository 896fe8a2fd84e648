-- Roles: who owns what, and who may log in.
--
-- Assumes: PostgreSQL 17 or newer, a superuser or a role with CREATEROLE and CREATE on the database.
-- First, because every later file names these roles.
--
-- Owners never log in; the login roles own nothing. A server that connects as mcp_user can therefore
-- not switch a policy off, whatever SQL it is made to run. What the server does beside the tools has
-- logins of its own, so that neither can do the other's work: mcp_auth looks identities up and sees no
-- tenant row, mcp_audit appends to the audit log and reads nothing, mcp_embed sees the texts of products and writes
-- their embeddings (0082), mcp_sql runs what callers write, over views without personal data (0088).

do $$
declare
  owner_role text;
  login_role text;
begin
  if current_setting('server_version_num')::int < 170000 then
    raise exception 'PostgreSQL 17 or newer is required (transaction_timeout), this is %',
      current_setting('server_version');
  end if;

  foreach owner_role in array array['retail_owner', 'retail_guard', 'retail_audit', 'retail_auditor', 'retail_builtins'] loop
    begin
      execute format('create role %I nologin noinherit', owner_role);
    exception
      -- Roles belong to the cluster: another database, or a migrator beside us, may have made it.
      when duplicate_object or unique_violation then null;
    end;
    -- A managed service gives no superuser: there the migrating role must be a member of the owners.
    if not (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
      execute format('grant %I to current_user with set true, inherit true', owner_role);
    end if;
  end loop;

  foreach login_role in array array['mcp_user', 'mcp_auth', 'mcp_audit', 'mcp_embed', 'mcp_sql'] loop
    begin
      execute format('create role %I login noinherit', login_role);
    exception
      when duplicate_object or unique_violation then null;
    end;
  end loop;
end
$$;
