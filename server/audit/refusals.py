"""Counts the HTTP requests that are refused before they can become a tool call."""

from __future__ import annotations

import logging
import time
from collections import Counter

from starlette.types import Message, Send

from server.monitoring.observer import NULL_OBSERVER, Observer

logger = logging.getLogger(__name__)

# Not authenticated, not allowed, too many requests, foreign host.
_COUNTED = frozenset({401, 403, 421, 429})
_LOG_EVERY_SECONDS = 10.0


class HttpRefusals:
    """Tells the log how many requests were refused, by status, at most every ten seconds.

    Args:
        observer: Who is told of each.
    """

    def __init__(self, observer: Observer = NULL_OBSERVER) -> None:
        self._observer = observer
        self._counts: Counter[int] = Counter()
        self._told_at = float("-inf")

    def counting(self, send: Send) -> Send:
        """Wrap the way back of one request."""

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.answered(message["status"])
            await send(message)

        return counted

    def answered(self, status: int) -> None:
        """A request was answered with this status, which may be a refusal."""
        if status in _COUNTED:
            self.count(status)

    def count(self, status: int) -> None:
        """One more was refused."""
        self._counts[status] += 1
        self._observer.http_refused(status)
        now = time.monotonic()
        if now - self._told_at >= _LOG_EVERY_SECONDS:
            self._told_at = now
            told = ", ".join(f"{count} with {status}" for status, count in sorted(self._counts.items()))
            logger.warning("HTTP requests refused before any tool was called, since the start: %s", told)
