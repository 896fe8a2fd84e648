-- name: login_rights
-- What this login may do to the log of tool calls. One row.
select
  current_user::text as login,
  -- Who may not even look into the schema gets an error from the other functions.
  case
    when pg_catalog.has_schema_privilege('audit', 'usage')
    then pg_catalog.has_any_column_privilege('audit.tool_call', 'insert')
    else false
  end as may_append,
  case
    when pg_catalog.has_schema_privilege('audit', 'usage')
    then pg_catalog.has_any_column_privilege('audit.tool_call', 'select, update')
      or pg_catalog.has_table_privilege('audit.tool_call', 'delete, truncate')
    else false
  end as may_more;

-- name: add_partitions
-- Makes the partitions of the months to come.
select audit.add_partitions();

-- name: seal_entries
-- $1 most entries per log. How many were sealed; null while somebody else is sealing.
select audit.seal_entries($1::integer);
