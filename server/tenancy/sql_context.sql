-- name: set_sql_context
-- $1 signed request token (text). Enters the store for the rest of this transaction, in its time zone. One row;
-- 42501 like set_store_context, RT002 where the role may not run SQL.
select c.store_id, c.role, c.store_name, c.currency, c.time_zone, c.today
from analytics.set_store_context($1::text) c;
