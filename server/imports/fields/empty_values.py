"""What an empty value means: a fault, or the schema's default."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import BeforeValidator

from server.imports.fields.texts import fault


def required(value: object) -> object:
    """Refuse an empty value."""
    if value is None:
        raise fault("is empty", "Fill it in.")
    return value


def with_default(read: Callable[[object], object], default: object) -> BeforeValidator:
    """Read a value, an empty one being the default."""

    def validate(value: object) -> object:
        found = read(value)
        return default if found is None else found

    return BeforeValidator(validate)
