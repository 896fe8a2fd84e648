"""Customers: people, the store each belongs to, and how much each of them buys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

import numpy as np
from faker import Faker

from seed.options import DemoOptions
from seed.randomness import Identifiers, array_stream, cumulative, even_choices, stream
from seed.stores import Store
from seed.tables import Row
from seed.timeline import local_day, timestamp_text

# So many different names are drawn; people share them, as people do.
_NAME_POOL: Final = 1_500
_MAIL_DOMAINS: Final = ("example.com", "example.net", "example.org", "mail.example.com", "post.example.net")
_MAIL_PATTERNS: Final = ("{first}.{last}", "{first}.{last}", "{initial}{last}", "{first}{last}", "{first}_{last}")
_GENDERS: Final = even_choices({"Female": 47, "Male": 46, "Other": 3, "Prefer not to say": 4})
# The exchange that films use: apart from information lines nobody is reached by it.
_PHONE_PATTERNS: Final = (
    "({area}) 555-{line}", "{area}-555-{line}", "+1 {area} 555 {line}", "{area}.555.{line}", "{area}555{line}",
)  # fmt: skip
_WITHOUT_PHONE: Final = 0.06
_WITHOUT_BIRTH_DATE: Final = 0.05

_SHOPS_ELSEWHERE_TOO: Final = 0.06
_JOINS_DURING_PERIOD: Final = 0.28
_LAPSES: Final = 0.2
_YEARS_BEFORE: Final = 5
_OF_AGE: Final = 18.5
# Spread of buying on a logarithmic scale: a tenth of the customers buys about 40 percent.
_ACTIVITY_SIGMA: Final = 1.0

# Share of a store's customers that have at most this tier, by what they spent.
_TIERS: Final = ((0.50, "bronze"), (0.80, "silver"), (0.95, "gold"), (1.0, "platinum"))


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, who may be a customer of several stores.

    Attributes:
        first_name: Given name.
        last_name: Family name.
        email: Address in a domain reserved for examples.
        phone: Number that is never assigned, in one of several notations.
        date_of_birth: As ISO date.
        gender: As the person gave it.
    """

    first_name: str
    last_name: str
    email: str
    phone: str | None
    date_of_birth: str | None
    gender: str


@dataclass
class Clientele:
    """Customers of one store, in parallel lists.

    Attributes:
        people: Who they are.
        ids: Their customer ids.
        since: Days from the start of the period to their first day; negative when before.
        until: The day from which they buy no more.
        activity: How much they buy, compared to each other.
        spent_cents: What they paid so far; the history adds to this and to what follows.
        purchases: How often they bought so far.
        first_purchase: The epoch second at which they bought first; None before.
        last_purchase: Likewise for the last time.
    """

    people: list[Person] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    since: list[int] = field(default_factory=list)
    until: list[int] = field(default_factory=list)
    activity: list[float] = field(default_factory=list)
    spent_cents: list[int] = field(default_factory=list)
    purchases: list[int] = field(default_factory=list)
    first_purchase: list[int | None] = field(default_factory=list)
    last_purchase: list[int | None] = field(default_factory=list)

    def enter(self, number: int, epoch: int, paid_cents: int, *, bought: bool) -> None:
        """Enter a receipt of a customer; the history comes in order of time."""
        self.spent_cents[number] += paid_cents
        if bought:
            self.purchases[number] += 1
            self.last_purchase[number] = epoch
            if self.first_purchase[number] is None:
                self.first_purchase[number] = epoch

    def shares_on(self, day: int) -> list[float]:
        """Return running shares to pick a customer by; empty when nobody buys on that day."""
        active = (np.array(self.since) < day) & (np.array(self.until) > day)
        weights = np.where(active, self.activity, 0.0)
        return cumulative(weights.tolist()) if active.any() else []

    def tiers(self) -> list[str]:
        """Return each customer's tier by rank of spending; of equals, the older customer is ahead."""
        ranked = sorted(range(len(self.ids)), key=lambda number: (self.spent_cents[number], -self.since[number]))
        tiers = [""] * len(ranked)
        for rank, number in enumerate(ranked, start=1):
            tiers[number] = next(tier for limit, tier in _TIERS if rank <= limit * len(ranked))
        return tiers


