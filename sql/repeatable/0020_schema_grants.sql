-- What the logins and owners may use of the schemas; functions below name what is in the others'.

grant usage on schema retail to mcp_user, mcp_embed, retail_guard, retail_audit, retail_auditor;
grant usage on schema guard to mcp_user, mcp_auth, mcp_embed, retail_owner, retail_audit;
grant usage on schema audit to mcp_audit, retail_owner, retail_auditor;
grant usage on schema analytics to mcp_sql;
