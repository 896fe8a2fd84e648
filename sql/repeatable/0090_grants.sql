-- Grants: what the server's login may do, column by column.
--
-- Assumes: everything before. Last, because a policy must stand before a grant opens its table.
--
-- The tools only read, in read-only transactions. The write grants are what a till or an import that
-- works inside one store's context needs. Receipts and stock movements are never changed or
-- deleted: a correction is a return or an adjustment.
-- NOTE: personal columns of customers, and what a till wrote freely on a receipt, are not granted for
-- reading; retail.customer_card and retail.transaction_notes mask them. No tool reads a receipt's metadata.
-- NOTE: current_stock, a customer's value, purchases and their dates, and the daily sums are not granted for writing;
-- triggers keep them (0040, 0045).
-- NOTE: nobody here reads or chooses a salt of the audit log's pseudonyms, or marks a customer as erased.
-- NOTE: nothing in audit or guard is granted but the functions of 0030.

set role retail_owner;

grant select on
  retail.stores, retail.product_categories, retail.category_tree, retail.products,
  retail.sales_transaction_items, retail.receipt_lines, retail.sold_lines, retail.daily_sales, retail.product_embeddings,
  retail.product_words,
  retail.customer_card, retail.customer_scores, retail.transaction_notes
to mcp_user;

grant select (
  store_id, customer_id, customer_since, loyalty_tier, total_lifetime_value, purchase_count, first_purchase_at,
  last_purchase_at, created_at, updated_at
) on retail.customers to mcp_user;

grant
  insert (store_id, customer_id, first_name, last_name, email, phone, date_of_birth, gender,
    customer_since, loyalty_tier),
  update (first_name, last_name, email, phone, date_of_birth, gender, loyalty_tier),
  delete
on retail.customers to mcp_user;

grant select (
  store_id, transaction_id, customer_id, transaction_date, transaction_type, payment_method, subtotal, tax_amount,
  discount_amount, total_amount, cashier_id, register_id, receipt_number, original_transaction_id, return_reason,
  created_at
), insert (
  store_id, transaction_id, customer_id, transaction_date, transaction_type, payment_method, subtotal, tax_amount,
  discount_amount, total_amount, cashier_id, register_id, receipt_number, original_transaction_id, return_reason,
  notes, metadata, created_at
) on retail.sales_transactions to mcp_user;

grant
  insert (store_id, product_id, sku, product_name, product_description, category_id, brand, model, color, size,
    weight_kg, dimensions_cm, price, cost, minimum_stock, maximum_stock, reorder_point, lead_time_days, supplier_name,
    supplier_sku, is_active, is_featured, rating_average, rating_count, tags, metadata, created_at),
  update (sku, product_name, product_description, category_id, brand, model, color, size,
    weight_kg, dimensions_cm, price, cost, minimum_stock, maximum_stock, reorder_point, lead_time_days, supplier_name,
    supplier_sku, is_active, is_featured, rating_average, rating_count, tags, metadata),
  delete
on retail.products to mcp_user;
grant insert on retail.sales_transaction_items to mcp_user;
-- NOTE: movement_id comes from a counter that all stores share: its gaps would tell what the others moved.
grant
  select (store_id, product_id, moved_at, quantity, reason, item_id),
  insert (store_id, product_id, moved_at, quantity, reason, item_id)
on retail.stock_movements to mcp_user;
grant insert, update, delete on retail.product_embeddings to mcp_user;
-- NOTE: the vocabulary follows what a writer does to products; nobody else writes it.
grant insert on retail.product_words to mcp_user;

grant execute on function
  retail.new_id(),
  retail.day_start(date, text),
  retail.day_end(date, text),
  retail.local_date(timestamptz, text),
  retail.categories_within(text),
  retail.learn_words(text, uuid[]),
  retail.match_customers(text, text, text, text),
  retail.rfm_segment(integer, integer, integer),
  retail.rfm_score(bigint, bigint),
  retail.search_products_by_similarity(public.vector, double precision, integer, text),
  retail.nearest_products(public.vector, text, integer)
to mcp_user;

reset role;

set role retail_audit;
grant select on audit.row_change, audit.tool_call, audit.operation, audit.seal, retail.audit_log to retail_auditor;
grant execute on function
  retail.list_audit_events(text, timestamptz, timestamptz, text, text, text, uuid, timestamptz, text, uuid, integer)
to mcp_user;
reset role;
