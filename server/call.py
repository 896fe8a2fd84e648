"""The tool call in progress: who asks, for which store, what came of it."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

from server.errors import NotAllowedError
from server.principal import Principal, Role


@dataclass(slots=True)
class Call:
    """What is known of one tool call, filled in while it runs.

    Attributes:
        tool: Name that the caller asked for.
        principal: Who asks; None until, or unless, there is a valid identity.
        store_id: Store that was entered last; None before.
        role: Role of the principal in that store.
        customers: Customers whose personal data the call has shown.
        call_id: Number of the call in the audit log and in the server's log.
        started_at: When it arrived.
    """

    tool: str
    principal: Principal | None = None
    store_id: str | None = None
    role: Role | None = None
    customers: set[UUID] = field(default_factory=set)
    call_id: UUID = field(default_factory=uuid4)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))


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
