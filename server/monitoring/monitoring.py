"""The server's monitoring as one thing to pass on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from fastmcp import Context
from opentelemetry.trace import Span, Tracer, format_trace_id

from server.calls.call import Call, CallEnd
from server.config import Settings
from server.monitoring.activity import Activity
from server.monitoring.logs import log_call
from server.monitoring.observer import NULL_OBSERVER, Observer
from server.monitoring.tracing import call_span, exporting_tracer, finish


@dataclass(frozen=True, slots=True)
class Monitoring:
    """Who is told of what happens; by default nobody.

    Attributes:
        activity: What the process is about.
        observer: Keeps count.
        tracer: Makes spans; None for none.
    """

    activity: Activity = field(default_factory=Activity)
    observer: Observer = NULL_OBSERVER
    tracer: Tracer | None = None

    def span(self, call: Call, tool: str, context: Context | None) -> AbstractContextManager[Span | None]:
        """See `call_span`."""
        return call_span(self.tracer, call, tool, context)

    def call_ended(self, call: Call, end: CallEnd, span: Span | None) -> None:
        """Count, trace and log the end of a call: the one place that does."""
        self.observer.call_ended(end)
        trace_id = None
        if span is not None:
            finish(span, end)
            trace_id = format_trace_id(span.get_span_context().trace_id)
        log_call(call, end, trace_id)


@asynccontextmanager
async def monitored(settings: Settings, *, metrics: bool = True, processes: int = 1) -> AsyncIterator[Monitoring]:
    """Monitoring of one server process, as the settings and the OTEL_* variables want it.

    Args:
        settings: The operator's choices.
        metrics: False for a server that serves no port at all.
        processes: Server processes on this machine with the same settings; each calls this once.

    Raises:
        ConfigurationError: The port for metrics cannot be had.
    """
    activity = Activity()
    observer: Observer = NULL_OBSERVER
    async with AsyncExitStack() as opened:
        if metrics and settings.metrics_port is not None:
            # Who wants no metrics pays for no library of them.
            from server.monitoring.exposition import exposed
            from server.monitoring.metrics import Metrics

            observer = counted = Metrics(activity)
            opened.enter_context(
                exposed(counted.registry, settings.metrics_host, settings.metrics_port, processes=processes)
            )
        tracer = await opened.enter_async_context(exporting_tracer())
        yield Monitoring(activity, observer, tracer)
