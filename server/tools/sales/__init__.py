"""What was sold, when, and how it compares."""

from server.tools.sales.products import list_top_products
from server.tools.sales.returns import summarize_returns
from server.tools.sales.stores import compare_stores
from server.tools.sales.summary import summarize_sales
from server.tools.sales.together import list_bought_together
from server.tools.sales.transactions import get_transaction, list_transactions

TOOLS = (
    summarize_sales,
    compare_stores,
    summarize_returns,
    list_top_products,
    list_bought_together,
    list_transactions,
    get_transaction,
)
