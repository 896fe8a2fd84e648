"""Metrics for Prometheus. docs/monitoring.md lists them; a test compares.

Labels are bounded: names of tools that there are, of pools and limits, codes of errors. A store or a principal is
no label: there may be a hundred thousand, each would multiply every series, and whoever may scrape would see who is
busy where. Logs and the audit log tell them.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector

from server import __version__
from server.calls.call import UNKNOWN_TOOL, CallEnd
from server.errors import Outcome
from server.monitoring.activity import Activity
from server.monitoring.observer import AuditQueue, EmbeddingOutcome, Limit, Observer, Pool

# From an answer out of memory to one that ran into the time limit of a transaction.
_CALL_BUCKETS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_WAIT_BUCKETS = (0.0005, 0.001, 0.005, 0.025, 0.1, 0.5, 1, 2.5, 5)
_EMBED_BUCKETS = (0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_NO_CODE = "none"


class Metrics(Observer):
    """Counts what the server tells.

    Args:
        activity: What the process is about.

    Attributes:
        registry: What is exported.
    """

    def __init__(self, activity: Activity) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        Info("retail_build", "Version of the server and of Python.", registry=registry).info(
            {"version": __version__, "python": platform.python_version()}
        )
        Gauge("retail_draining", "1 from the signal to stop on.", registry=registry).set_function(
            lambda: activity.draining
        )
        # Gauges that look when they are scraped cost a call nothing.
        Gauge("retail_calls_in_progress", "Tool calls under way.", registry=registry).set_function(
            lambda: activity.calls
        )
        self._calls = Counter(
            "retail_calls",
            "Tool calls that have ended, by what became of them; code tells why, none where all went well.",
            ["tool", "outcome", "code"],
            registry=registry,
        )
        self._call_seconds = Histogram(
            "retail_call_duration_seconds",
            "Seconds that a tool call took, refused ones included.",
            ["tool"],
            buckets=_CALL_BUCKETS,
            registry=registry,
        )
        self._rows = Counter("retail_rows_returned", "Rows in the answers of tools.", ["tool"], registry=registry)
        self._pool_size = Gauge(
            "retail_pool_size", "Most connections that the pool may have.", ["pool"], registry=registry
        )
        self._pool_connections = Gauge(
            "retail_pool_connections", "Open connections, in use or idle.", ["pool", "state"], registry=registry
        )
        self._pool_waiting = Gauge(
            "retail_pool_waiting", "Borrowers that have no connection yet.", ["pool"], registry=registry
        )
        self._pool_wait_seconds = Histogram(
            "retail_pool_wait_seconds",
            "Seconds until a borrower had a connection, or gave up.",
            ["pool"],
            buckets=_WAIT_BUCKETS,
            registry=registry,
        )
        self._pool_failures = Counter(
            "retail_pool_failures", "Borrowers that got no connection.", ["pool"], registry=registry
        )
        self._limits = Counter(
            "retail_limit_refusals", "Calls and requests over a limit.", ["limit"], registry=registry
        )
        self._http_refusals = Counter(
            "retail_http_refusals",
            "HTTP requests refused before they could be a call, by status.",
            ["status"],
            registry=registry,
        )
        self._embeddings = Counter(
            "retail_embeddings", "Wishes for vectors, by what became of them.", ["outcome"], registry=registry
        )
        self._embed_seconds = Histogram(
            "retail_embedding_duration_seconds",
            "Seconds that the embedding provider took for a request, failures included.",
            buckets=_EMBED_BUCKETS,
            registry=registry,
        )
        self._audit_waiting = Gauge(
            "retail_audit_queue", "Entries of the audit log that are not written yet.", registry=registry
        )
        self._audit_capacity = Gauge(
            "retail_audit_queue_capacity",
            "Entries, calls under way included, beyond which calls are refused.",
            registry=registry,
        )
        self._audit_written = Gauge(
            "retail_audit_writable", "0 while the database takes no entries.", registry=registry
        )
        self._audit_lost = Counter("retail_audit_entries_lost", "Entries that were never written.", registry=registry)
        self._logins = Gauge(
            "retail_logins_as_required",
            "0 while a login of the database is not what a start of the server demands.",
            registry=registry,
        )
        self._tools: dict[str, tuple[Histogram, Counter]] = {}
        self._pools: dict[str, tuple[Histogram, Counter]] = {}
        self._ends: dict[tuple[str, Outcome, str | None], Counter] = {}
        # A series that appears with its first event hides that event from rate().
        for limit in get_args(Limit):
            self._limits.labels(limit)
        for outcome in get_args(EmbeddingOutcome):
            self._embeddings.labels(outcome)

    def tools_registered(self, names: Iterable[str]) -> None:
        """See `Observer`."""
        for tool in (*names, UNKNOWN_TOOL):
            self._tools[tool] = self._call_seconds.labels(tool), self._rows.labels(tool)
            self._calls.labels(tool, "ok", _NO_CODE)

    def call_ended(self, end: CallEnd) -> None:
        """See `Observer`."""
        key = end.tool, end.outcome, end.code
        ended = self._ends.get(key)
        if ended is None:
            ended = self._ends[key] = self._calls.labels(end.tool, end.outcome, end.code or _NO_CODE)
        ended.inc()
        seconds, rows = self._tools[end.tool]
        seconds.observe(end.seconds)
        if end.rows:
            rows.inc(end.rows)

    def pool_opened(self, pool: Pool) -> None:
        """See `Observer`."""
        self._pool_size.labels(pool.name).set_function(lambda: pool.size)
        self._pool_connections.labels(pool.name, "in_use").set_function(lambda: pool.in_use)
        self._pool_connections.labels(pool.name, "idle").set_function(lambda: pool.idle)
        self._pool_waiting.labels(pool.name).set_function(lambda: pool.waiting)
        self._pools[pool.name] = self._pool_wait_seconds.labels(pool.name), self._pool_failures.labels(pool.name)

    def connection_awaited(self, pool: str, seconds: float, *, got: bool) -> None:
        """See `Observer`."""
        waits, failures = self._pools[pool]
        waits.observe(seconds)
        if not got:
            failures.inc()

    def audit_opened(self, queue: AuditQueue) -> None:
        """See `Observer`."""
        self._audit_waiting.set_function(lambda: queue.waiting)
        self._audit_written.set_function(lambda: queue.written)
        self._audit_capacity.set(queue.capacity)

    def audit_lost(self, entries: int) -> None:
        """See `Observer`."""
        self._audit_lost.inc(entries)

    def logins_checked(self, *, as_required: bool) -> None:
        """See `Observer`."""
        self._logins.set(as_required)

    def refused(self, limit: Limit) -> None:
        """See `Observer`."""
        self._limits.labels(limit).inc()

    def http_refused(self, status: int) -> None:
        """See `Observer`."""
        self._http_refusals.labels(str(status)).inc()

    def embedded(self, outcome: EmbeddingOutcome, seconds: float | None = None) -> None:
        """See `Observer`."""
        self._embeddings.labels(outcome).inc()
        if seconds is not None:
            self._embed_seconds.observe(seconds)
