"""Results of list_bought_together."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from server.toolkit.results import Answer, HasMore, NextCursor, PeriodUsed, Result
from server.toolkit.untrusted import NameText, ShortText

Share = Annotated[float, Field(description="In percent, 12.5 meaning 12.5 %.")]


class PairOrder(StrEnum):
    """Figure that decides the order of pairs."""

    LIFT = "lift"
    CONFIDENCE = "confidence"
    BASKETS = "baskets"


class BoughtTogether(Result):
    """Two products that were on the same sale receipts.

    Source:
        support, confidence, lift: Agrawal, Imielinski and Swami, Mining Association Rules between Sets of Items in
        Large Databases, 1993; Brin et al., Dynamic Itemset Counting and Implication Rules, 1997.
    """

    sku: ShortText = Field(description="The product that was asked about, else the one of the two in fewer baskets.")
    product_name: NameText = Field(description="Its name.")
    other_sku: ShortText = Field(description="The product bought with it.")
    other_product_name: NameText = Field(description="Its name.")
    baskets_together: int = Field(description="Sale receipts with both.")
    baskets: int = Field(description="Sale receipts with the first.")
    other_baskets: int = Field(description="Sale receipts with the other.")
    support_percent: Share = Field(description="baskets_together as a share of all sale receipts, in percent.")
    confidence_percent: Share = Field(
        description="baskets_together as a share of baskets, in percent: who buys the first buys the other so often."
    )
    other_confidence_percent: Share = Field(description="The same the other way round, as a share of other_baskets.")
    lift: float = Field(description="How many times as often together as by chance; 1 means no connection.")
    is_few: bool = Field(description="True when baskets_together is less than 5: too few to conclude from.")


class BoughtTogetherPage(Answer):
    """Pairs of products by how much they are bought together."""

    store_id: str = Field(description="The store this is about.")
    period: PeriodUsed = Field(description="The days whose sale receipts were counted.")
    all_baskets: int = Field(description="Sale receipts of the period; returns and exchanges are not counted.")
    min_baskets: int = Field(description="Pairs on fewer receipts than this were left out.")
    sort: PairOrder = Field(description="Figure that decides the order.")
    total_matches: int = Field(description="Number of pairs in this list, on all pages.")
    rows: list[BoughtTogether] = Field(description="This page, highest first.")
    has_more: HasMore
    next_cursor: NextCursor
