"""The stores: the demo's four, and as many others as are wanted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from seed.cities import CITIES, DISTRICTS, City
from seed.randomness import stream
from seed.tables import Row

ONLINE_ID: Final = "online"
_OPENED: Final = "2014-03-01 17:00:00+00"


@dataclass(frozen=True)
class Store:
    """One store.

    Attributes:
        store_id: Its key.
        code: What its receipt numbers start with.
        name: Its name.
        location: Town and state, or 'Digital'.
        kind: flagship, standard or ecommerce.
        region: Sales region.
        time_zone: IANA name.
        area_codes: Telephone area codes of its customers.
        tax_basis_points: Sales tax in hundredths of a percent. Near what the town charges, not tax advice.
        share: Its part of all sales, compared to the other stores.
    """

    store_id: str
    code: str
    name: str
    location: str
    kind: str
    region: str
    time_zone: str
    area_codes: tuple[str, ...]
    tax_basis_points: int
    share: float

    @property
    def is_online(self) -> bool:
        """Whether it sells around the clock and takes no cash."""
        return self.kind == "ecommerce"

    def row(self) -> Row:
        """Return its row of the stores table."""
        return (
            self.store_id, self.name, self.location, self.kind, self.region,
            "USD", self.time_zone, "true", _OPENED, _OPENED,
        )  # fmt: skip


_PACIFIC: Final = "America/Los_Angeles"
_WASHINGTON: Final = ("206", "253", "360", "425")

_OWN_STORES: Final = (
    Store("seattle", "SEA", "Zava Retail Seattle", "Seattle, WA", "flagship", "west", _PACIFIC,
          ("206", "206", "425", "253"), 1035, 0.32),
    Store("redmond", "RED", "Zava Retail Redmond", "Redmond, WA", "standard", "west", _PACIFIC,
          ("425", "425", "206"), 1030, 0.19),
    Store("bellevue", "BEL", "Zava Retail Bellevue", "Bellevue, WA", "standard", "west", _PACIFIC,
          ("425", "425", "206"), 1030, 0.21),
    Store(ONLINE_ID, "ONL", "Zava Retail Online", "Digital", "ecommerce", "global", _PACIFIC,
          ("206", "503", "415", "303", "512", "312", "617", "404"), 800, 0.28),
)  # fmt: skip


def make_stores(count: int, random_seed: int) -> list[Store]:
    """Return the demo's own stores first, then one after the other in further towns and districts."""
    return [*_OWN_STORES, *_more_stores(count - len(_OWN_STORES), random_seed)][:count]


def _more_stores(count: int, random_seed: int) -> Iterator[Store]:
    rng = stream(random_seed, "stores")
    places = [(city, district) for district in DISTRICTS for city in CITIES]
    for number, (city, district) in enumerate(places[: max(count, 0)], start=1):
        yield _town_store(city, district, number, share=rng.uniform(0.08, 0.25))


def _town_store(city: City, district: str, number: int, share: float) -> Store:
    place = f"{city.name} {district}".strip()
    return Store(
        store_id=place.lower().replace(" ", "-").replace(".", ""),
        # Two towns may start alike; the number keeps receipts of different stores apart.
        code=f"{city.name[:2].upper()}{number:03d}",
        name=f"Zava Retail {place}",
        location=f"{place}, {city.state}",
        kind="standard",
        region=city.region,
        time_zone=city.time_zone,
        area_codes=(city.area_code,),
        tax_basis_points=city.tax_basis_points,
        share=share,
    )
