"""OpenTelemetry traces: a server span per tool call, after the semantic conventions for MCP.

FastMCP makes spans of its own, and they are off (server/__init__.py): they keep the text and the stack of an
exception, in which rejected arguments stand, and who called. These hold names and numbers of ours alone.

Source: https://opentelemetry.io/docs/specs/semconv/gen-ai/mcp
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from fastmcp import Context
from fastmcp.server.dependencies import get_http_headers
from opentelemetry.context import Context as TraceContext
from opentelemetry.trace import (
    Link,
    Span,
    SpanKind,
    StatusCode,
    Tracer,
    TracerProvider,
    get_current_span,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from server import __version__
from server.calls.call import Call, CallEnd
from server.monitoring.spans import current_tracer

logger = logging.getLogger(__name__)

# Standard variables of OpenTelemetry; either names where spans go.
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PARENT_FIELDS = ("traceparent", "tracestate")
_LAST_EXPORT_SECONDS, _LOOK_SECONDS = 3.0, 0.02
_METHOD = "tools/call"
_W3C = TraceContextTextMapPropagator()


@asynccontextmanager
async def exporting_tracer() -> AsyncIterator[Tracer | None]:
    """The tracer that OTEL_* variables ask for; None where they ask for none, or the extra is not installed."""
    if not _is_asked_for():
        yield None
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider as ExportingProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        logger.warning("OTEL_* variables ask for traces, and there are none: pip install 'retail-mcp[otel]'")
        yield None
        return
    named = {"service.version": __version__}
    if "OTEL_SERVICE_NAME" not in os.environ and "service.name=" not in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
        named["service.name"] = "retail-mcp"
    provider = ExportingProvider(resource=Resource.create(named), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    try:
        yield tracer_of(provider)
    finally:
        await _in_time(provider.shutdown)


def tracer_of(provider: TracerProvider) -> Tracer:
    """The server's tracer of a provider."""
    return provider.get_tracer("retail-mcp", __version__)


@contextmanager
def call_span(tracer: Tracer | None, call: Call, tool: str, context: Context | None) -> Iterator[Span | None]:
    """The server span of a tool call, around the steps below it.

    Args:
        tracer: Makes it; None for none.
        call: The call.
        tool: Name of the tool, of those that there are.
        context: The request, for the caller's trace: the message's `_meta`, else the headers.
    """
    if tracer is None:
        yield None
        return
    request = context.request_context if context else None
    of_message, of_http = _remote(getattr(request, "meta", None)), _remote(get_http_headers())
    linked = of_http if of_message else None
    attributes: dict[str, str | int] = {
        "mcp.method.name": _METHOD,
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": tool,
        "network.transport": "pipe" if context is not None and context.transport == "stdio" else "tcp",
        "retail.call_id": str(call.call_id),
    }
    if version := getattr(request, "protocol_version", None):
        attributes["mcp.protocol.version"] = str(version)
    request_id = getattr(request, "request_id", None)
    if isinstance(request_id, int) or str(request_id).isdecimal():
        # Any other is text of the caller.
        attributes["jsonrpc.request.id"] = str(request_id)
    with tracer.start_as_current_span(
        f"{_METHOD} {tool}",
        context=of_message or of_http,
        kind=SpanKind.SERVER,
        attributes=attributes,
        links=[Link(get_current_span(linked).get_span_context())] if linked else None,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        steps = current_tracer.set(tracer) if span.is_recording() else None
        try:
            yield span
        finally:
            if steps is not None:
                current_tracer.reset(steps)


def finish(span: Span, end: CallEnd) -> None:
    """Put down what became of the call."""
    span.set_attribute("retail.outcome", end.outcome)
    if end.rows is not None:
        span.set_attribute("retail.rows", end.rows)
    if end.code is not None:
        span.set_attribute("error.type", "tool_error" if end.rpc_code is None else str(end.rpc_code))
        span.set_attribute("retail.error_code", end.code)
        span.set_status(StatusCode.ERROR)
    if end.rpc_code is not None:
        span.set_attribute("rpc.response.status_code", str(end.rpc_code))


def _is_asked_for() -> bool:
    chosen = os.environ.get("OTEL_TRACES_EXPORTER", "otlp").strip().lower()
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    return chosen == "otlp" and not disabled and any(os.environ.get(name) for name in _ENDPOINTS)


def _remote(carrier: Mapping[str, Any] | None) -> TraceContext | None:
    """The caller's trace, where a valid one is told."""
    told = {name: carrier[name] for name in _PARENT_FIELDS if isinstance(carrier.get(name), str)} if carrier else {}
    if not told:
        return None
    context = _W3C.extract(told, TraceContext())
    return context if get_current_span(context).get_span_context().is_valid else None


async def _in_time(shut_down: Callable[[], None]) -> None:
    """Send the last spans; a collector that does not answer keeps nobody from stopping."""
    # No thread of the loop's own executor, for which Python waits in the end.
    sending = threading.Thread(target=shut_down, daemon=True)
    sending.start()
    try:
        async with asyncio.timeout(_LAST_EXPORT_SECONDS):
            while sending.is_alive():  # noqa: ASYNC110 - a thread sets no event of the loop
                await asyncio.sleep(_LOOK_SECONDS)
    except TimeoutError:
        logger.warning("The last spans could not be exported in %g s", _LAST_EXPORT_SECONDS)
