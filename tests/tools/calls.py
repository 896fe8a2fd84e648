"""Calls of every tool, so that what holds for all tools is asked of all tools."""

from __future__ import annotations

from typing import Any

from tests.tools.neighbours import PERIOD, Neighbours, Side

Call = tuple[str, dict[str, Any]]


def calls_about(side: Side, *, query: str = "hammer") -> list[Call]:
    """Calls that together touch every tool and name this side's ids, numbers and words."""
    return [
        ("get_store_context", {}),
        ("summarize_sales", PERIOD),
        *(
            ("summarize_sales", {**PERIOD, "group_by": group_by, "compare_to": "previous_period"})
            for group_by in ("day", "category", "subcategory", "brand", "product", "payment_method")
        ),
        ("summarize_sales", {**PERIOD, "group_by": ["new_or_returning", "product"], "brand": side.brand}),
        ("compare_stores", {**PERIOD, "compare_to": "previous_period"}),
        ("list_top_products", PERIOD),
        ("list_top_products", {**PERIOD, "order": "slowest", "rank_by": "margin"}),
        ("list_transactions", PERIOD),
        ("list_transactions", {**PERIOD, "customer_id": str(side.customer_id)}),
        ("list_transactions", {**PERIOD, "sku": side.sku}),
        ("get_transaction", {"transaction": side.sale}),
        ("get_transaction", {"transaction": side.refund}),
        ("get_transaction", {"transaction": str(side.sale_id)}),
        ("get_customer", {"customer_id": str(side.customer_id)}),
        *(("search_customers", asked) for asked in searches_for(side)),
        ("get_products", {"products": [side.sku, str(side.product_id)]}),
        ("list_categories", {}),
        ("search_products", {}),
        ("search_products", {"brand": side.brand}),
        *(("search_products", {"query": query, "mode": mode}) for mode in ("hybrid", "semantic", "keyword")),
        ("list_low_stock", {}),
        ("list_low_stock", {"brand": side.brand}),
    ]


def naming(tool: str, store_id: str) -> dict[str, Any]:
    """How a call of a tool names the store that it is about."""
    return {"stores": [store_id]} if tool == "compare_stores" else {"store_id": store_id}


def searches_for(side: Side) -> list[dict[str, str]]:
    """Ways to look for this side's customer."""
    return [
        {"name": side.first_name},
        {"name": f"{side.last_name}, {side.first_name}"},
        {"email": side.email},
        {"phone": side.phone},
        {"loyalty_tier": "gold"},
    ]


async def tool_names(sides: Neighbours) -> set[str]:
    """Every tool that the server has."""
    client = await sides.acting("seattle")
    return {tool.name for tool in await client.list_tools()}
