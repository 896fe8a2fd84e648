"""Spans of real calls over HTTP, as an exporter gets them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx2
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id

from server.monitoring.monitoring import Monitoring
from server.monitoring.tracing import exporting_tracer, tracer_of
from tests.monitoring.collector import collecting
from tests.support import Retailer
from tests.transport.processes import ROOT
from tests.transport.serving import MODERN, Served, bearer, request, serving, structured

SECRET = "Grace of the harbour"
TRACE, PARENT, OTHER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7"
# Everything that an attribute may hold besides numbers: names of this server's own, and what the protocol fixes.
KEYS = {
    "mcp.method.name",
    "mcp.protocol.version",
    "gen_ai.operation.name",
    "gen_ai.tool.name",
    "network.transport",
    "jsonrpc.request.id",
    "rpc.response.status_code",
    "error.type",
    "retail.call_id",
    "retail.outcome",
    "retail.error_code",
    "retail.rows",
    "retail.pool",
    "retail.store_id",
    "retail.stores",
    "retail.texts",
    "db.system.name",
    "db.query.summary",
    "db.response.returned_rows",
}


class Traced:
    """A server and the spans that it has made."""

    def __init__(self, served: Served, exporter: InMemorySpanExporter, token: str) -> None:
        self.served = served
        self.exporter = exporter
        self.token = token

    async def call(
        self,
        tool: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        meta: Mapping[str, str] | None = None,
        **headers: str,
    ) -> httpx2.Response:
        """One call; what it left is in `spans`."""
        self.exporter.clear()
        body, own = request("tools/call", {"name": tool, "arguments": dict(arguments or {})}, "modern")
        sent = json.loads(body)
        sent["params"]["_meta"] |= dict(meta or {})
        async with httpx2.AsyncClient(timeout=30) as http:
            return await http.post(
                self.served.url, json=sent, headers=own | {"authorization": bearer(self.token), **headers}
            )

    @property
    def spans(self) -> list[ReadableSpan]:
        """In the order in which they began."""
        return sorted(self.exporter.get_finished_spans(), key=lambda span: span.start_time or 0)

    @property
    def names(self) -> list[str]:
        return [span.name for span in self.spans]


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


@pytest.fixture(scope="module")
async def traced(watched: Retailer) -> AsyncIterator[Traced]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    async with serving(watched, monitoring=Monitoring(tracer=tracer_of(provider))) as served:
        yield Traced(served, exporter, await watched.token("seattle", "redmond"))
    provider.shutdown()


async def test_a_call_has_a_server_span_with_its_steps_below(traced: Traced) -> None:
    structured(await traced.call("list_transactions", {"store_id": "seattle", "limit": 2}))
    server, scope, connection, context, query = traced.spans
    assert traced.names == [
        "tools/call list_transactions",
        "store scope",
        "connection",
        "SQL set_store_context",
        "SQL transactions",
    ]
    assert server.kind is SpanKind.SERVER and server.parent is None
    found = attributes(server)
    call_id = found.pop("retail.call_id")
    assert len(str(call_id)) == 36
    assert found == {
        "mcp.method.name": "tools/call",
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "list_transactions",
        "mcp.protocol.version": MODERN,
        "network.transport": "tcp",
        "jsonrpc.request.id": "1",
        "retail.outcome": "ok",
        "retail.rows": 2,
    }
    assert server.status.status_code is StatusCode.UNSET
    for child, above in ((scope, server), (connection, scope), (context, scope), (query, scope)):
        assert child.parent is not None and child.parent.span_id == above.context.span_id
        assert child.context.trace_id == server.context.trace_id
        assert server.start_time <= child.start_time <= child.end_time <= server.end_time  # type: ignore[operator]
    assert attributes(scope) == {"retail.store_id": "seattle"}
    assert attributes(connection) == {"retail.pool": "tools"}
    assert query.kind is SpanKind.CLIENT
    assert attributes(query) == {
        "db.system.name": "postgresql",
        "db.query.summary": "transactions",
        # One more than asked for tells whether there is more.
        "db.response.returned_rows": 3,
    }


async def test_a_call_through_several_stores_has_one_scope(traced: Traced) -> None:
    structured(await traced.call("compare_stores"))
    (scope,) = [span for span in traced.spans if span.name == "store scope"]
    assert attributes(scope) == {"retail.stores": 2}
    assert traced.names.count("SQL set_store_context") == 2


@pytest.mark.parametrize(
    ("tool", "arguments", "outcome", "code", "error_type"),
    [
        ("summarize_sales", {"store_id": SECRET}, "refused", "not_found", "tool_error"),
        ("list_transactions", {"limit": SECRET}, "refused", "invalid_input", "tool_error"),
        ("no_such_tool", {}, "refused", "unknown_tool", "-32602"),
    ],
)
async def test_a_call_that_fails_says_why(
    traced: Traced, tool: str, arguments: dict[str, Any], outcome: str, code: str, error_type: str
) -> None:
    await traced.call(tool, arguments)
    server = traced.spans[0]
    found = attributes(server)
    assert (found["retail.outcome"], found["retail.error_code"], found["error.type"]) == (outcome, code, error_type)
    assert server.status.status_code is StatusCode.ERROR
    assert server.name == f"tools/call {tool if tool != 'no_such_tool' else '(unknown)'}"


async def test_the_callers_trace_goes_on(traced: Traced) -> None:
    of_message, of_http = f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{OTHER}-01"
    for meta, headers, parent, linked in (
        ({"traceparent": of_message}, {}, PARENT, []),
        ({}, {"traceparent": of_http}, OTHER, []),
        ({"traceparent": of_message}, {"traceparent": of_http}, PARENT, [OTHER]),
    ):
        await traced.call("get_store_context", meta=meta, **headers)
        server = traced.spans[0]
        assert server.parent is not None
        assert format_trace_id(server.context.trace_id) == TRACE
        assert format_span_id(server.parent.span_id) == parent
        assert [format_span_id(link.context.span_id) for link in server.links] == linked
    for nonsense in (SECRET, "00-" + "0" * 32 + "-" + "0" * 16 + "-01", ""):
        await traced.call("get_store_context", meta={"traceparent": nonsense})
        assert traced.spans[0].parent is None


async def test_no_span_holds_an_argument_a_statement_or_a_person(traced: Traced) -> None:
    """Whatever text stands in a span is a name that the server has for something."""
    stores = "seattle"
    asked: list[tuple[str, dict[str, Any]]] = [
        ("search_customers", {"query": SECRET}),
        ("search_customers", {"query": "grace1@seattle.example"}),
        ("search_products", {"query": SECRET, "brand": SECRET}),
        ("get_products", {"products": ["SKU-1", SECRET]}),
        ("get_transaction", {"transaction": SECRET}),
        ("get_transaction", {"transaction": "SEATTLE-1"}),
        ("run_query", {"sql": f"select '{SECRET}' as x from products"}),
        ("run_query", {"sql": f"select {SECRET}"}),
        ("summarize_sales", {"group_by": SECRET}),
        (SECRET, {SECRET: SECRET}),
    ]
    for tool, arguments in asked:
        headers = {"mcp-name": tool}
        response = await traced.call(tool, {"store_id": stores, **arguments}, meta={"tracestate": "x=1"}, **headers)
        assert response.status_code == 200 or tool == SECRET
        assert traced.spans
        for span in traced.spans:
            assert set(attributes(span)) <= KEYS
            assert not span.events
            assert span.status.description is None
            told = json.dumps([span.name, attributes(span)])
            for text in (SECRET, "grace", "Grace", "SEATTLE-1", "select ", "from "):
                assert text not in told, (tool, told)


async def test_what_is_not_sampled_has_no_steps_either(watched: Retailer) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    async with serving(watched, monitoring=Monitoring(tracer=tracer_of(provider))) as served:
        structured(await served.call("get_store_context", authorization=bearer(await watched.token("seattle"))))
    assert not exporter.get_finished_spans()


def test_who_asks_for_neither_traces_nor_metrics_pays_for_no_library() -> None:
    program = """
