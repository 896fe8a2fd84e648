"""One HTTP/1.1 connection: uvicorn's own, bounded in bytes and in time, and deaf to offers of other protocols."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Literal

import httptools
from mcp_types.jsonrpc import INVALID_REQUEST
from uvicorn import Config
from uvicorn.server import ServerState

from server.compat.uvicorn import UvicornConnection

MAX_HEAD_BYTES = 65_536
"""Of a request line with its headers, or of trailers. By default nginx takes 32 KiB, Node.js 16."""
MAX_HEADERS = 100
"""As many as Apache httpd (LimitRequestFields) and Python's http.client take."""
HEAD_SECONDS = 10.0
BODY_SECONDS = 60.0
# A socket that is closed with bytes unread is reset, and the client may never see what it was told.
_LINGER_SECONDS = 1.0

CROWDED = "retail.crowded"
"""Extension of the ASGI scope of a request that came while there were more connections than allowed."""

_HEAD_TOO_LARGE = (
    f"The headers of this request are too large: at most {MAX_HEAD_BYTES} bytes in {MAX_HEADERS} lines are read."
)
_TOO_SLOW = f"The request did not arrive in time: its headers have {HEAD_SECONDS:g} s, its body {BODY_SECONDS:g} s."


class _TooManyHeadersError(Exception):
    """Raised through the parser, which hands it on as the context of its own error."""


class IdleConnections:
    """Those of a process that wait for a request, the longest idle first.

    Args:
        limit: Connections that the process has at most.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._comfortable = limit - limit // 10
        self._idle: dict[HttpConnection, None] = {}

    def add(self, connection: HttpConnection) -> None:
        """It waits from now on."""
        self._idle[connection] = None

    def discard(self, connection: HttpConnection) -> None:
        """It is at work, or gone."""
        self._idle.pop(connection, None)

    def make_room(self, connections: int) -> None:
        """Close the one that waits longest, if the last tenth of the limit is in use.

        Args:
            connections: How many there are, busy ones included.
        """
        if connections > self._comfortable and self._idle:
            oldest = next(iter(self._idle))
            self.discard(oldest)
            oldest.transport.close()


class HttpConnection(UvicornConnection):
    """Reads requests with httptools, as uvicorn does, and adds what neither of the two has.

    - Bytes that are no body are counted: httptools joins a header's pieces by copying all of it each time.
    - A request has a deadline, and so has a connection on which none ever came.
    - An offer to go on in another protocol (`Upgrade`) is ignored, as RFC 9110 section 7.8 allows. httptools would
      end the request after its headers; Java's HttpClient makes such an offer with its first request.
    - Trailers do not become headers: who answers may have looked at those already.

    Args:
        config: uvicorn's.
        server_state: uvicorn's.
        app_state: uvicorn's.
        _loop: uvicorn's.
        idle: Shared by the connections of a process.
        on_refusal: Called with the status of each request that cannot be read.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        idle: IdleConnections,
        on_refusal: Callable[[int], None],
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._idle = idle
        self._on_refusal = on_refusal
        self._reading: Literal["head", "body"] | None = None
        # Since the end of the headers, or since the last piece of a body.
        self._head_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Part of asyncio.Protocol."""
        super().connection_made(transport)
        self._idle.make_room(len(self.connections))
        self._rest()

    def connection_lost(self, exc: Exception | None) -> None:
        """Part of asyncio.Protocol."""
        super().connection_lost(exc)
        self._wake()
        self._disarm()

    def data_received(self, data: bytes) -> None:
        """Part of asyncio.Protocol."""
        while data and not self._refused:
            room = MAX_HEAD_BYTES - self._head_bytes
            piece, data = data[:room], data[room:]
            self._head_bytes += len(piece)
            self._parse(piece)
            if self._head_bytes >= MAX_HEAD_BYTES:
                self._refuse(431, _HEAD_TOO_LARGE)
        if self._reading is not None and self._deadline is None and not self._refused:
            self._arm()

    def _parse(self, data: bytes) -> None:
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as offer:
                if self.parser.get_method() == b"CONNECT":
                    self._refuse(501, "This server is no proxy.")
                    return
                # The request once more, without the offer.
                data = self.read_again_without(b"upgrade") + data[offer.args[0] :]
            except httptools.HttpParserError as error:
                if isinstance(error.__context__, _TooManyHeadersError):
                    self._refuse(431, _HEAD_TOO_LARGE)
                else:
                    self._refuse(400, "This is no HTTP/1.1 request.")
                return
            else:
                return

    def on_message_begin(self) -> None:
        """Part of httptools."""
        super().on_message_begin()
        self._reading = "head"
        self._wake()

    def on_headers_complete(self) -> None:
        """Part of httptools."""
        if self.parser.should_upgrade():
            # `_parse` brings the request again.
            return
        if len(self.headers) > MAX_HEADERS:
            raise _TooManyHeadersError
        self._reading, self._head_bytes = "body", 0
        self._disarm()
        self._wake()
        if self.load > self._idle.limit:
            self.set_extension(CROWDED)
        super().on_headers_complete()
        self.begin_trailers()

    def on_body(self, body: bytes) -> None:
        """Part of httptools."""
        self._head_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Part of httptools."""
        if self.parser.should_upgrade():
            return
        self._reading = None
        self._disarm()
        super().on_message_complete()
        if not self.is_answering:
            self._rest()

    def on_response_complete(self) -> None:
        """Called by uvicorn with the last byte of an answer."""
        super().on_response_complete()
        if self._reading is None and not self.is_answering and not self.transport.is_closing():
            self._idle.add(self)

    def _rest(self) -> None:
        """Wait for a request, for as long as idle connections are kept."""
        self._wake()
        if not self.transport.is_closing():
            self._idle.add(self)
            self.start_idle_timer()

    def _wake(self) -> None:
        self._idle.discard(self)
        self.stop_idle_timer()

    def _arm(self) -> None:
        self._deadline = self.loop.call_later(HEAD_SECONDS if self._reading == "head" else BODY_SECONDS, self._late)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        if self._answers_an_earlier_request():
            # That one was in time; while it is answered, this one may be kept from being read.
            self._arm()
        else:
            self._refuse(408, _TOO_SLOW)

    def _answers_an_earlier_request(self) -> bool:
        if self._reading == "body":
            return self.has_waiting_requests
        return self.is_answering

    def _refuse(self, status: int, message: str) -> None:
        """Answer a request that cannot be read to its end, and read no further one."""
        self._refused = True
        self._disarm()
        self._wake()
        if self.transport.is_closing():
            return
        self._on_refusal(status)
        if self._answers_an_earlier_request():
            self.close_after_answer()
            return
        # What the body still says is for nobody.
        if self._reading == "body" and self.give_up_body():
            self.transport.close()
            return
        body = json.dumps({"jsonrpc": "2.0", "id": None, "error": {"code": INVALID_REQUEST, "message": message}})
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
        ]
        self.answer_last(status, headers, body.encode())
        self._deadline = self.loop.call_later(_LINGER_SECONDS, self.transport.close)
