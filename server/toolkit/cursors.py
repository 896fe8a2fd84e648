"""Opaque cursors: where a page ended, bound to the query that it belongs to.

No server keeps anything between pages, so any process can answer the next one. A cursor carries no
rights: the next page runs under the caller's own store context like any other call.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from server.calls.call import current_call
from server.errors import InvalidInputError

Position = TypeVar("Position", bound=BaseModel)
Row = TypeVar("Row")

_FINGERPRINT_LENGTH = 12

PagedTime = Annotated[AwareDatetime, Field(ge=datetime(1, 1, 2, tzinfo=UTC), le=datetime(9999, 12, 30, tzinfo=UTC))]
"""A time in a position: in any time zone it is still a time, for the driver cannot send others."""


class Pager(Generic[Position]):
    """Reads and writes the cursors of one query.

    Args:
        position: Model of what a cursor remembers.
        tool: Name of the tool.
        store_id: Store that the pages are about.
        arguments: Every argument that changes which rows come, or in which order.
    """

    def __init__(self, position: type[Position], tool: str, store_id: str, arguments: Mapping[str, Any]) -> None:
        self._position = position
        text = json.dumps([tool, store_id, dict(arguments)], default=str, sort_keys=True)
        self._fingerprint = hashlib.sha256(text.encode()).hexdigest()[:_FINGERPRINT_LENGTH]

    def read(self, cursor: str | None) -> Position | None:
        """Position that a cursor stands for, or None for the first page.

        Raises:
            InvalidInputError: The cursor is damaged or belongs to another query.
        """
        if cursor is None:
            return None
        try:
            text = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)).decode()
            if text.startswith(self._fingerprint):
                return self._position.model_validate_json(text[_FINGERPRINT_LENGTH:])
        except (ValueError, ValidationError):
            pass
        raise InvalidInputError(
            "This cursor does not belong to this query. Pass next_cursor back unchanged and keep all other "
            "arguments, or leave cursor out to start at the first page."
        )

    def next_cursor(self, page: Sequence[Row], position: Callable[[Row], Position], *, has_more: bool) -> str | None:
        """Cursor of the page after this one, or None when this is the last.

        Args:
            page: Rows of this page.
            position: Where a page ends that ends with this row.
            has_more: Whether further rows match.
        """
        _continue_with(lambda kept: self.write(position(page[kept - 1])))
        return self.write(position(page[-1])) if page and has_more else None

    def write(self, position: Position) -> str:
        """Cursor for the page after `position`."""
        text = self._fingerprint + position.model_dump_json()
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _continue_with(cursor_after: Callable[[int], str]) -> None:
    """Leave word how this answer goes on, should it have to be cut for its size."""
    if call := current_call.get(None):
        call.page_by(cursor_after)


class _Offset(BaseModel):
    # No list is that long, and with any page's limit added it still fits PostgreSQL's integer.
    offset: int = Field(ge=0, le=1_000_000_000)


class RankedPages:
    """Pages of a list with a total order, told apart by how many rows came before.

    Args:
        tool: Name of the tool.
        store_id: Store that the pages are about.
        arguments: Every argument that changes which rows come, or in which order.
        cursor: What the caller passed.

    Raises:
        InvalidInputError: The cursor is damaged or belongs to another query.
    """

    def __init__(self, tool: str, store_id: str, arguments: Mapping[str, Any], cursor: str | None) -> None:
        self._pager = Pager(_Offset, tool, store_id, arguments)
        position = self._pager.read(cursor)
        self.offset = position.offset if position else 0

    def next_cursor(self, returned: int, total: int) -> str | None:
        """Cursor of the page after this one, or None when this is the last.

        Args:
            returned: Rows on this page.
            total: Rows of the whole list.
        """
        _continue_with(self._after)
        return self._after(returned) if returned > 0 and self.offset + returned < total else None

    def _after(self, rows: int) -> str:
        return self._pager.write(_Offset(offset=self.offset + rows))
