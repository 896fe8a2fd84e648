-- name: set_store_context
-- $1 signed request token (text). Enters the store for the rest of this transaction. One row, or 42501.
select c.store_id, c.role, c.store_name, c.currency, c.time_zone, c.today
from retail.set_store_context($1::text) c;
