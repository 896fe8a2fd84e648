"""A row of a file as it stands there."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SourceRow:
    """What the file says of one record, or of one line of it.

    Attributes:
        number: Its place among the rows with data, from 1.
        line: Line of the file where it begins, from 1.
        values: An object by key or column; anything else where the row is out of shape.
        text: How it is written, where that is JSON already.
        problem: What is wrong with its shape, and how to correct it.
    """

    number: int
    line: int
    values: object
    text: str | None = None
    problem: tuple[str, str] | None = None

    @property
    def raw(self) -> str:
        """All of it as JSON."""
        return json.dumps(self.values, ensure_ascii=False) if self.text is None else self.text
