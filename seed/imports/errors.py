"""Why an import changed nothing; every message says what to do next."""

from __future__ import annotations

from seed.errors import SeedError


class ImportFileError(SeedError):
    """The file as a whole cannot be read: wrong place, format or encoding, or nothing in it."""


class RejectFileError(SeedError):
    """The file for rejected rows cannot be written where it should be."""


class RejectedRowsError(SeedError):
    """Some rows are not acceptable, so nothing was loaded."""
