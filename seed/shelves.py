"""Shelves: which store sells which article, at what price, and what is bought along with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from seed.articles import Article, make_articles
from seed.options import DemoOptions
from seed.randomness import Identifiers, cumulative, stream
from seed.stores import Store
from seed.timeline import local_day

_STORES_PER_ARTICLE: Final = {1: 20, 2: 30, 3: 30, 4: 20}
_SOLD_ONLINE: Final = 0.85
# Dealt as if it were two stores, so that the flagship has the wider range.
_FLAGSHIP_DEALS: Final = 2

# Few articles sell much and many sell little; the offset keeps the first from selling everything.
_ZIPF_EXPONENT: Final = 0.85
_ZIPF_OFFSET: Final = 4
_DISCONTINUED: Final = 0.02
_COMPANIONS: Final = 3

# Factor on sales per month, January first.
_SEASONS: Final = {
    "steady": (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0),
    "spring": (0.4, 0.7, 1.6, 2.2, 2.2, 1.5, 0.9, 0.7, 0.7, 0.6, 0.4, 0.3),
    "summer": (0.2, 0.3, 0.6, 1.0, 1.7, 2.4, 2.5, 1.9, 0.8, 0.4, 0.2, 0.2),
    "autumn": (0.7, 0.6, 0.7, 0.7, 0.8, 0.8, 0.8, 1.1, 1.7, 1.8, 1.4, 0.9),
    "winter": (2.0, 1.7, 1.0, 0.6, 0.4, 0.3, 0.3, 0.4, 0.7, 1.2, 1.8, 2.1),
    "holiday": (0.7, 0.8, 0.8, 0.8, 0.9, 0.9, 0.7, 0.8, 0.8, 0.9, 1.6, 2.4),
    "school": (1.0, 0.8, 0.7, 0.7, 0.8, 0.8, 1.3, 2.3, 1.7, 0.9, 0.8, 0.9),
    "new_year": (2.4, 1.6, 1.2, 1.0, 0.9, 0.9, 0.8, 0.8, 0.9, 0.8, 0.8, 1.0),
}
_SEASON_NUMBER: Final = {season: number for number, season in enumerate(_SEASONS)}
_SEASON_FACTORS: Final = np.array(list(_SEASONS.values()))


@dataclass(frozen=True, slots=True)
class Product:
    """One article in one store.

    Attributes:
        number: Position on its store's shelf.
        article: What it is.
        product_id: Its key.
        price_cents: What it costs here.
        cost_cents: What the store paid for it.
        popularity: How well it sells, compared to the store's other products.
        sold_until: The day from which it is no longer sold; the length of the period when it stays.
        is_active: Whether it stays.
    """

    number: int
    article: Article
    product_id: str
    price_cents: int
    cost_cents: int
    popularity: float
    sold_until: int
    is_active: bool


class Shelf:
    """All products of one store.

    Attributes:
        products: In order of their numbers.
    """

    def __init__(self, products: list[Product]) -> None:
        self.products = products
        self._popularity = np.array([product.popularity for product in products])
        self._sold_until = np.array([product.sold_until for product in products])
        self._season = np.array([_SEASON_NUMBER[product.article.placement.type.season] for product in products])
        self._by_type: dict[str, list[int]] = defaultdict(list)
        staying = [product for product in products if product.is_active]
        for product in sorted(staying, key=lambda product: -product.popularity):
            self._by_type[product.article.placement.type.code].append(product.number)

    def shares_in(self, day: int, month: int) -> list[float]:
        """Return running shares to pick a product by.

        Args:
            day: Day of the period; what is discontinued by then has no share.
            month: Month of the year, 1 to 12.
        """
        in_season = self._popularity * _SEASON_FACTORS[self._season, month - 1]
        weights = np.where(self._sold_until > day, in_season, 0.0)
        return cumulative(weights.tolist())

    def yearly_shares(self) -> list[float]:
        """Return each product's part of the store's sales over a year."""
        weights = self._popularity * _SEASON_FACTORS[self._season].mean(axis=1)
        return [float(share) for share in weights / weights.sum()]

    def companions(self, product: Product) -> list[int]:
        """Return the products that are often bought along with one: the best of each companion type."""
        return [
            number for code in product.article.placement.type.goes_with for number in self._by_type[code][:_COMPANIONS]
        ]

    def siblings(self, product: Product) -> list[int]:
        """Return the active products of the same type, itself among them if it is one."""
        return self._by_type[product.article.placement.type.code]


def make_shelves(options: DemoOptions, stores: list[Store]) -> list[Shelf]:
    """Return the shelf of each store, in the order of the stores."""
    articles = make_articles(options.products, options.random_seed)
    rng = stream(options.random_seed, "assortment")
    ranks = rng.sample(range(len(articles)), len(articles))
    identifiers = Identifiers(options.random_seed, "products")
    sold_at: list[list[Article]] = [[] for _ in stores]
    rank_of = {article.sku: rank for article, rank in zip(articles, ranks, strict=True)}
    for article, store_numbers in zip(articles, _deal(options, stores, articles), strict=True):
        for store_number in store_numbers:
            sold_at[store_number].append(article)

    return [
        Shelf(_stock_shelf(options, store, stocked, rank_of, identifiers))
        for store, stocked in zip(stores, sold_at, strict=True)
    ]


def _stock_shelf(
    options: DemoOptions, store: Store, stocked: list[Article], rank_of: dict[str, int], identifiers: Identifiers
) -> list[Product]:
    """Give the articles of one store their local price and fate."""
    rng = stream(options.random_seed, f"shelf/{store.store_id}")
    opened = local_day(store.time_zone, options.first_day).early
    products = []
    for number, article in enumerate(stocked):
        price_cents = shelf_price(article.price_dollars * rng.uniform(0.96, 1.04))
        # The first one stays, so that even the smallest store always has something to sell.
        discontinued = rng.random() < _DISCONTINUED and number > 0
        products.append(
            Product(
                number=number,
                article=article,
                product_id=identifiers.next(opened),
                price_cents=price_cents,
                cost_cents=round(price_cents * rng.uniform(0.4, 0.7)),
                popularity=_popularity(rank_of[article.sku], price_cents) * rng.uniform(0.6, 1.6),
                sold_until=int(options.days * rng.uniform(0.4, 0.9)) if discontinued else options.days,
                is_active=not discontinued,
            )
        )
    return products


def _popularity(rank: int, price_cents: int) -> float:
    """Return how well an article sells: by its rank, and cheap things better than dear ones."""
    return float((rank + _ZIPF_OFFSET) ** -_ZIPF_EXPONENT * price_cents**-0.25)


def _deal(options: DemoOptions, stores: list[Store], articles: list[Article]) -> Iterator[set[int]]:
    """Yield for each article the stores that sell it.

    Shops are dealt articles like players cards, so that none of them is left without. The flagship
    and the web shop show at least one article of each type.
    """
    rng = stream(options.random_seed, "deal")
    online = {number for number, store in enumerate(stores) if store.is_online}
    flagships = {number for number, store in enumerate(stores) if store.kind == "flagship"}
    shops = [number for number in range(len(stores)) if number not in online]
    deck = shops + sorted(flagships) * (_FLAGSHIP_DEALS - 1)
    most = max(_STORES_PER_ARTICLE)
    counts = rng.choices(list(_STORES_PER_ARTICLE), list(_STORES_PER_ARTICLE.values()), k=len(articles))
    dealt: list[int] = []
    for article, count in zip(articles, counts, strict=True):
        sellers = set(online) if rng.random() < _SOLD_ONLINE else set()
        wanted = min(count, len(shops) + len(sellers))
        while len(sellers) < wanted:
            if not dealt:
                dealt = rng.sample(deck, len(deck))
            sellers.add(dealt.pop())
        everywhere = sellers | flagships | online
        yield everywhere if article.serial == 1 and len(everywhere) <= most else sellers


def shelf_price(dollars: float) -> int:
    """Return the price in cents that a shop would put on the label: it ends in .49 or .99."""
    if dollars < 20:
        half_dollars = max(1, round(dollars * 2))
        return half_dollars * 50 - 1
    if dollars < 100:
        return round(dollars) * 100 - 1
    return round(dollars / 5) * 500 - 1 if dollars < 500 else round(dollars / 10) * 1000 - 1
