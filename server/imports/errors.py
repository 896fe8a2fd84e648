"""Why an import changed nothing; every message says what to do next."""

from __future__ import annotations

from server.errors import LoadError


class ImportFileError(LoadError):
    """The file as a whole cannot be read: wrong place, format or encoding, or nothing in it."""


class RejectFileError(LoadError):
    """The file for rejected rows cannot be written where it should be."""


class RejectedRowsError(LoadError):
    """Some rows are not acceptable, so nothing was loaded."""
