"""The audit log, as an auditor of a store reads it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastmcp.dependencies import Depends
from fastmcp.tools import tool
from pydantic import Field, Json

from server.db.queries import QueryFile
from server.tenancy.dependencies import store_scopes
from server.tenancy.store_scope import StoreScopes
from server.toolkit.annotations import READ_ONLY, requires_scope
from server.toolkit.audit_marks import Identifier
from server.toolkit.cursors import PagedTime, Pager
from server.toolkit.params import Cursor, EndDate, Limit, StartDate, StoreId
from server.toolkit.periods import resolve_period
from server.toolkit.results import Result
from server.tools.audit.models import AuditEvent, AuditPage, CallOutcome, EventKind, Values


class _EventRow(AuditEvent):
    """Columns of audit_events."""

    entered_at: datetime
    arguments: Json[Values] | None
    old_values: Json[Values] | None
    new_values: Json[Values] | None

    def event_only(self) -> AuditEvent:
        """This row without the time that only orders it."""
        return AuditEvent(**self.model_dump(exclude={"entered_at"}))


class _LastEvent(Result):
    """Where a page of entries ended."""

    at: PagedTime
    kind: EventKind
    id: UUID

    @classmethod
    def of(cls, event: _EventRow) -> _LastEvent:
        """Where a page ends that ends with this entry."""
        return cls(at=event.entered_at, kind=event.kind, id=event.event_id)


QUERIES = QueryFile("server.tools.audit")
AUDIT_EVENTS = QUERIES.query("audit_events", _EventRow)


@tool(title="List audit entries", annotations=READ_ONLY, meta=requires_scope("retail:audit"), tags={"audit"})
async def list_audit_events(
    start_date: StartDate = None,
    end_date: EndDate = None,
    kind: Annotated[
        EventKind | None, Field(description="Only tool calls, changes of rows, or what operators did.")
    ] = None,
    tool_name: Annotated[
        str | None,
        Field(min_length=1, max_length=60, description="Only calls of this tool."),
        Identifier(r"[a-z][a-z_]{0,59}"),
    ] = None,
    who: Annotated[
        str | None, Field(min_length=1, max_length=200, description="Only entries of this subject, its whole name.")
    ] = None,
    outcome: Annotated[CallOutcome | None, Field(description="Only calls that ended this way.")] = None,
    about_id: Annotated[
        UUID | None,
        Field(description="Only entries about this customer or other record: who looked, what was changed."),
    ] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    store_id: StoreId = None,
    scopes: StoreScopes = Depends(store_scopes),
) -> AuditPage:
    """List the audit log of a store, newest first: tool calls, changed rows, what operators did.

    Use this tool when you need to:
    - see who looked at a customer, or who changed a record (about_id)
    - review what somebody asked for, or which calls were refused or failed

    Do not use it for sales or stock; it is for auditors. Personal values are keyed hashes, texts of
    callers are only counted. Entries appear within two seconds; calls that entered no store are in the
    operator's export alone. Further rows follow with next_cursor.

    Example: list_audit_events(kind="tool_call", outcome="refused", limit=20)
    """
    filters = (kind, tool_name, who, outcome, about_id)
    pager = Pager(
        _LastEvent,
        "list_audit_events",
        scopes.choose(store_id),
        {"start": start_date, "end": end_date, "filters": filters},
    )
    after = pager.read(cursor)
    async with scopes.enter(store_id) as store:
        period = resolve_period(start_date, end_date, store.today, store.time_zone)
        rows = await store.db.all(
            AUDIT_EVENTS,
            period.start_date,
            period.end_date,
            store.time_zone,
            *filters,
            after and after.at,
            after and after.kind,
            after and after.id,
            limit + 1,
        )
    page = rows[:limit]
    has_more = len(rows) > limit
    return AuditPage(
        store_id=store.store_id,
        period=period,
        rows=[row.event_only() for row in page],
        has_more=has_more,
        next_cursor=pager.next_cursor(page, _LastEvent.of, has_more=has_more),
    )
