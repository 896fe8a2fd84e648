-- Grants: what the server's login may do, column by column.
--
-- Assumes: everything before. Last, because a policy must stand before a grant opens its table.
--
-- The tools only read, in read-only transactions. The write grants are what a till or an import that
-- works inside one store's context needs. Receipts and stock movements are never changed or
-- deleted: a correction is a return or an adjustment.
-- NOTE: personal columns of customers are not granted for reading; retail.customer_card masks them.
-- NOTE: nothing in audit or guard is granted but the functions of 0030.

set role retail_owner;

grant select on
  retail.stores, retail.product_categories, retail.category_tree, retail.products, retail.sales_transactions,
  retail.sales_transaction_items, retail.stock_movements, retail.product_embeddings,
  retail.customer_card
to mcp_user;

grant select (
  store_id, customer_id, customer_since, loyalty_tier, total_lifetime_value, created_at, updated_at
) on retail.customers to mcp_user;

grant
  insert (store_id, customer_id, first_name, last_name, email, phone, date_of_birth, gender,
    customer_since, loyalty_tier),
  update (first_name, last_name, email, phone, date_of_birth, gender, loyalty_tier, total_lifetime_value),
  delete
on retail.customers to mcp_user;

grant insert, update, delete on retail.products to mcp_user;
grant insert on retail.sales_transactions, retail.sales_transaction_items, retail.stock_movements to mcp_user;
grant insert, update, delete on retail.product_embeddings to mcp_user;

grant execute on function
  retail.new_id(),
  retail.match_customers(text, text, text, text),
  retail.search_products_by_similarity(public.vector, double precision, integer, text)
to mcp_user;

reset role;

set role retail_audit;
grant select on audit.row_change, audit.operation, retail.audit_log to retail_auditor;
reset role;
