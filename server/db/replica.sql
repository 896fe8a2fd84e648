-- name: primary_position
-- How far the primary's log has come, in bytes from its beginning, and what a replica must have in common with it.
-- One row.
select
  (pg_catalog.pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint as position,
  pg_catalog.current_database()::text as database_name,
  current_user::text as login,
  (select system_identifier from pg_catalog.pg_control_system()) as cluster_id;

-- name: replica_position
-- The same for a replica: how far it has replayed the log; null where it is no standby. One row.
select
  (pg_catalog.pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint as position,
  pg_catalog.pg_is_in_recovery() as in_recovery,
  pg_catalog.current_database()::text as database_name,
  current_user::text as login,
  (select system_identifier from pg_catalog.pg_control_system()) as cluster_id;
