-- name: database_properties
-- What decides whether the schema fits this database. One row.
-- vector_version: of the extension in this database, null without it. vector_available: what the server could install.
select
  current_setting('server_version_num')::integer as version,
  pg_is_in_recovery() as is_standby,
  current_setting('transaction_read_only')::boolean as is_read_only,
  getdatabaseencoding()::text as encoding,
  (select e.extversion from pg_catalog.pg_extension e where e.extname = 'vector') as vector_version,
  (select a.default_version from pg_catalog.pg_available_extensions a where a.name = 'vector') as vector_available;