import asyncio, sys
from server.cli import app
from server.config import Settings
from server.monitoring.monitoring import monitored
async def main():
    async with monitored(Settings(_env_file=None)) as monitoring:
        assert monitoring.tracer is None
asyncio.run(main())
dear = ("opentelemetry.sdk", "opentelemetry.exporter", "prometheus_client")
loaded = [name for name in sys.modules if name.startswith(dear)]
assert not loaded, loaded
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env={"HOME": "/nonexistent"}, check=False)
    assert done.returncode == 0


async def test_opentelemetrys_own_variables_say_where_spans_go(monkeypatch: pytest.MonkeyPatch) -> None:
    async with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
        async with exporting_tracer() as tracer:
            assert tracer is not None
            with tracer.start_as_current_span("tools/call get_store_context"):
                pass
        # Leaving sends what waits.
        (resource,) = collector.resources()
        assert resource["service.name"] == "retail-mcp"
        assert resource["deployment.environment.name"] == "test"
        assert collector.span_names() == ["tools/call get_store_context"]
    for variable, value in (("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")):
        with monkeypatch.context() as more:
            more.setenv(variable, value)
            async with exporting_tracer() as tracer:
                assert tracer is None


async def test_a_collector_that_is_down_keeps_nobody_from_stopping(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("server.monitoring.tracing._LAST_EXPORT_SECONDS", 0.3)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    async with exporting_tracer() as tracer:
        assert tracer is not None
        with tracer.start_as_current_span("lost"):
            pass
    assert "could not be exported" in caplog.text


async def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    async with exporting_tracer() as tracer:
        assert tracer is None
    assert "retail-mcp[otel]" in caplog.text
