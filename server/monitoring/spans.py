"""Spans of the steps below a call. A call that nobody traces pays for looking, and for nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar

from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, StatusCode, Tracer

current_tracer: ContextVar[Tracer | None] = ContextVar("current_tracer", default=None)
_NOT_TRACED: AbstractContextManager[Span] = nullcontext(INVALID_SPAN)


def step(
    name: str, attributes: Mapping[str, str | int] | None = None, kind: SpanKind = SpanKind.INTERNAL
) -> AbstractContextManager[Span]:
    """A step of the call in progress.

    Args:
        name: What is done; one of few.
        attributes: Names and numbers of ours. Never text of a caller, of a row or of a statement.
        kind: CLIENT for what another process does.
    """
    tracer = current_tracer.get()
    return _NOT_TRACED if tracer is None else _traced(tracer, name, attributes, kind)


@contextmanager
def _traced(tracer: Tracer, name: str, attributes: Mapping[str, str | int] | None, kind: SpanKind) -> Iterator[Span]:
    # Of an exception only the kind is kept: its text may repeat what the caller wrote.
    with tracer.start_as_current_span(
        name, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield span
        except BaseException as error:
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(StatusCode.ERROR)
            raise
