-- Schemas, extensions and what PUBLIC loses.
--
-- Assumes: 0010. Before any table, so that no object is ever born with a default grant. What the logins may use of the
-- schemas is in repeatable/0020.

create extension if not exists vector with schema public;

do $$
begin
  if (select string_to_array(extversion, '.')::int[] < array[0, 8]
      from pg_catalog.pg_extension where extname = 'vector') then
    raise exception 'pgvector 0.8 or newer is required: run "alter extension vector update"';
  end if;
  execute format('revoke all on database %I from public', current_database());
  execute format('grant connect on database %I to mcp_user, mcp_auth, mcp_audit, mcp_embed, mcp_sql, retail_auditor, pg_monitor', current_database());
end
$$;

-- The vector type lives in public: usable by our roles, and no place to create things in.
revoke all on schema public from public;
grant usage on schema public to mcp_user, mcp_embed, retail_owner, retail_guard, retail_audit, retail_auditor;

create schema if not exists retail authorization retail_owner;
create schema if not exists guard authorization retail_guard;
create schema if not exists audit authorization retail_audit;
create schema if not exists analytics authorization retail_owner;

comment on schema retail is 'What a store sells, to whom, and when: every table under row level security.';
comment on schema guard is 'Identities, access to stores, signing keys and the verified store context.';
comment on schema audit is 'Append-only record of every change.';
comment on schema analytics is 'What SQL of a caller may see of its store: no personal data.';

-- PostgreSQL lets everybody execute a new function; here each one is granted by name.
alter default privileges for role retail_owner revoke execute on functions from public;
alter default privileges for role retail_guard revoke execute on functions from public;
alter default privileges for role retail_audit revoke execute on functions from public;
