-- name: create_ledger
-- Idempotent.
create schema if not exists migrations;
create table if not exists migrations.applied (
  file_name text primary key,
  sha256 text not null,
  applied_at timestamptz not null default now()
);
comment on table migrations.applied is 'Which files of sql/ this database has, by checksum.';

-- name: grant_ledger
-- Lets the server's login see whether the schema is one that it knows; after the role exists.
grant usage on schema migrations to mcp_user;
grant select on migrations.applied to mcp_user;

-- name: applied
-- The ledger.
select file_name, sha256 from migrations.applied order by file_name;

-- name: record
-- $1 file name, $2 SHA-256 in hex.
insert into migrations.applied (file_name, sha256) values ($1, $2);
