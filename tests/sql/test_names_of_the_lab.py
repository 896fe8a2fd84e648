"""Names that others rely on: the tables, columns, functions, views, triggers and indexes of the lab's schema."""

from __future__ import annotations

from typing import Any

import pytest

COLUMNS = {
    "stores": "store_id store_name store_location store_type region created_at updated_at is_active",
    "customers": (
        "customer_id store_id first_name last_name email phone date_of_birth gender customer_since loyalty_tier "
        "total_lifetime_value created_at updated_at"
    ),
    "product_categories": "category_id category_name parent_category_id description is_active",
    "products": (
        "product_id store_id sku product_name product_description category_id brand model color size weight_kg "
        "dimensions_cm price cost current_stock minimum_stock maximum_stock reorder_point supplier_name supplier_sku "
        "is_active is_featured rating_average rating_count tags metadata created_at updated_at"
    ),
    "sales_transactions": (
        "transaction_id store_id customer_id transaction_date transaction_type payment_method subtotal tax_amount "
        "discount_amount total_amount cashier_id register_id receipt_number notes metadata created_at"
    ),
    "sales_transaction_items": (
        "item_id transaction_id product_id quantity unit_price total_price discount_amount tax_amount created_at"
    ),
    "product_embeddings": (
        "embedding_id product_id store_id embedding_text embedding embedding_model created_at updated_at"
    ),
    "audit_log": ("log_id table_name action user_name store_id record_id old_values new_values metadata created_at"),
    "slow_queries": ("query calls total_exec_time mean_exec_time max_exec_time stddev_exec_time rows hit_percent"),
    "table_stats": "schemaname tablename size inserts updates deletes live_tuples dead_tuples",
    "index_usage": "schemaname tablename indexname idx_tup_read idx_tup_fetch size",
}
FUNCTIONS = {"audit_trigger", "perform_maintenance", "search_products_by_similarity", "set_store_context"}
TRIGGERS = {"customers_audit_trigger", "products_audit_trigger", "sales_transactions_audit_trigger"}
CONSTRAINTS = {
    "unique_sku_per_store",
    "unique_product_embedding",
    "positive_quantity",
    "positive_unit_price",
    "positive_total_price",
}
INDEXES = {
    "idx_stores_region",
    "idx_stores_active",
    "idx_customers_store_id",
    "idx_customers_email",
    "idx_customers_loyalty_tier",
    "idx_customers_created_at",
    "idx_products_store_id",
    "idx_products_sku",
    "idx_products_category",
    "idx_products_brand",
    "idx_products_price",
    "idx_products_stock",
    "idx_products_active",
    "idx_products_featured",
    "idx_products_tags",
    "idx_products_metadata",
    "idx_products_text_search",
    "idx_sales_transactions_store_id",
    "idx_sales_transactions_customer_id",
    "idx_sales_transactions_date",
    "idx_sales_transactions_type",
    "idx_sales_transactions_payment",
    "idx_sales_transaction_items_transaction_id",
    "idx_sales_transaction_items_product_id",
    "idx_product_embeddings_vector",
    "idx_product_embeddings_product_id",
    "idx_product_embeddings_store_id",
    "idx_product_embeddings_model",
    "idx_audit_log_table_name",
    "idx_audit_log_action",
    "idx_audit_log_user_name",
    "idx_audit_log_store_id",
    "idx_audit_log_created_at",
}
# Left out on purpose, each with the constraint or index that does its work, or the reason.
FOLDED_INTO = {
    "idx_customers_store_id": "customers_pkey",
    "idx_products_store_id": "products_pkey",
    "idx_sales_transactions_store_id": "sales_transactions_pkey",
    "idx_product_embeddings_store_id": "product_embeddings_pkey",
    "idx_customers_email": "unique_email_per_store",
    "idx_products_sku": "unique_sku_per_store",
    "idx_product_embeddings_model": "unique_product_embedding",
    "idx_audit_log_store_id": "row_change_store_id_idx",
    "idx_audit_log_created_at": "row_change_store_id_idx",
}
OMITTED = {
    "idx_product_embeddings_vector": "row level security filters an approximate index afterwards and loses rows",
    "idx_sales_transactions_payment": "four values: a scan by date is faster",
    "idx_audit_log_table_name": "four values: a scan by store and time is faster",
    "idx_audit_log_action": "three values: a scan by store and time is faster",
    "idx_audit_log_user_name": "audit_log is a view, which takes the name from one of two columns",
}


async def names(connection: Any, sql: str) -> set[str]:
    """First column of every row."""
    return {row[0] for row in await connection.fetch(sql)}


@pytest.mark.parametrize("relation", COLUMNS)
async def test_relation_has_the_labs_columns(operator: Any, relation: str) -> None:
    found = await names(
        operator,
        f"select attname::text from pg_attribute where attrelid = 'retail.{relation}'::regclass and attnum > 0",
    )

    assert set(COLUMNS[relation].split()) - found == set()


async def test_functions_of_the_lab_exist(operator: Any) -> None:
    found = await names(operator, "select proname::text from pg_proc where pronamespace = 'retail'::regnamespace")

    assert FUNCTIONS - found == set()


async def test_triggers_of_the_lab_exist(operator: Any) -> None:
    found = await names(operator, "select tgname::text from pg_trigger where not tgisinternal")

    assert TRIGGERS - found == set()


async def test_constraints_of_the_lab_exist(operator: Any) -> None:
    found = await names(operator, "select conname::text from pg_constraint where connamespace = 'retail'::regnamespace")

    assert CONSTRAINTS - found == set()


async def test_role_of_the_lab_exists(operator: Any) -> None:
    assert await names(operator, "select rolname::text from pg_roles where rolname = 'mcp_user' and rolcanlogin")


async def test_indexes_of_the_lab_exist_but_for_those_left_out_on_purpose(operator: Any) -> None:
    found = await names(operator, "select indexname::text from pg_indexes where schemaname in ('retail', 'audit')")

    assert INDEXES - found == set(FOLDED_INTO) | set(OMITTED)
    assert set(FOLDED_INTO.values()) - found == set()
