"""Commands that serve."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from functools import partial
from typing import Annotated, Any

import uvloop

from server.app import build
from server.cli.demo import DemoToken, prepare_demo, print_welcome
from server.config import MOST_WORKERS, LogLevel, Settings, load_settings
from server.console.numbers import whole
from server.console.running import report_error
from server.errors import ConfigurationError
from server.monitoring.logs import configure_logging
from server.monitoring.monitoring import monitored
from server.operations.databases import Connections
from server.operations.deployment import Deployment, open_deployment
from server.operations.startup import connections_of
from server.process.signals import stop_signals
from server.process.sockets import listening_socket
from server.process.workers import DRAIN_SECONDS, Workers, at_parents_end
from server.transport.address import MCP_PATH
from server.transport.bridge import serve_bridge
from server.transport.http import HttpServer, http_app
from server.transport.standard_input import limit_line_length

logger = logging.getLogger(__name__)

# Several clients show whatever a program writes to standard error as an error.
_QUIET: LogLevel = "WARNING"


def http(*, workers: Annotated[int | None, whole(gte=1, lte=MOST_WORKERS)] = None) -> None:
    """Serve streamable HTTP, by default from the embedded database with demo data.

    Args:
        workers: Processes that answer on the port, instead of RETAIL_WORKERS. More than one offers no HTTP+SSE.
    """
    settings = load_settings()
    if workers is not None:
        settings = settings.model_copy(update={"workers": workers})
    configure_logging(settings)
    with listening_socket(settings.host, settings.port) as listener, open_deployment(settings) as deployment:
        _exit_in_order()
        _run(_serve_http(settings, deployment, listener))


def stdio() -> None:
    """Serve one client on standard input and output, acting for RETAIL_TOKEN."""
    settings = load_settings(env_file=None)
    configure_logging(settings, _QUIET)
    limit_line_length(settings.max_request_bytes)
    with ExitStack() as opened:
        deployment = opened.enter_context(open_deployment(settings))
        _leave_on_signals(opened)
        _run(_serve_stdio(settings, deployment, opened))


def bridge(url: str) -> None:
    """Pass standard input and output on to a running HTTP server, acting for RETAIL_TOKEN.

    For clients that start programs but cannot open a URL.

    Args:
        url: Where the server is, for example http://127.0.0.1:8000/mcp.
    """
    settings = load_settings(env_file=None)
    configure_logging(settings, _QUIET)
    if settings.token is None:
        raise ConfigurationError("RETAIL_TOKEN is not set. The bridge acts for the token of one user.")
    limit_line_length(settings.max_request_bytes)
    _leave_on_signals(ExitStack())
    _run(serve_bridge(url, settings.token.get_secret_value()))


async def _serve_http(settings: Settings, deployment: Deployment, listener: socket.socket) -> None:
    tokens = await prepare_demo(settings, deployment) if deployment.embedded else []
    connections = connections_of(deployment)
    announce = partial(_announce, listener, tokens)
    if settings.workers == 1:
        await _answer_http(settings, connections, listener, announce)
    else:
        work = partial(_work, settings, connections)
        drain_seconds = settings.drain_seconds + DRAIN_SECONDS
        await Workers(settings.workers, work, listener, report_error, drain_seconds).run(announce)


def _work(settings: Settings, connections: Connections, listener: socket.socket, on_ready: Callable[[], None]) -> None:
    """What each of several processes does."""
    configure_logging(settings)
    _exit_in_order()
    _run(_answer_http(settings, connections, listener, on_ready))


async def _answer_http(
    settings: Settings, connections: Connections, listener: socket.socket, on_ready: Callable[[], None]
) -> None:
    def settle() -> None:
        # What is here by now stays: the collector need not walk over it again and again, 80 ms each time, in which
        # nobody is answered.
        gc.collect()
        gc.freeze()
        on_ready()

    async with (
        monitored(settings, processes=settings.workers) as monitoring,
        build(settings, connections, "http", monitoring=monitoring) as server,
    ):
        observer = monitoring.observer
        runner = HttpServer(http_app(server, settings, observer), settings, settle, monitoring.activity, observer)
        at_parents_end(partial(setattr, runner, "should_exit", True))
        await runner.serve(sockets=[listener])


async def _serve_stdio(settings: Settings, deployment: Deployment, opened: ExitStack) -> None:
    if deployment.embedded:
        await prepare_demo(settings, deployment)
    signalled = asyncio.Event()
    async with (
        monitored(settings, metrics=False) as monitoring,
        build(settings, connections_of(deployment), "stdio", monitoring=monitoring) as server,
    ):
        loop = asyncio.get_running_loop()
        for number in stop_signals():
            loop.add_signal_handler(number, signalled.set)
        serving = asyncio.create_task(server.run_async("stdio", show_banner=False))
        signal_came = asyncio.create_task(signalled.wait())
        await asyncio.wait({serving, signal_came}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            try:
                await serving
            except* BrokenPipeError:
                logger.info("The client went away")
        else:
            # Ends the calls under way; they are entered in the audit log while this block is left.
            serving.cancel()
    if signalled.is_set():
        _leave(opened)


def _announce(listener: socket.socket, tokens: list[DemoToken]) -> None:
    host, port = listener.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}{MCP_PATH}"
    print_welcome(url, tokens)


def _run(work: Coroutine[Any, Any, None]) -> None:
    try:
        uvloop.run(work)
    except KeyboardInterrupt:
        logger.info("stopped")


def _exit_in_order() -> None:
    """Leave by an exception on the signals to stop, so that the embedded database stops as it does on Ctrl-C.

    uvicorn finishes its requests first and then raises the signal again.
    """
    for number in stop_signals():
        if number != signal.SIGINT:
            signal.signal(number, lambda *_: sys.exit(0))


def _leave_on_signals(opened: ExitStack) -> None:
    """Stop at once on the signals to stop."""
    for number in stop_signals():
        signal.signal(number, lambda *_: _leave(opened))


def _leave(opened: ExitStack) -> None:
    """End the process although a thread waits for standard input, which cannot be woken."""
    opened.close()
    os._exit(0)
