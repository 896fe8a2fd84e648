"""Recipes that look back on a period."""

from fastmcp.prompts import prompt

from server.prompts.steps import StoreName, call, recipe
from server.toolkit.annotations import requires_scope


@prompt(title="Weekly review", meta=requires_scope("retail:read"), tags={"sales"})
def weekly_review(store_id: StoreName = None) -> str:
    """How last week went against the week before: sales, products, returns, stock."""
    store = {"store_id": store_id}
    week = {"period": "last_week"} | store
    compared = week | {"compare_to": "previous_period"}
    return recipe(
        "Review the last whole week of the store for its manager.",
        [
            f"Learn the store, its currency and which days have data: {call('get_store_context', store)}.",
            f"Sales by day against the week before: {call('summarize_sales', compared, group_by=['day'])}.",
            f"What moved, by category: {call('summarize_sales', compared, group_by=['category'])}.",
            f"Best sellers: {call('list_top_products', week, limit=10)}.",
            f"Returns and their reasons: {call('summarize_returns', week)}.",
            f"What is about to run out: {call('list_low_stock', store, limit=10)}.",
        ],
        "Write one page: the week in a sentence, a short table of revenue, receipts and average basket with their "
        "changes, three things that went well and three that need attention (each with its figure), and what to "
        "order or do this week.",
    )


@prompt(title="Monthly close", meta=requires_scope("retail:read"), tags={"sales"})
def monthly_close(store_id: StoreName = None) -> str:
    """Figures of the last calendar month for the books and for head office."""
    store = {"store_id": store_id}
    month = {"period": "last_month"} | store
    before, year_ago = month | {"compare_to": "previous_period"}, month | {"compare_to": "same_period_last_year"}
    return recipe(
        "Prepare the close of the last calendar month of the store.",
        [
            f"Learn the store and its currency: {call('get_store_context', store)}.",
            f"The month by week, against the month before: {call('summarize_sales', before, group_by=['week'])}.",
            f"The same month a year ago: {call('summarize_sales', year_ago)}.",
            f"By payment method, to reconcile tills: {call('summarize_sales', month, group_by=['payment_method'])}.",
            f"By category: {call('summarize_sales', month, group_by=['category'])}.",
            f"Returns: {call('summarize_returns', month)}.",
            f"Customers won and lost: {call('summarize_customers', month)}.",
        ],
        "Write the close: a table of revenue, discounts, tax, returns and receipts with both comparisons; "
        "the table by payment method; what explains the change, in three sentences; and open questions, such as days "
        "without a receipt.",
    )
