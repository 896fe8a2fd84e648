"""Shape of the catalogue files: category, subcategories, product types and their variants."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from string import Formatter
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, model_validator

from seed.errors import CatalogueError

Season = Literal["steady", "spring", "summer", "autumn", "winter", "holiday", "school", "new_year"]
Tag = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Attribute = str | int | float | bool

# What a name or a description may mention besides axes and attributes.
_ALWAYS_KNOWN = frozenset({"brand", "series"})


class _Entry(BaseModel):
    """Base of all entries: immutable, and a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ProductType(_Entry):
    """One kind of thing, sold by several brands in several variants.

    Attributes:
        code: Part of the SKU; unique in the catalogue.
        name: Template of the product name. It must mention every axis, so that names stay distinct.
        brands: Name of a brand pool of the category.
        price: Lowest and highest price in dollars of the plainest variant.
        weight_kg: Weight of the plainest variant.
        size_cm: Width, depth and height of the plainest variant.
        tags: Words to find it by.
        season: When it sells best.
        axes: What variants differ in, and the choices, plainest first. "color" and "size" fill the
            columns of that name, any other axis becomes an attribute.
        steps: For an axis, the factor on the price from each choice to the next.
        weight_steps: The same for the weight.
        attributes: Facts that hold for all variants.
        about: Sentences of the description; the first one says what the thing is for.
        goes_with: Codes of types that the same customer often buys along with it.
    """

    code: Annotated[str, Field(pattern=r"^[A-Z0-9]{3,8}$")]
    name: str
    brands: str
    price: tuple[PositiveFloat, PositiveFloat]
    weight_kg: PositiveFloat
    size_cm: tuple[PositiveFloat, PositiveFloat, PositiveFloat]
    tags: Annotated[tuple[Tag, ...], Field(min_length=3, max_length=6)]
    season: Season = "steady"
    axes: dict[str, tuple[str, ...]]
    steps: dict[str, PositiveFloat] = {}
    weight_steps: dict[str, PositiveFloat] = {}
    attributes: dict[str, Attribute] = {}
    about: Annotated[tuple[str, ...], Field(min_length=2, max_length=4)]
    goes_with: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _templates_fit_the_axes(self) -> Self:
        in_name = _placeholders(self.name)
        known = _ALWAYS_KNOWN | self.axes.keys() | self.attributes.keys()
        mentioned = in_name.union(*map(_placeholders, self.about))
        for wrong, what in (
            (self.axes.keys() - in_name, "axes missing from the name"),
            (mentioned - known, "unknown placeholders"),
            ((self.steps.keys() | self.weight_steps.keys()) - self.axes.keys(), "steps without an axis"),
        ):
            if wrong:
                raise ValueError(f"{self.code}: {what}: {', '.join(sorted(wrong))}")
        if self.price[0] > self.price[1]:
            raise ValueError(f"{self.code}: the lowest price is above the highest")
        return self


def _placeholders(template: str) -> set[str]:
    return {field for _, field, _, _ in Formatter().parse(template) if field}


class Subcategory(_Entry):
    """A shelf: product types that belong together."""

    name: str
    description: str
    types: Annotated[tuple[ProductType, ...], Field(min_length=1)]


class Category(_Entry):
    """A department with its brands and suppliers, all of them made up.

    Attributes:
        name: Its name.
        code: First part of its SKUs.
        description: What it holds.
        suppliers: Who delivers.
        series: Names that a brand gives its lines, after the plain one.
        brands: Pools of brands, cheapest first.
        subcategories: Its shelves.
    """

    name: str
    code: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    description: str
    suppliers: Annotated[tuple[str, ...], Field(min_length=2)]
    series: tuple[str, ...]
    brands: dict[str, Annotated[tuple[str, ...], Field(min_length=3)]]
    subcategories: Annotated[tuple[Subcategory, ...], Field(min_length=4, max_length=6)]

    @model_validator(mode="after")
    def _brand_pools_exist(self) -> Self:
        for shelf in self.subcategories:
            for product_type in shelf.types:
                if product_type.brands not in self.brands:
                    raise ValueError(f"{product_type.code}: no brand pool {product_type.brands!r}")
        return self


@dataclass(frozen=True)
class Placement:
    """A product type and the department and shelf it is found in.

    Attributes:
        category: The department.
        category_id: Key of the shelf in the database.
        type: The product type.
    """

    category: Category
    category_id: int
    type: ProductType


class Catalogue:
    """All categories, numbered as the database will number them.

    Raises:
        CatalogueError: Two types share a code, or a companion does not exist.
    """

    def __init__(self, categories: tuple[Category, ...]) -> None:
        self.categories = categories
        codes = [placement.type.code for placement in self.placements]
        if repeated := {code for code in codes if codes.count(code) > 1}:
            raise CatalogueError(f"type codes are used twice: {', '.join(sorted(repeated))}. Rename them.")
        companions = {code for placement in self.placements for code in placement.type.goes_with}
        if unknown := companions - set(codes):
            raise CatalogueError(f"goes_with names no type: {', '.join(sorted(unknown))}. Correct the codes.")

    @cached_property
    def rows(self) -> list[tuple[int, str, int | None, str]]:
        """Rows of the category table: id, name, parent id, description; parents before children."""
        parents = range(1, len(self.categories) + 1)
        rows: list[tuple[int, str, int | None, str]] = [
            (parent, category.name, None, category.description)
            for parent, category in zip(parents, self.categories, strict=True)
        ]
        for parent, category in zip(parents, self.categories, strict=True):
            rows += [
                (len(rows) + offset, shelf.name, parent, shelf.description)
                for offset, shelf in enumerate(category.subcategories, start=1)
            ]
        return rows

    @cached_property
    def placements(self) -> list[Placement]:
        """Every product type with its place."""
        shelves = [(category, shelf) for category in self.categories for shelf in category.subcategories]
        return [
            Placement(category, category_id, product_type)
            for category_id, (category, shelf) in enumerate(shelves, start=len(self.categories) + 1)
            for product_type in shelf.types
        ]