class _People:
    """Makes up people, each with an own address."""

    def __init__(self, options: DemoOptions) -> None:
        self._rng = stream(options.random_seed, "people")
        self._as_of = options.as_of
        # Of age even on the first day on which anybody joins.
        self._youngest = _OF_AGE + _YEARS_BEFORE + options.days / 365
        names = Faker("en_US")
        names.seed_instance(options.random_seed)
        self._first_names = {
            "Female": [names.first_name_female() for _ in range(_NAME_POOL)],
            "Male": [names.first_name_male() for _ in range(_NAME_POOL)],
        }
        self._neutral = [names.first_name_nonbinary() for _ in range(_NAME_POOL)]
        self._last_names = [names.last_name() for _ in range(_NAME_POOL)]
        self._mailboxes: dict[str, int] = {}

    def new(self, store: Store) -> Person:
        """Make up somebody who lives near a store."""
        rng = self._rng
        gender = rng.choice(_GENDERS)
        first_name = rng.choice(self._first_names.get(gender, self._neutral))
        last_name = rng.choice(self._last_names)
        return Person(
            first_name=first_name,
            last_name=last_name,
            email=self._email(first_name.lower(), last_name.lower()),
            phone=self._phone(store),
            date_of_birth=self._birth_date(),
            gender=gender,
        )

    def _email(self, first: str, last: str) -> str:
        pattern = self._rng.choice(_MAIL_PATTERNS)
        local = pattern.format(first=first, last=last, initial=first[0]).replace(" ", "").replace("'", "")
        # A name met before gets a number behind it, as with any mail provider.
        earlier = self._mailboxes[local] = self._mailboxes.get(local, 0) + 1
        return f"{local}{earlier if earlier > 1 else ''}@{self._rng.choice(_MAIL_DOMAINS)}"

    def _phone(self, store: Store) -> str | None:
        if self._rng.random() < _WITHOUT_PHONE:
            return None
        line = f"{self._rng.randrange(10_000):04d}"
        return self._rng.choice(_PHONE_PATTERNS).format(area=self._rng.choice(store.area_codes), line=line)

    def _birth_date(self) -> str | None:
        if self._rng.random() < _WITHOUT_BIRTH_DATE:
            return None
        age_years = self._rng.triangular(self._youngest, 86, 42)
        return (self._as_of - timedelta(days=int(age_years * 365.25))).isoformat()


def make_clienteles(options: DemoOptions, stores: list[Store]) -> list[Clientele]:
    """Return the customers of each store, in the order of the stores."""
    rng = stream(options.random_seed, "customers")
    identifiers = Identifiers(options.random_seed, "customers")
    people = _People(options)
    clienteles = [Clientele() for _ in stores]
    addresses: list[set[str]] = [set() for _ in stores]
    everybody: list[Person] = []
    belongs_to = rng.choices(range(len(stores)), [store.share for store in stores], k=options.customers)
    for number in belongs_to:
        store, clientele = stores[number], clienteles[number]
        person = rng.choice(everybody) if everybody and rng.random() < _SHOPS_ELSEWHERE_TOO else None
        if person is None or person.email in addresses[number]:
            person = people.new(store)
            everybody.append(person)
        addresses[number].add(person.email)
        since = _first_day(rng.random(), rng.random(), options.days)
        lapses = since < 0 and rng.random() < _LAPSES
        clientele.people.append(person)
        clientele.since.append(since)
        clientele.until.append(int(options.days * rng.uniform(0.1, 0.7)) if lapses else options.days)
        clientele.ids.append(identifiers.next(_joined(store, options.first_day, since)))
        clientele.spent_cents.append(0)
        clientele.purchases.append(0)
        clientele.first_purchase.append(None)
        clientele.last_purchase.append(None)
    activities = array_stream(options.random_seed, "activity")
    for clientele in clienteles:
        clientele.activity = activities.lognormal(0.0, _ACTIVITY_SIGMA, len(clientele.ids)).tolist()
    return clienteles


def _first_day(which: float, when: float, days: int) -> int:
    if which < _JOINS_DURING_PERIOD:
        return int(when * days)
    return -1 - int(when * 365 * _YEARS_BEFORE)


def _joined(store: Store, first_day: date, since: int) -> int:
    """Return the epoch second at which somebody became a customer: two in the afternoon."""
    return local_day(store.time_zone, first_day + timedelta(days=since)).instant(14 * 3600)


def customer_rows(options: DemoOptions, store: Store, clientele: Clientele) -> Iterator[Row]:
    """Yield a store's rows of the customers table, with tier and value after the whole history."""
    for number, (person, since, tier) in enumerate(
        zip(clientele.people, clientele.since, clientele.tiers(), strict=True)
    ):
        joined_at = timestamp_text(_joined(store, options.first_day, since))
        yield (
            store.store_id,
            clientele.ids[number],
            person.first_name,
            person.last_name,
            person.email,
            person.phone,
            person.date_of_birth,
            person.gender,
            (options.first_day + timedelta(days=since)).isoformat(),
            tier,
            clientele.spent_cents[number],
            clientele.purchases[number],
            _moment_text(clientele.first_purchase[number]),
            _moment_text(clientele.last_purchase[number]),
            joined_at,
            joined_at,
        )


def _moment_text(epoch: int | None) -> str | None:
    return None if epoch is None else timestamp_text(epoch)
