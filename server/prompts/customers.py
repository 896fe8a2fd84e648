"""Recipes about customers."""

from typing import Annotated

from fastmcp.prompts import prompt
from pydantic import Field

from server.prompts.steps import StoreName, call, recipe
from server.toolkit.annotations import requires_scope


@prompt(title="Win-back campaign", meta=requires_scope("retail:pii"), tags={"customers"})
def win_back_campaign(
    segment: Annotated[
        str, Field(description="RFM segment to win back, for example at_risk.", max_length=40)
    ] = "at_risk",
    store_id: StoreName = None,
) -> str:
    """Whom to write to who used to buy and no longer does, and what to say."""
    store = {"store_id": store_id}
    return recipe(
        f"Plan a campaign that wins back customers of the segment {segment!r}.",
        [
            "See how large the segment is and what it is worth: "
            f"{call('summarize_customers', store, view='segments')}.",
            f"List its most valuable customers: {call('search_customers', store, segment=segment, limit=20)}. "
            "Further ones follow with next_cursor.",
            "For the first few, read what they liked and when they used to come: `get_customer` with the customer_id "
            "of each.",
            f"Find what to offer them: {call('list_top_products', store, period='last_30_days', limit=10)}, and with "
            "the SKU of something they bought `list_bought_together` or `list_similar_products`.",
        ],
        "Give a table of whom to contact first (name as you were given it, last purchase, favourite category, value), "
        "one short message per group with an offer that is in stock, and how to tell afterwards whether it worked. "
        "Use a person's data for this purpose only.",
    )
