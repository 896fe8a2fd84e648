"""What can go wrong before or during a load; every message says what happened and what to do next.

SeedError                 a RetailError of the server
├── OptionError           an option is out of bounds or does not fit the others
├── CatalogueError        a catalogue file contradicts itself
├── DatabaseError         the database cannot be reached, or has no schema yet
├── RoleError             the login may not load past row level security
└── AlreadyLoadedError    there is data already, and no permission to replace it
"""

from __future__ import annotations

from server.errors import RetailError


class SeedError(RetailError):
    """Anything a person at the command line can act on."""


class OptionError(SeedError):
    """An option is out of bounds or does not fit the others."""


class CatalogueError(SeedError):
    """A catalogue file contradicts itself."""


class DatabaseError(SeedError):
    """The database cannot be reached, or has no schema yet."""


class RoleError(SeedError):
    """The login may not load past row level security."""


class AlreadyLoadedError(SeedError):
    """There is data already, and no permission to replace it."""
