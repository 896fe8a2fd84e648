"""What a server opened when it started, for the calls that it serves."""

from __future__ import annotations

from typing import TypeVar

from fastmcp import Context

_KEY = "server"
Part = TypeVar("Part")


class ServerContext:
    """Parts of a server, each found by its type.

    A package defines the part that it needs, so that none has to know what others need.

    Args:
        parts: At most one of each type.
    """

    def __init__(self, *parts: object) -> None:
        self._parts = {type(part): part for part in parts}

    @classmethod
    def of(cls, context: Context) -> ServerContext:
        """That of the server that serves a request."""
        found = context.lifespan_context[_KEY]
        assert isinstance(found, cls)
        return found

    def get(self, kind: type[Part]) -> Part:
        """The part of a type."""
        part = self._parts[kind]
        assert isinstance(part, kind)
        return part

    def as_lifespan(self) -> dict[str, ServerContext]:
        """What FastMCP keeps for the time that the server runs."""
        return {_KEY: self}
