"""Every error that this server raises on purpose.

    RetailError
    +-- ConfigurationError              at start-up, for the operator: names the setting and the fix
    +-- OptionError                     an option of a command is out of bounds or does not fit the others
    +-- LoadError                       a load or an import cannot run, or failed and changed nothing
    +-- DatabaseError                   unexpected database failure: masked for clients, logged by SQLSTATE
    |   +-- SchemaMismatchError         rows that do not fit the model of their query
    +-- UserError                       its text reaches the model; written by us, never by the database
        +-- InvalidInputError           the call can be corrected
        |   +-- StoreNeededError        several stores, and none was named
        +-- NotFoundError               absent, or in another store: one and the same
        +-- NotAllowedError             no identity, no access to the store, or the role may not
        |   +-- UnknownIdentityError    an identity provider vouches for somebody who is nobody here
        +-- ResultTooLargeError         not even shortened can the answer be sent
        +-- UnavailableError            the call was fine; try again or use another tool
            +-- DatabaseUnavailableError
            |   +-- ReplicaBehindError  asked again on the primary, so that nobody is told
            +-- AuditUnavailableError   the audit log takes no more: the call did not run
            +-- BusyError               no free connection in time
            +-- TooManyCallsError       over the caller's or the store's limit: the call did not run
            +-- ContentionError         another transaction holds the rows
            +-- QueryTimeoutError
            +-- EmbeddingUnavailableError
            +-- IdentityProviderUnavailableError

A message says what happened and what to do next. Lower layers never import from here upwards. FastMCP's errors are no
base of ours: importing them imports all of it, and most commands do not serve.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

Outcome = Literal["ok", "refused", "failed", "cancelled"]
"""What became of a call, for the audit log: refused was the caller's doing, failed was not."""


class RetailError(Exception):
    """Base of all errors of this server.

    Attributes:
        code: Short name of the kind for the audit log; never changes, because people filter by it.
        outcome: What becomes of a call that ends with it.
    """

    code: ClassVar[str] = "internal"
    outcome: ClassVar[Outcome] = "failed"


class ConfigurationError(RetailError):
    """The server cannot start or a command cannot run as configured."""


class OptionError(RetailError):
    """An option of a command is out of bounds or does not fit the others."""


class LoadError(RetailError):
    """Demo data or an import cannot be loaded: the database, the login or the file is in the way. Nothing changed."""


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


class UserError(RetailError):
    """A failure that the caller can understand and act upon."""

    code = "refused"
    outcome: ClassVar[Outcome] = "refused"


class InvalidInputError(UserError):
    """An argument is wrong; the message names it and the correct form."""

    code = "invalid_input"


class StoreNeededError(InvalidInputError):
    """The caller has several stores and named none.

    Args:
        stores: Those that it has.
    """

    def __init__(self, stores: Sequence[str]) -> None:
        self.stores = tuple(stores)
        super().__init__(
            f"You have access to several stores ({', '.join(stores)}). Pass store_id to say which one is meant."
        )


class NotFoundError(UserError):
    """Nothing with that name in the stores that the caller may see."""

    code = "not_found"


class NotAllowedError(UserError):
    """The caller is unknown or its role does not allow this."""

    code = "not_allowed"


class UnknownIdentityError(NotAllowedError):
    """The identity provider knows the caller, this server does not."""

    code = "unknown_identity"

    def __init__(self) -> None:
        super().__init__("This identity is not known here. Ask the operator of this server to add it.")


class ResultTooLargeError(UserError):
    """A single row of the answer, or what stands around its rows, is over the limit."""

    code = "result_too_large"

    def __init__(self) -> None:
        super().__init__(
            "The answer is too large to be sent, even shortened. Ask for less: fewer items, a shorter period or a "
            "narrower filter."
        )


class UnavailableError(UserError):
    """Nothing is wrong with the call; something behind the server did not answer."""

    code = "unavailable"
    outcome: ClassVar[Outcome] = "failed"


class DatabaseUnavailableError(UnavailableError):
    """The database cannot be reached or dropped the connection."""

    code = "database_unavailable"

    def __init__(self) -> None:
        super().__init__(
            "The database is not reachable right now; nothing was changed. Try the same call again in a few seconds."
        )


class ReplicaBehindError(DatabaseUnavailableError):
    """A replica does not know yet what the primary says of the caller."""


class BusyError(UnavailableError):
    """All connections stayed in use for the whole waiting time."""

    code = "busy"
    outcome: ClassVar[Outcome] = "refused"

    def __init__(self) -> None:
        super().__init__(
            "The server is busy: no database connection became free in time, so this call did not run. "
            "Try the same call again in a few seconds."
        )


class TooManyCallsError(UnavailableError):
    """One caller, or the callers of one store, ask for more than their share.

    Args:
        reason: The limit that was reached, as the beginning of a sentence.
        retry_seconds: When trying again makes sense, in whole seconds.
    """

    code = "too_many_calls"
    outcome: ClassVar[Outcome] = "refused"

    def __init__(self, reason: str, retry_seconds: int) -> None:
        self.retry_seconds = max(retry_seconds, 1)
        plural = "" if self.retry_seconds == 1 else "s"
        super().__init__(
            f"{reason}, so this call did not run. Try the same call again in {self.retry_seconds} second{plural}."
        )


class AuditUnavailableError(UnavailableError):
    """The audit log cannot be written, and no more calls can be remembered until it can."""

    code = "audit_unavailable"
    outcome: ClassVar[Outcome] = "refused"

    def __init__(self) -> None:
        super().__init__(
            "The audit log cannot be written at the moment, so this call did not run and nothing was done. "
            "Try the same call again in a minute."
        )


class ContentionError(UnavailableError):
    """Another transaction held what this one needed for too long."""

    code = "contention"

    def __init__(self) -> None:
        super().__init__(
            "Somebody else is changing this data right now; nothing was changed by this call. "
            "Try the same call again in a few seconds."
        )


class QueryTimeoutError(UnavailableError):
    """The query ran into its time limit and was stopped."""

    code = "timeout"

    def __init__(self) -> None:
        super().__init__(
            "The query took longer than its time limit and was stopped. Ask for a shorter period, "
            "a coarser breakdown or fewer rows."
        )


class IdentityProviderUnavailableError(UnavailableError):
    """The identity provider's keys cannot be fetched, so its signatures cannot be verified."""

    code = "identity_provider_unavailable"

    def __init__(self) -> None:
        super().__init__("The identity provider is not reachable right now. Try the same call again in a few seconds.")


class EmbeddingUnavailableError(UnavailableError):
    """No vector could be made for the query text."""

    code = "embedding_unavailable"
