"""What the rest of the server tells of itself; who listens is decided at the start."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Protocol

from server.calls.call import CallEnd

EmbeddingOutcome = Literal["made", "failed", "remembered", "left_alone"]
"""What became of a wish for vectors: from the provider, not from it, from memory, or not asked because it is down."""

Limit = Literal["calls", "requests", "open_requests", "principals", "stores"]
"""Names of the limits, as in `server.tenancy.limits.Limits`."""


class Pool(Protocol):
    """The state of a connection pool, read when somebody asks."""

    @property
    def name(self) -> str:
        """Which pool it is."""
        ...

    @property
    def size(self) -> int:
        """Most connections."""
        ...

    @property
    def in_use(self) -> int:
        """Connections that are borrowed."""
        ...

    @property
    def idle(self) -> int:
        """Connections that are open and not borrowed."""
        ...

    @property
    def waiting(self) -> int:
        """Borrowers that have none yet."""
        ...


class AuditQueue(Protocol):
    """The state of the audit log's queue, read when somebody asks."""

    @property
    def waiting(self) -> int:
        """Entries that are not written yet."""
        ...

    @property
    def capacity(self) -> int:
        """Entries, and calls under way, beyond which calls are refused."""
        ...

    @property
    def written(self) -> bool:
        """False while the database takes none."""
        ...


class Observer:
    """Nobody listens: the default, and the base of who does. No method waits or fails."""

    def tools_registered(self, names: Iterable[str]) -> None:
        """The server offers these tools."""

    def call_ended(self, end: CallEnd) -> None:
        """A tool call is over."""

    def pool_opened(self, pool: Pool) -> None:
        """A pool is there to be looked at."""

    def connection_awaited(self, pool: str, seconds: float, *, got: bool) -> None:
        """A borrower of that pool got a connection, or gave up, after so long."""

    def audit_opened(self, queue: AuditQueue) -> None:
        """The audit log is there to be looked at."""

    def audit_lost(self, entries: int) -> None:
        """So many entries of the audit log will never be written."""

    def logins_checked(self, *, as_required: bool) -> None:
        """The database's logins were looked at."""

    def refused(self, limit: Limit) -> None:
        """A call or request was over a limit."""

    def http_refused(self, status: int) -> None:
        """An HTTP request was refused before it could be a call."""

    def embedded(self, outcome: EmbeddingOutcome, seconds: float | None = None) -> None:
        """Vectors were asked for; where the provider was asked it took so long."""


NULL_OBSERVER = Observer()
