"""A product of the file as it goes into the database: every field checked, every limit the schema's."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo

from server.imports.fields import values
from server.imports.fields.empty_values import required, with_default
from server.imports.fields.numbers import amount, measure, whole
from server.imports.fields.texts import code, text
from server.imports.fields.vocabulary import Vocabulary

MAX_NAME: Final = 200
MAX_DESCRIPTION: Final = 10_000
MAX_BRAND: Final = 100
MAX_OPTION: Final = 50

Text50 = Annotated[str | None, BeforeValidator(partial(text, limit=MAX_OPTION))]
Text100 = Annotated[str | None, BeforeValidator(partial(text, limit=MAX_BRAND))]
Rating = Annotated[Decimal, with_default(partial(measure, largest=Decimal(5), step=Decimal("0.01")), Decimal(0))]
Amount = Annotated[Decimal | None, BeforeValidator(amount)]


def _price(value: object, info: ValidationInfo) -> object:
    return required(amount(value, info))


class ImportedProduct(BaseModel):
    """One product. The names are those of the file; the defaults are those of the schema."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, BeforeValidator(lambda value: required(text(value, MAX_NAME)))]
    sku: Annotated[str, BeforeValidator(lambda value: required(code(value)))]
    price: Annotated[Decimal, BeforeValidator(_price)]
    description: Annotated[str | None, BeforeValidator(partial(text, limit=MAX_DESCRIPTION, trim=False))] = None
    categories: Annotated[tuple[str, ...] | None, BeforeValidator(values.levels)] = None
    stock_level: Annotated[int | None, BeforeValidator(whole)] = None
    brand: Text100 = None
    tags: Annotated[tuple[str, ...], with_default(values.tags, ())] = ()
    model: Text100 = None
    color: Text50 = None
    size: Text50 = None
    weight_kg: Annotated[
        Decimal | None, BeforeValidator(partial(measure, largest=Decimal("99999.999"), step=Decimal("0.001")))
    ] = None
    dimensions_cm: Text50 = None
    cost: Amount = None
    minimum_stock: Annotated[int, with_default(whole, 0)] = 0
    maximum_stock: Annotated[int | None, BeforeValidator(whole)] = None
    reorder_point: Annotated[int, with_default(whole, 10)] = 10
    lead_time_days: Annotated[int, with_default(whole, 7)] = 7
    supplier_name: Text100 = None
    supplier_sku: Annotated[str | None, BeforeValidator(code)] = None
    rating_average: Annotated[
        Decimal, with_default(partial(measure, largest=Decimal(5), step=Decimal("0.01")), Decimal(0))
    ] = Decimal(0)
    rating_count: Annotated[int, with_default(whole, 0)] = 0
    is_featured: Annotated[bool, with_default(values.boolean, False)] = False
    metadata: Annotated[str, with_default(values.metadata, "{}")] = "{}"
    discontinued: Annotated[bool, with_default(values.boolean, False)] = False


# Fields that one product table column takes as they are, in the order in which they are staged.
COLUMNS: Final = {
    "sku": "sku",
    "name": "product_name",
    "price": "price",
    "description": "product_description",
    "brand": "brand",
    "tags": "tags",
    "model": "model",
    "color": "color",
    "size": "size",
    "weight_kg": "weight_kg",
    "dimensions_cm": "dimensions_cm",
    "cost": "cost",
    "minimum_stock": "minimum_stock",
    "maximum_stock": "maximum_stock",
    "reorder_point": "reorder_point",
    "lead_time_days": "lead_time_days",
    "supplier_name": "supplier_name",
    "supplier_sku": "supplier_sku",
    "rating_average": "rating_average",
    "rating_count": "rating_count",
    "is_featured": "is_featured",
    "metadata": "metadata",
}

PRODUCTS: Final = Vocabulary.of(
    ImportedProduct,
    aliases={
        "name": ("product_name", "title"),
        "sku": ("product_sku",),
        "price": ("unit_price",),
        "description": ("product_description",),
        "categories": ("category",),
        "stock_level": ("stock", "quantity", "stock_quantity", "current_stock"),
        "color": ("colour",),
        "rating_average": ("rating",),
        "rating_count": ("review_count",),
    },
)
