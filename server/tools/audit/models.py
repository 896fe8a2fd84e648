"""What list_audit_events answers."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, JsonValue

from server.toolkit.results import Answer, HasMore, NextCursor, PeriodUsed, Result
from server.toolkit.untrusted import UntrustedEntries

_LONGEST_TEXT = 200
Values = Annotated[dict[str, JsonValue], UntrustedEntries(_LONGEST_TEXT)]


class EventKind(StrEnum):
    """Kinds of entry."""

    TOOL_CALL = "tool_call"
    ROW_CHANGE = "row_change"
    OPERATION = "operation"


class RecordType(StrEnum):
    """Kinds of record whose changes are entered."""

    CUSTOMER = "customer"
    PRODUCT = "product"
    RECEIPT = "receipt"
    RECEIPT_LINE = "receipt_line"


class CallOutcome(StrEnum):
    """What became of a tool call."""

    OK = "ok"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELLED = "cancelled"


class AuditEvent(Result):
    """One entry; what does not belong to its kind is null."""

    kind: EventKind = Field(description="A tool call, a changed row, or what an operator did.")
    event_id: UUID = Field(
        description="Id of the entry; of a call its first eight digits are the reference in its message."
    )
    happened_at: datetime = Field(description="When, with zone.")
    subject: str | None = Field(description="Who: the principal's name, or the database login of an operator.")
    role: str | None = Field(description="As what, in this store; null for an operator.")
    action: str = Field(description="The tool called; INSERT, UPDATE or DELETE; or the operator's action.")
    record_type: RecordType | None = Field(description="What was changed.")
    record_id: UUID | None = Field(description="Row that was changed, or customer that an operator dealt with.")
    customers: list[UUID] | None = Field(description="Customers of whom the answer of a call held something.")
    arguments: Values | None = Field(
        description="What a call asked for, texts only by their length; or details of an operator's action."
    )
    old_values: Values | None = Field(
        description="Before a change; of an update what changed. Personal values as keyed hashes, costs left out."
    )
    new_values: Values | None = Field(description="After it, in the same form.")
    row_count: int | None = Field(description="Rows that a call returned.")
    duration_ms: int | None = Field(description="Milliseconds that a call took.")
    outcome: CallOutcome | None = Field(description="What became of a call.")
    error_code: str | None = Field(description="Why a call was not answered.")
    transport: str | None = Field(description="How a call came: stdio, streamable-http or sse.")


class AuditPage(Answer):
    """Entries of the audit log, newest first."""

    store_id: str = Field(description="The store this is about.")
    period: PeriodUsed = Field(description="The days that were asked about.")
    rows: list[AuditEvent] = Field(description="This page, newest first.")
    has_more: HasMore
    next_cursor: NextCursor
