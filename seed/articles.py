"""SKUs: product types multiplied by brands, series and variants into distinct articles."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from seed.catalogue import catalogue
from seed.catalogue.model import Attribute, Placement
from seed.randomness import stream
from server.errors import OptionError


@dataclass(frozen=True, slots=True)
class Article:
    """One SKU, the same in every store that sells it.

    Attributes:
        placement: Its product type, and where that stands.
        serial: Number among the articles of its type, from 1.
        brand: Who makes it.
        series: The maker's line, empty for the plain one.
        choices: Positions of its choices on the type's axes.
        price_dollars: List price before a store rounds it.
        pitch: Positions of the sentences of its description.
    """

    placement: Placement
    serial: int
    brand: str
    series: str
    choices: tuple[int, ...]
    price_dollars: float
    pitch: tuple[int, ...]

    @property
    def sku(self) -> str:
        """Stock keeping unit, for example HG-DRILL-0007."""
        return f"{self.placement.category.code}-{self.placement.type.code}-{self.serial:04d}"

    @property
    def name(self) -> str:
        """Name as on the shelf."""
        return _squeeze(self.placement.type.name.format_map(self._words))

    @property
    def description(self) -> str:
        """What it is for and what it is like, in two to four sentences."""
        about = self.placement.type.about
        return " ".join(_sentence(about[position].format_map(self._words)) for position in self.pitch)

    @property
    def model(self) -> str:
        """The maker's own designation."""
        initials = "".join(letter for letter in self.brand if letter.isupper())[:2]
        return f"{initials}{self.placement.type.code[0]}-{1000 + self.serial * 7}"

    @property
    def axis_values(self) -> dict[str, str]:
        """What makes this variant differ from its siblings."""
        axes = self.placement.type.axes
        return {axis: options[choice] for (axis, options), choice in zip(axes.items(), self.choices, strict=True)}

    @property
    def weight_grams(self) -> int:
        """Weight in grams."""
        return max(1, round(self.placement.type.weight_kg * 1000 * self._bulk))

    @property
    def dimensions(self) -> str:
        """Width x depth x height in centimetres."""
        scale = self._bulk ** (1 / 3)
        return "x".join(f"{round(side * scale, 1):g}" for side in self.placement.type.size_cm)

    @property
    def metadata(self) -> str:
        """Attributes that have no column of their own, as JSON."""
        columns = {"color", "size"}
        axes = {axis: choice for axis, choice in self.axis_values.items() if axis not in columns}
        return json.dumps(self.placement.type.attributes | axes, ensure_ascii=False)

    @property
    def _words(self) -> dict[str, Attribute]:
        fixed: dict[str, Attribute] = {"brand": self.brand, "series": self.series}
        return fixed | self.placement.type.attributes | self.axis_values

    @property
    def _bulk(self) -> float:
        return _factor(self.placement.type.axes, self.placement.type.weight_steps, self.choices)


def make_articles(count: int, random_seed: int) -> list[Article]:
    """Return articles of all types in turn, so that even a few cover the whole catalogue.

    Raises:
        OptionError: The catalogue has fewer distinct variants.
    """
    # A type that runs out of variants drops out, and the others go on.
    sources = [_variants(placement, random_seed) for placement in catalogue().placements]
    articles: list[Article] = []
    while sources and len(articles) < count:
        drawn = [(source, next(source, None)) for source in sources]
        sources = [source for source, article in drawn if article is not None]
        articles += [article for _, article in drawn if article is not None]
    if len(articles) < count:
        raise OptionError(
            f"The catalogue has {len(articles):,} distinct products, not {count:,}. Ask for at most {len(articles):,}."
        )
    return articles[:count]


def _variants(placement: Placement, random_seed: int) -> Iterator[Article]:
    """Yield each variant of a type once: those of the plain series first, in mixed order."""
    rng = stream(random_seed, f"variants/{placement.type.code}")
    pool = placement.category.brands[placement.type.brands]
    named_brands = "{brand}" in placement.type.name
    # Where the name does not tell the brand, two brands would make two products of one name.
    brands = pool if named_brands else pool[:1]
    series = ("", *placement.category.series) if "{series}" in placement.type.name else ("",)
    options = [range(len(choices)) for choices in placement.type.axes.values()]
    serial = 0
    for line in series:
        variants = list(product(brands, product(*options)))
        rng.shuffle(variants)
        for brand, choices in variants:
            serial += 1
            maker = brand if named_brands else rng.choice(pool)
            yield Article(
                placement=placement,
                serial=serial,
                brand=maker,
                series=line,
                choices=choices,
                price_dollars=_price(placement, pool.index(maker), choices, rng.uniform(0.0, 0.25), line),
                pitch=_pitch(len(placement.type.about), rng.random()),
            )


def _price(placement: Placement, rank: int, choices: tuple[int, ...], spread: float, line: str) -> float:
    """Place a brand in the price range by its rank; variants and named series cost more."""
    lowest, highest = placement.type.price
    pool_size = len(placement.category.brands[placement.type.brands])
    position = min(1.0, rank / pool_size + spread)
    surcharge = 1.12 if line else 1.0
    steps = _factor(placement.type.axes, placement.type.steps, choices)
    return (lowest + (highest - lowest) * position) * steps * surcharge


def _factor(axes: dict[str, tuple[str, ...]], steps: dict[str, float], choices: tuple[int, ...]) -> float:
    return math.prod(steps.get(axis, 1.0) ** choice for axis, choice in zip(axes, choices, strict=True))


def _pitch(sentences: int, chance: float) -> tuple[int, ...]:
    """Leave out one sentence after the first from half of the long descriptions."""
    positions = list(range(sentences))
    if sentences > 2 and chance < 0.5:
        del positions[1 + int(chance * 2 * (sentences - 1))]
    return tuple(positions)


def _squeeze(text: str) -> str:
    return " ".join(text.split())


def _sentence(text: str) -> str:
    """Begin with a capital, which a filled-in word may lack."""
    squeezed = _squeeze(text)
    return squeezed[0].upper() + squeezed[1:]
