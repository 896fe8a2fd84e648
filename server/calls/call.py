"""The tool call in progress: who asks, for which store, what came of it."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID, uuid4

from server.calls.principal import Principal, Role, Scope
from server.errors import NotAllowedError, Outcome

UNKNOWN_TOOL = "(unknown)"
"""Stands for whatever a caller asked for that is no tool."""


ReplicaUse = Literal["allowed", "used", "excluded"]
"""Whether the reads of a call may go to a replica, went there, or may not any more."""


@dataclass(slots=True)
class Call:
    """What is known of one tool call: its tool from the beginning, the rest by its methods while it runs.

    Attributes:
        tool: Name that the caller asked for.
        call_id: Number of the call in the audit log and in the server's log.
        started_at: When it arrived.
        principal: Who asks; None until, or unless, there is a valid identity.
        required_scope: Scope that the tool demands of the principal, in the store that it enters too.
        admitted: Whether the caller has this tool and was within its rate; before, nothing is spent on its arguments.
        stores: Every store that was entered, with the principal's role there.
        replica: Whether its reads go to a replica.
        cursor_after: Makes the cursor that continues the answer after so many of its rows; None without pages.
    """

    tool: str
    call_id: UUID = field(default_factory=uuid4)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    principal: Principal | None = field(default=None, init=False)
    required_scope: Scope = field(default="retail:read", init=False)
    admitted: bool = field(default=False, init=False)
    stores: dict[str, Role] = field(default_factory=dict, init=False)
    replica: ReplicaUse = field(default="allowed", init=False)
    cursor_after: Callable[[int], str] | None = field(default=None, init=False)

    def identify(self, principal: Principal) -> None:
        """Note who asks."""
        self.principal = principal

    def require(self, scope: Scope) -> None:
        """Note what the tool demands."""
        self.required_scope = scope

    def admit(self) -> None:
        """Note that the caller may call this tool now."""
        self.admitted = True

    def enter(self, store_id: str, role: Role) -> None:
        """Note a store that was entered."""
        self.stores[store_id] = role

    def use_replica(self) -> None:
        """Note that reads go to a replica."""
        self.replica = "used"

    def exclude_replica(self) -> None:
        """Note that a replica could not answer; from here on the primary is asked."""
        self.replica = "excluded"

    def page_by(self, cursor_after: Callable[[int], str]) -> None:
        """Note how the answer is continued, should it be too large."""
        self.cursor_after = cursor_after


@dataclass(frozen=True, slots=True)
class CallEnd:
    """What became of a call, for who keeps a record of it.

    Attributes:
        tool: Name of a tool that there is, or UNKNOWN_TOOL.
        outcome: How it went.
        code: Short name of why not; None where all went well.
        rows: Rows of the answer; None without one.
        seconds: How long it took.
        transport: How it came; None for a call from within.
        rpc_code: Code of the protocol's error where there was one instead of a result.
    """

    tool: str
    outcome: Outcome
    code: str | None
    rows: int | None
    seconds: float
    transport: str | None
    rpc_code: int | None = None


current_call: ContextVar[Call] = ContextVar("current_call")


def calling_principal() -> Principal:
    """Who makes the call in progress.

    Raises:
        NotAllowedError: There is no valid identity. None is ever assumed.
    """
    call = current_call.get(None)
    if call is None or call.principal is None:
        raise NotAllowedError("Nobody is asking: this call has no valid identity. Connect again with a valid token.")
    return call.principal
