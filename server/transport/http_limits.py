"""How many HTTP requests one caller may send, and have open."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Self

from server.config import Settings
from server.monitoring.observer import NULL_OBSERVER, Observer
from server.tenancy.limits import KeyedSemaphore, Rate

# HTTP requests per tool call that are nobody's fault: listing, greeting, notifications.
_REQUESTS_PER_CALL = 4
# Of the connections, open streams included, one principal takes at most one in so many.
_CONNECTIONS_PER_PRINCIPAL_OPEN = 4


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What bounds the HTTP requests of one server.

    Attributes:
        requests: HTTP requests of any kind per principal.
        open_requests: Of these, those that are not answered to the end yet; open streams are.
    """

    requests: Rate
    open_requests: KeyedSemaphore

    @classmethod
    def of(cls, settings: Settings, observer: Observer = NULL_OBSERVER) -> Self:
        """The limits that follow from those of calls and connections that the operator chose."""
        return cls(
            requests=Rate(
                settings.rate_per_minute * _REQUESTS_PER_CALL,
                settings.rate_burst * _REQUESTS_PER_CALL,
                on_refusal=partial(observer.refused, "requests"),
            ),
            open_requests=KeyedSemaphore(
                max(settings.max_connections // _CONNECTIONS_PER_PRINCIPAL_OPEN, 1),
                0,
                "Too many of your requests and streams are open at once",
                partial(observer.refused, "open_requests"),
            ),
        )

    @classmethod
    def none(cls) -> Self:
        """No limits, to measure what they are good for."""
        many = 1_000_000
        return cls(Rate(math.inf, many), KeyedSemaphore(many, None, "Never"))
