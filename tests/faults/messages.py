"""What every message to a caller has in common."""

from __future__ import annotations

import re

SECRET = "hunter2-secret"
UNREACHABLE = "The database is not reachable right now; nothing was changed. Try the same call again in a few seconds."
BUSY = (
    "The server is busy: no database connection became free in time, so this call did not run. "
    "Try the same call again in a few seconds."
)
TOO_SLOW = (
    "The query took longer than its time limit and was stopped. Ask for a shorter period, "
    "a coarser breakdown or fewer rows."
)
INTERNAL = re.compile(
    r"The server failed to answer; nothing was changed\. Reference ([0-9a-f]{8}) finds the cause in its log\. "
    r"Trying again may help; if it does not, give the operator that reference\."
)

_INTERNALS = re.compile(
    r"\bselect\b .*\bfrom\b|insert into|delete from"  # SQL
    r"|\b(retail|guard|audit|migrations|pg_catalog)\.\w"  # names of tables and functions
    r"|SQLSTATE|\brelation\b|\bcolumn\b|syntax error|canceling statement|permission denied|connection to server"
    r"|Traceback|asyncpg|pydantic|\bNone\b|Error\b|errors\.pydantic\.dev"
)
_NEXT_STEP = re.compile(
    r"\b(use|pass|try|trying again|ask|leave|check|swap|find|get|choose|look|say|your stores"
    r"|must|should|see|required|needs)\b",
    re.IGNORECASE,
)


def assert_helpful(message: str) -> None:
    """The message says what to do next, in a sentence, and nothing about our insides or the rejected value."""
    assert message[-1] == ".", message
    assert _NEXT_STEP.search(message), message
    assert not _INTERNALS.search(message), message
    assert SECRET not in message
    assert len(message) < 500
