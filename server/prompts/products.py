"""Recipes about products and stock."""

from typing import Annotated

from fastmcp.prompts import prompt
from pydantic import Field

from server.prompts.steps import StoreName, call, recipe
from server.toolkit.annotations import requires_scope

CategoryName = Annotated[str | None, Field(description="Only this category and those below it.", max_length=100)]


@prompt(title="Reorder plan", meta=requires_scope("retail:read"), tags={"inventory"})
def reorder_plan(category: CategoryName = None, store_id: StoreName = None) -> str:
    """What to order now, from whom, and which money lies in stock that does not move."""
    chosen = {"category": category, "store_id": store_id}
    demand = {"period": "last_30_days", "rank_by": "units"} | chosen
    return recipe(
        "Make a plan of what the store should order now.",
        [
            "List what is at or below its reorder point, with velocity, days of supply and suggested quantity: "
            f"{call('list_low_stock', chosen, limit=50)}. Further rows follow with next_cursor.",
            f"See whether demand is rising or falling: {call('list_top_products', demand, limit=20)}.",
        ],
        "Give one order list per supplier: SKU, product, units on hand, days of supply, suggested units, and what "
        "it costs where you may see it. Put first what runs out before an order would arrive. Say which suggestions "
        "you would change because of the trend, and why.",
    )


@prompt(title="Find a product", meta=requires_scope("retail:read"), tags={"products"})
def find_product(
    wish: Annotated[str, Field(description="What the customer asks for, in their words.", max_length=500)],
    category: CategoryName = None,
    brand: Annotated[str | None, Field(description="Only this brand.", max_length=100)] = None,
    store_id: StoreName = None,
) -> str:
    """Help a customer find what they describe, with what is in stock."""
    chosen = {"query": wish, "category": category, "brand": brand, "store_id": store_id}
    return recipe(
        f"A customer says: {wish!r}. Help them find it in the store.",
        [
            "Put what they want into query in natural words. Put limits into filters instead: a price into max_price, "
            '"in stock" into in_stock, a rating into min_rating.',
            f"Search: {call('search_products', chosen, limit=5)}.",
            "If nothing fits, search once more without filters or with other words for the same thing. If what they "
            "want is out of stock, look for a substitute with `list_similar_products`.",
            "Before you recommend something, read its details with `get_products`.",
        ],
        "Offer at most three products: name, SKU, price, stock and one sentence on why it fits. If none does, say so "
        "and name the closest.",
    )
