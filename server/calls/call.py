"""The tool call in progress: who asks, for which store, what came of it."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

from server.calls.principal import Principal, Role, Scope
from server.errors import NotAllowedError, Outcome

UNKNOWN_TOOL = "(unknown)"
"""Stands for whatever a caller asked for that is no tool."""


@dataclass(slots=True)
class Call:
    """What is known of one tool call, filled in while it runs.

    Attributes:
        tool: Name that the caller asked for.
        principal: Who asks; None until, or unless, there is a valid identity.
        store_id: Store that was entered last; None before.
        role: Role of the principal in that store.
        entered: Every store that was entered, with the role there.
        needs: Scope that the tool demands of the principal, in the store that it enters too.
        may_read_replica: False once a replica could not answer it.
        reads_replica: Whether a replica was asked.
        admitted: Whether the caller has this tool and was within its rate; before, nothing is spent on its arguments.
        cursor_after: Makes the cursor that continues the answer after so many of its rows; set by a tool that pages.
        call_id: Number of the call in the audit log and in the server's log.
        started_at: When it arrived.
    """

    tool: str
    principal: Principal | None = None
    store_id: str | None = None
    role: Role | None = None
    entered: dict[str, Role] = field(default_factory=dict)
    needs: Scope = "retail:read"
    may_read_replica: bool = True
    reads_replica: bool = False
    admitted: bool = False
    cursor_after: Callable[[int], str] | None = None
    call_id: UUID = field(default_factory=uuid4)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))


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
