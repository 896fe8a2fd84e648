"""Every error that this server raises on purpose.

    RetailError
    +-- ConfigurationError              at start-up, for the operator: names the setting and the fix
    +-- DatabaseError                   unexpected database failure: masked for clients, logged by SQLSTATE
    |   +-- SchemaMismatchError         rows that do not fit the model of their query
    +-- UserError                       its text reaches the model; written by us, never by the database
        +-- InvalidInputError           the call can be corrected
        +-- NotFoundError               absent, or in another store: one and the same
        +-- NotAllowedError             no identity, no access to the store, or the role may not
        +-- UnavailableError            the call was fine; try again or use another tool
            +-- DatabaseUnavailableError
            +-- BusyError               no free connection in time
            +-- ContentionError         another transaction holds the rows
            +-- QueryTimeoutError
            +-- EmbeddingUnavailableError

A message says what happened and what to do next. Lower layers never import from here upwards.
"""

from __future__ import annotations

import logging

from fastmcp.exceptions import ToolError


class RetailError(Exception):
    """Base of all errors of this server."""


class ConfigurationError(RetailError):
    """The server cannot start or a command cannot run as configured."""


class DatabaseError(RetailError):
    """The database failed in a way no caller can mend.

    Carries the SQLSTATE and the query's name for the log, never a parameter or the database's text.
    """

    def __init__(self, sqlstate: str, query_name: str, constraint: str | None = None) -> None:
        self.sqlstate = sqlstate
        self.query_name = query_name
        self.constraint = constraint
        super().__init__(f"SQLSTATE {sqlstate} in {query_name} (constraint: {constraint or 'none'})")


class SchemaMismatchError(DatabaseError):
    """A query's rows are not what its model says; the values stay out of the log."""

    def __init__(self, query_name: str, columns: str) -> None:
        super().__init__("none", query_name)
        self.args = (f"Rows of {query_name} do not fit their model: {columns}",)


class UserError(RetailError, ToolError):
    """A failure that the caller can understand and act upon."""

    def __init__(self, message: str) -> None:
        # Expected refusals are not server errors: keep them out of the error log.
        super().__init__(message, log_level=logging.INFO)


class InvalidInputError(UserError):
    """An argument is wrong; the message names it and the correct form."""


class NotFoundError(UserError):
    """Nothing with that name in the stores that the caller may see."""


class NotAllowedError(UserError):
    """The caller is unknown or its role does not allow this."""


class UnavailableError(UserError):
    """Nothing is wrong with the call; something behind the server did not answer."""


class DatabaseUnavailableError(UnavailableError):
    """The database cannot be reached or dropped the connection."""

    def __init__(self) -> None:
        super().__init__(
            "The database is not reachable right now; nothing was changed. Try the same call again in a few seconds."
        )


class BusyError(UnavailableError):
    """All connections stayed in use for the whole waiting time."""

    def __init__(self) -> None:
        super().__init__(
            "The server is busy: no database connection became free in time, so this call did not run. "
            "Try the same call again in a few seconds."
        )


class ContentionError(UnavailableError):
    """Another transaction held what this one needed for too long."""

    def __init__(self) -> None:
        super().__init__(
            "Somebody else is changing this data right now; nothing was changed by this call. "
            "Try the same call again in a few seconds."
        )


class QueryTimeoutError(UnavailableError):
    """The query ran into its time limit and was stopped."""

    def __init__(self) -> None:
        super().__init__(
            "The query took longer than its time limit and was stopped. Ask for a shorter period, "
            "a coarser breakdown or fewer rows."
        )


class EmbeddingUnavailableError(UnavailableError):
    """No vector could be made for the query text."""
