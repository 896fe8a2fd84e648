"""What the demo retailer sells: one file per category, checked when it is read."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from pydantic import ValidationError

from seed.catalogue.model import Catalogue, Category
from seed.errors import CatalogueError

_FILES = (
    "electronics",
    "clothing",
    "home_garden",
    "sports_outdoors",
    "books_media",
    "health_beauty",
    "automotive",
)


@cache
def catalogue() -> Catalogue:
    """Read the whole catalogue, once.

    Raises:
        CatalogueError: A file contradicts itself or another one.
    """
    return Catalogue(tuple(_category(name) for name in _FILES))


def _category(name: str) -> Category:
    text = files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8")
    try:
        return Category.model_validate(tomllib.loads(text))
    except (ValidationError, tomllib.TOMLDecodeError) as error:
        raise CatalogueError(f"catalogue/{name}.toml is not right: {error}. Correct the file.") from error
