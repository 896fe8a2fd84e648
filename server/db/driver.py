"""What others need of the driver: its errors and messages by name, and vectors. Only this package imports it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pgvector
from asyncpg import (
    FeatureNotSupportedError,
    InsufficientPrivilegeError,
    InvalidParameterValueError,
    LockNotAvailableError,
    ObjectNotInPrerequisiteStateError,
    PostgresError,
    PostgresLogMessage,
    UniqueViolationError,
    WrongObjectTypeError,
)
from pgvector.asyncpg import register_vector

__all__ = [
    "FeatureNotSupportedError",
    "InsufficientPrivilegeError",
    "InvalidParameterValueError",
    "LockNotAvailableError",
    "ObjectNotInPrerequisiteStateError",
    "PostgresError",
    "PostgresLogMessage",
    "UniqueViolationError",
    "WrongObjectTypeError",
    "as_vectors",
    "register_vectors",
]


async def register_vectors(connection: Any) -> None:
    """Let a connection send and receive vectors.

    Raises:
        ValueError: The database has no type for them.
    """
    await register_vector(connection)


def as_vectors(vectors: Sequence[Any]) -> list[Any]:
    """Vectors of numbers as parameters of a query."""
    return [pgvector.Vector(vector) for vector in vectors]
