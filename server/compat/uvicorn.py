"""uvicorn's connection and server: what they know and do not tell.

uvicorn documents neither class as one to derive from. All that is used of their state is used here; the callbacks of
httptools and of asyncio's protocols, which `HttpToolsProtocol` answers, are public.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import httptools
import uvicorn
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle


class UvicornConnection(HttpToolsProtocol):
    """One HTTP/1.1 connection, whose state can be asked for and changed by name.

    Fails in: tests/transport/test_http_connection.py, tests/unit/test_compat_uvicorn.py
    """

    _answered: RequestResponseCycle | None = None

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Called by uvicorn to have a request answered, one after the other."""
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio.

        uvicorn tells only the request that was read last. One before it that is being answered would go on: a stream
        for ever. While a request waits nothing is read, so that the end is noticed when the stream writes its pings.
        """
        if self._answered is not None and not self._answered.response_complete:
            self._answered.disconnected = True
            self._answered.message_event.set()
        super().connection_lost(exc)

    @property
    def load(self) -> int:
        """Connections of this process, or requests where those are more."""
        return max(len(self.connections), len(self.tasks))

    @property
    def is_answering(self) -> bool:
        """Whether a request was read, at least its headers, and not yet answered."""
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def has_waiting_requests(self) -> bool:
        """Whether requests were read that wait for the answer to an earlier one."""
        return bool(self.pipeline)

    def start_idle_timer(self) -> None:
        """Close the connection in `timeout_keep_alive` seconds; uvicorn does so only after its first request."""
        self.stop_idle_timer()
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def stop_idle_timer(self) -> None:
        """Keep the connection."""
        self._unset_keepalive_if_required()

    def set_extension(self, name: str) -> None:
        """Add an extension to the ASGI scope of the request whose headers are read."""
        cast("dict[str, Any]", self.scope)["extensions"] = {name: {}}

    def begin_trailers(self) -> None:
        """Keep the headers of the request from what is read next; uvicorn would go on with the same list."""
        self.headers = []

    def read_again_without(self, header: bytes) -> bytes:
        """Begin to read a request anew.

        Args:
            header: In lower case; left out.

        Returns:
            The head to be read: everything of it is read already, its end included.
        """
        version = self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, version)]
        lines += [b"%s: %s" % each for each in self.headers if each[0] != header]
        self.parser = httptools.HttpRequestParser(self)
        # As uvicorn sets its own.
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return b"\r\n".join([*lines, b"", b""])

    def close_after_answer(self) -> None:
        """Close the connection once the request is answered that is being answered."""
        self.cycle.keep_alive = False

    def give_up_body(self) -> bool:
        """Tell who answers the request that its client has gone.

        Returns:
            Whether the answer has begun.
        """
        self.cycle.disconnected = True
        self.cycle.message_event.set()
        return self.cycle.response_started

    def answer_last(self, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> None:
        """Write an answer past the application, and nothing after it."""
        lines = [*self.server_state.default_headers, *headers]
        self.flow.resume_reading()
        self.transport.write(
            b"".join([STATUS_LINE[status], *(b"%s: %s\r\n" % header for header in lines), b"\r\n", body])
        )
        self.transport.write_eof()


class UvicornServer(uvicorn.Server):
    """uvicorn's server, with the parts of a stop in order that it keeps to itself.

    Args:
        config: uvicorn's.
        stops_on: Signals to stop on besides those of uvicorn. It would die of them.

    Fails in: tests/transport/test_stopping.py, tests/monitoring/test_draining.py
    """

    def __init__(self, config: uvicorn.Config, stops_on: Collection[signal.Signals] = ()) -> None:
        super().__init__(config)
        self._stops_on = stops_on

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Called by uvicorn around its work."""
        with super().capture_signals():
            if threading.current_thread() is not threading.main_thread():
                yield
                return
            before = {number: signal.signal(number, self.handle_exit) for number in self._stops_on}
            try:
                yield
            finally:
                for number, handler in before.items():
                    signal.signal(number, handler)

    def hang_up(self) -> None:
        """End every connection at once: calls end as if their callers had gone."""
        for connection in list(self.server_state.connections):
            cast("UvicornConnection", connection).transport.abort()

    async def end_tasks(self, seconds: float) -> None:
        """Wait for requests, and end the application: a forced stop of uvicorn leaves both to be cancelled."""
        if self.server_state.tasks:
            await asyncio.wait(list(self.server_state.tasks), timeout=seconds)
        await self.lifespan.shutdown()
