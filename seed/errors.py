"""What can go wrong with demo data, besides options and the database; every message says what to do next."""

from __future__ import annotations

from server.errors import RetailError


class CatalogueError(RetailError):
    """A catalogue file contradicts itself."""


class AlreadyLoadedError(RetailError):
    """There is data already, and no permission to replace it."""
