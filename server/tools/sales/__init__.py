"""What was sold, when, and how it compares."""

from server.tools.sales.products import list_top_products
from server.tools.sales.stores import compare_stores
from server.tools.sales.summary import summarize_sales
from server.tools.sales.transactions import get_transaction, list_transactions

TOOLS = (summarize_sales, compare_stores, list_top_products, list_transactions, get_transaction)
