"""Results of the product tools."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, JsonValue

from server.toolkit.results import Answer, Currency, HasMore, Money, NextCursor, Result
from server.toolkit.untrusted import LongText, NameText, ShortText, UntrustedEntries, UntrustedText


class SearchMode(StrEnum):
    """What a query is compared with."""

    HYBRID = "hybrid"
    SEMANTIC = "semantic"
    KEYWORD = "keyword"
    RRF = "rrf"


class ProductSort(StrEnum):
    """Orders of products other than by match."""

    NAME = "name"
    PRICE_LOW_TO_HIGH = "price_low_to_high"
    PRICE_HIGH_TO_LOW = "price_high_to_low"
    RATING = "rating"
    NEWEST = "newest"
    BEST_SELLING = "best_selling"


TopCategory = Annotated[ShortText | None, Field(description="Top-level category; null for a product without one.")]
Subcategory = Annotated[ShortText | None, Field(description="Its category below that; null when there is none.")]
Rating = Annotated[float | None, Field(description="Average customer rating, 0 to 5; null when nobody rated it.")]


class ProductHit(Result):
    """A product that matches a search."""

    product_id: UUID
    sku: ShortText = Field(description="Pass to get_products for all details.")
    product_name: NameText
    brand: ShortText | None
    category: TopCategory
    subcategory: Subcategory
    price: Money = Field(description="Price of one unit, before tax.")
    current_stock: int = Field(description="Units on hand now.")
    in_stock: bool
    rating: Rating
    rating_count: int
    short_description: Annotated[str, UntrustedText(300)] | None = Field(
        description="The description, cut after 300 characters."
    )
    score: float | None = Field(
        description="Match with the query, 0 to 1, comparable within this answer only; null without a query."
    )
    similarity: float | None = Field(
        description="Its part by meaning, -1 to 1; null without a query, in keyword mode, without an embedding, and in "
        "a very large store where it would not bring the product among the first 100."
    )
    word_score: float | None = Field(
        description="Its part by words, 0 to 1: 1 when every word of the query is in the name; null without a query."
    )
    matched_words: list[str] = Field(
        description="Words of the query that are in name, brand, model, tags or description."
    )
    exact_match: bool = Field(
        description="True when the query names this product by SKU, model or its whole name: these come first."
    )


class Facet(Result):
    """A value that products found have."""

    value: ShortText
    products: int = Field(description="Products found with it.")


class PriceBand(Result):
    """Prices from one round amount to the next."""

    min_price: Money = Field(description="Lowest price of the band.")
    below_price: Money = Field(description="The next band begins here.")
    products: int = Field(description="Products found in it.")


class RatingBand(Result):
    """Products rated so or better."""

    min_rating: float = Field(description="Average rating, 0 to 5.")
    products: int = Field(description="Products found with this rating or a better one.")


class Facets(Result):
    """What all products found, on all pages, are like; the 20 most frequent values of each kind."""

    brands: list[Facet] = Field(description="Pass value as brand.")
    categories: list[Facet] = Field(description="Each product in its own category only. Pass value as category.")
    price_bands: list[PriceBand] = Field(description="Cheapest first.")
    ratings: list[RatingBand] = Field(description="Best first; unrated products are in none.")


class ProductSearch(Answer):
    """Products that match a query and filters."""

    store_id: str = Field(description="The store that sells them.")
    currency: Currency
    search_mode_used: SearchMode | None = Field(
        description="What the query was compared with in the end; null without a query."
    )
    note: str | None = Field(
        description="What the answer lacks and why, such as another mode used than asked for; null if nothing."
    )
    corrected_query: Annotated[str, UntrustedText(600)] | None = Field(
        description="The query as it was searched for, where words of it were misspelt; null where none was."
    )
    total_matches: int = Field(
        description="Number of products that match, on all pages. Of a very large store at least that many: what "
        "matches by meaning alone counts when it is among the 500 nearest."
    )
    unrelated_products: int = Field(
        description="Products that pass the filters but were left out as unrelated to the query."
    )
    facets: Facets | None = Field(description="Counts over everything found; null unless asked for.")
    rows: list[ProductHit]
    has_more: HasMore
    next_cursor: NextCursor


class SimilarProduct(Result):
    """A product that resembles another."""

    product_id: UUID
    sku: ShortText = Field(description="Pass to get_products for all details.")
    product_name: NameText
    brand: ShortText | None
    category: TopCategory
    subcategory: Subcategory
    price: Money = Field(description="Price of one unit, before tax.")
    price_difference: Money = Field(description="Its price less that of the product asked for; negative when cheaper.")
    current_stock: int = Field(description="Units on hand now.")
    in_stock: bool
    rating: Rating
    rating_count: int
    similarity: float | None = Field(description="Likeness in meaning, -1 to 1; null without an embedding.")


class SimilarProducts(Answer):
    """A product and those that resemble it."""

    store_id: str = Field(description="The store that sells them.")
    currency: Currency
    sku: ShortText = Field(description="The product asked for.")
    product_name: NameText
    price: Money = Field(description="Price of one unit of it, before tax.")
    current_stock: int = Field(description="Units of it on hand now.")
    is_active: bool = Field(description="False when it is discontinued.")
    rows: list[SimilarProduct] = Field(description="Those in stock first, then the most alike; empty if there is none.")


class ProductDetails(Result):
    """Everything known of a product."""

    product_id: UUID
    sku: ShortText
    product_name: NameText
    product_description: LongText | None = Field(description="Cut after 2,000 characters.")
    category: TopCategory
    subcategory: Subcategory
    brand: ShortText | None
    model: ShortText | None
    color: ShortText | None
    size: ShortText | None
    weight_kg: float | None = Field(description="Weight in kilograms.")
    dimensions_cm: ShortText | None = Field(description="Width x depth x height in centimetres.")
    attributes: Annotated[dict[str, JsonValue], UntrustedEntries(500)] = Field(description="Further properties.")
    tags: list[ShortText]
    rating: Rating
    rating_count: int
    price: Money = Field(description="Price of one unit, before tax.")
    cost: Money | None = Field(
        description="What one unit costs the store, for managers and analysts; null for others or when unknown."
    )
    margin_percent: float | None = Field(
        description="(price - cost) / price in percent; null where cost is null or the price is 0."
    )
    current_stock: int = Field(description="Units on hand now.")
    in_stock: bool
    minimum_stock: int = Field(description="Units that should always be there.")
    reorder_point: int = Field(description="Units at which the product is ordered again.")
    maximum_stock: int | None = Field(description="Units that an order fills up to; null where the catalogue has none.")
    lead_time_days: int = Field(description="Days from an order to its arrival, as the supplier promises.")
    supplier_name: ShortText | None
    supplier_sku: ShortText | None = Field(description="The supplier's own number of the product.")
    is_active: bool = Field(description="False when the product is discontinued.")
    is_featured: bool
    updated_at: datetime = Field(description="Last change of the product, stock included, with zone.")


class ProductBatch(Answer):
    """The products asked for."""

    store_id: str = Field(description="The store that this is about: price and stock differ between stores.")
    currency: Currency
    products: list[ProductDetails] = Field(description="Those found, in the order asked, each once.")
    not_found: list[str] = Field(description="Those of the SKUs and ids asked for that this store does not have.")


class CategoryNode(Result):
    """A category with what the store sells in it and below it."""

    category: ShortText = Field(description="Pass as category to other tools; subcategories are included there.")
    parent_category: ShortText | None = Field(description="The category above; null at the top.")
    level: int = Field(description="1 at the top, 2 below it, and so on.")
    description: LongText | None = Field(description="What belongs there.")
    active_products: int = Field(description="Products on sale, subcategories included.")
    in_stock_products: int = Field(description="Those of them with stock.")
    lowest_price: Money = Field(description="Lowest price of a product on sale.")
    highest_price: Money = Field(description="Highest price of a product on sale.")


class CategoryTree(Answer):
    """The categories that the store sells in."""

    store_id: str = Field(description="The store that this is about.")
    currency: Currency
    rows: list[CategoryNode] = Field(description="Each category followed by those below it, by name.")
    has_more: Annotated[bool, Field(description="True when the store has more categories than are shown.")]
