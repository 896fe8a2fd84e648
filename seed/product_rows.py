"""Rows of the products table, written when the history has left its stock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from seed.options import DemoOptions
from seed.randomness import stream
from seed.shelves import Shelf
from seed.stock import StockPlan
from seed.stores import Store
from seed.tables import Row
from seed.timeline import local_day, timestamp_text

_FEATURED: Final = 0.03
_UNRATED: Final = 0.05


def product_rows(
    options: DemoOptions, store: Store, shelf: Shelf, plans: list[StockPlan], on_hand: list[int]
) -> Iterator[Row]:
    """Yield a store's rows of the products table."""
    rng = stream(options.random_seed, f"products/{store.store_id}")
    listed_at = timestamp_text(local_day(store.time_zone, options.first_day).early)
    for product, plan, units in zip(shelf.products, plans, on_hand, strict=True):
        article = product.article
        place = article.placement
        rating_count = 0 if rng.random() < _UNRATED else 1 + int(rng.expovariate(1 / 60))
        variant = article.axis_values
        yield (
            store.store_id,
            product.product_id,
            article.sku,
            article.name,
            article.description,
            place.category_id,
            article.brand,
            article.model,
            variant.get("color"),
            variant.get("size"),
            article.weight_grams,
            article.dimensions,
            product.price_cents,
            product.cost_cents,
            units,
            plan.minimum,
            plan.maximum,
            plan.reorder_point,
            plan.lead_time_days,
            rng.choice(place.category.suppliers),
            f"{place.type.code}{article.serial:05d}",
            str(product.is_active).lower(),
            str(product.is_active and rng.random() < _FEATURED).lower(),
            round(100 * rng.triangular(3.1, 5.0, 4.4)) if rating_count else 0,
            rating_count,
            "{" + ",".join(place.type.tags) + "}",
            article.metadata,
            listed_at,
            listed_at,
        )
