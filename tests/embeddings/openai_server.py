"""A loopback server that speaks OpenAI's embeddings API over real sockets, and can misbehave on demand."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import socket
import struct
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest_asyncio

from server.config import Settings

API_KEY = "sk-do-not-leak"
DIMENSIONS = 1536


def words_vector(text: str, dimensions: int = DIMENSIONS) -> np.ndarray:
    """Unit vector of a bag of words: texts that share words are similar, in every process alike."""
    total = np.zeros(dimensions)
    for word in re.findall(r"\w+", text.lower()) or [text]:
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8])
        total += np.random.default_rng(seed).standard_normal(dimensions)
    return (total / np.linalg.norm(total)).astype(np.float32)


@dataclass(frozen=True)
class Reply:
    """One HTTP response: `sent_bytes` cuts the body short and closes the connection, with `reset` by RST."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    sent_bytes: int | None = None
    reset: bool = False


@dataclass(frozen=True)
class Request:
    """What a client asked."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


Behaviour = Callable[["OpenAIServer", Request], "Reply | None"]
"""Answers a request; None never answers, until the client gives up."""


class OpenAIServer:
    """Answers as OpenAI does; `behave` lets the next requests go wrong.

    Attributes:
        requests: All requests so far.
        dimensions: Numbers per vector when a request names none.
        max_texts: More texts in a request are refused with status 413.
        deployments: Names that Azure's paths know, with the model that each is of.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.dimensions = DIMENSIONS
        self.max_texts = 2_048
        self.deployments: dict[str, str] = {}
        self._script: deque[Behaviour] = deque()
        self._forever: Behaviour | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server

    @property
    def url(self) -> str:
        """Base URL for clients."""
        host, port = self._server.sockets[0].getsockname()
        return f"http://{host}:{port}/v1"

    @property
    def texts(self) -> list[list[str]]:
        """Texts of each request so far."""
        return [request.body["input"] for request in self.requests]

    @property
    def azure_endpoint(self) -> str:
        """What Azure calls the endpoint of a resource."""
        return self.url.removesuffix("/v1")

    def azure_settings(self, **changes: Any) -> Settings:
        """Settings of a client that takes this server for Azure OpenAI."""
        return self.settings(
            **{"embeddings": "azure", "openai_base_url": None, "azure_openai_endpoint": self.azure_endpoint} | changes
        )

    def settings(self, **changes: Any) -> Settings:
        """Settings of a client of this server."""
        chosen = {
            "embeddings": "openai",
            "openai_base_url": self.url,
            "openai_api_key": API_KEY,
            "embedding_timeout_seconds": 10,
        }
        return Settings(_env_file=None, **(chosen | changes))

    def behave(self, *behaviours: Behaviour, forever: bool = False) -> None:
        """Let the next requests be answered so, one each; with `forever` the last also answers the rest."""
        self._script.extend(behaviours)
        self._forever = behaviours[-1] if forever else None

    def recover(self) -> None:
        """Answer every request again."""
        self._script.clear()
        self._forever = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[OpenAIServer]:
        """Listen on a free port of 127.0.0.1."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        try:
            yield self
        finally:
            self._server.close()
            for connection in self._connections:
                connection.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)
            await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of our own: the one that start_server makes reports its cancellation as an error.
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await _read_request(reader):
                self.requests.append(request)
                behaviour = self._script.popleft() if self._script else self._forever or answer
                reply = behaviour(self, request)
                if reply is None:
                    await reader.read()
                    return
                if reply.reset:
                    _reset(writer)
                    return
                writer.write(_head(reply) + reply.body[: reply.sent_bytes])
                await writer.drain()
                if reply.sent_bytes is not None:
                    return
        except ConnectionError:
            pass
        finally:
            writer.close()


def answer(server: OpenAIServer, request: Request) -> Reply:
    """Answer as OpenAI does."""
    if refusal := _refused(server, request):
        return refusal
    texts = request.body["input"]
    texts = [texts] if isinstance(texts, str) else texts
    if "" in texts:
        return _error(400, "'$.input' is invalid.")
    if len(texts) > server.max_texts:
        return _error(413, "batch size is too large")
    dimensions = request.body.get("dimensions", server.dimensions)
    as_base64 = request.body.get("encoding_format", "float") == "base64"
    return _json(
        {
            "object": "list",
            "data": [
                {"object": "embedding", "index": index, "embedding": _encode(text, dimensions, as_base64)}
                for index, text in enumerate(texts)
            ],
            "model": request.body["model"],
            "usage": {"prompt_tokens": sum(map(len, texts)) // 4, "total_tokens": sum(map(len, texts)) // 4},
        }
    )


def _refused(server: OpenAIServer, request: Request) -> Reply | None:
    """What OpenAI, or on its own paths Azure, answers to a request for nothing that exists or without a key."""
    azure = re.fullmatch(r"/openai/deployments/([^/]+)/embeddings\?api-version=([0-9-]+)", request.path)
    if azure is None:
        return None if request.path == "/v1/embeddings" else _error(404, "Not found")
    if request.headers.get("api-key") != API_KEY:
        return _error(401, "Access denied due to invalid subscription key or wrong API endpoint.")
    if azure[1] not in server.deployments:
        return _error(404, "The API deployment for this resource does not exist.")
    return None


def answer_floats(server: OpenAIServer, request: Request) -> Reply:
    """Answer with JSON numbers whatever was asked for, as some endpoints do."""
    return answer(server, Request(request.path, request.headers, request.body | {"encoding_format": "float"}))


def answer_reversed(server: OpenAIServer, request: Request) -> Reply:
    """Answer with the right indexes in the wrong order."""
    return _edited(server, request, lambda data: data[::-1])


def answer_too_few(server: OpenAIServer, request: Request) -> Reply:
    """Leave the last embedding out."""
    return _edited(server, request, lambda data: data[:-1])


def answer_same_index(server: OpenAIServer, request: Request) -> Reply:
    """Give every embedding the index 0."""
    return _edited(server, request, lambda data: [item | {"index": 0} for item in data])


def answer_zeros(server: OpenAIServer, request: Request) -> Reply:
    """Answer with vectors of zeros."""
    zeros = [0.0] * server.dimensions
    return _edited(server, request, lambda data: [item | {"embedding": zeros} for item in data])


def answer_nan(server: OpenAIServer, request: Request) -> Reply:
    """Answer with vectors of which one number is none, in base64, which JSON could not say."""
    numbers = np.ones(server.dimensions, dtype="<f4")
    numbers[7] = np.nan
    text = base64.b64encode(numbers.tobytes()).decode()
    return _edited(server, request, lambda data: [item | {"embedding": text} for item in data])


def answer_cut_base64(server: OpenAIServer, request: Request) -> Reply:
    """Answer with vectors whose last number lost two bytes."""
    return _edited(server, request, lambda data: [item | {"embedding": _cut(item["embedding"])} for item in data])


def _cut(text: str) -> str:
    return base64.b64encode(base64.b64decode(text)[:-2]).decode()


def answer_next_index(server: OpenAIServer, request: Request) -> Reply:
    """Number the embeddings from 1."""
    return _edited(server, request, lambda data: [item | {"index": item["index"] + 1} for item in data])


def answer_truncated_json(server: OpenAIServer, request: Request) -> Reply:
    """Answer with a complete response whose JSON is not."""
    reply = answer(server, request)
    return Reply(200, reply.body[: len(reply.body) // 2], reply.headers)


def answer_web_page(server: OpenAIServer, request: Request) -> Reply:
    """Answer as a web server that is no API."""
    return Reply(200, b"<html>Welcome</html>", {"Content-Type": "text/html"})


def close_connection(server: OpenAIServer, request: Request) -> Reply:
    """Close the connection in the middle of the body."""
    reply = answer(server, request)
    return Reply(200, reply.body, reply.headers, sent_bytes=10)


def reset_connection(server: OpenAIServer, request: Request) -> Reply:
    """Reset the connection instead of answering."""
    return Reply(200, b"", reset=True)


def hang(server: OpenAIServer, request: Request) -> None:
    """Never answer."""


def fail(status: int, **headers: str) -> Behaviour:
    """Answer with an error that quotes the key, as OpenAI does, and with headers such as Retry_After."""

    def behaviour(server: OpenAIServer, request: Request) -> Reply:
        quoted = request.headers.get("authorization", "")
        return _error(
            status, f"Failed for {quoted}", {name.replace("_", "-"): value for name, value in headers.items()}
        )

    return behaviour


def _edited(
    server: OpenAIServer, request: Request, edit: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]
) -> Reply:
    body = json.loads(answer(server, request).body)
    return _json(body | {"data": edit(body["data"])})


def _encode(text: str, dimensions: int, as_base64: bool) -> str | list[float]:
    vector = words_vector(text, dimensions)
    return base64.b64encode(vector.astype("<f4").tobytes()).decode() if as_base64 else vector.tolist()


def _json(body: dict[str, Any]) -> Reply:
    return Reply(200, json.dumps(body).encode(), {"Content-Type": "application/json"})


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> Reply:
    body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}
    return Reply(status, json.dumps(body).encode(), {"Content-Type": "application/json"} | (headers or {}))


def _head(reply: Reply) -> bytes:
    lines = [f"HTTP/1.1 {reply.status} -", f"Content-Length: {len(reply.body)}"]
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close so that the client gets RST in place of FIN."""
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    """The next request of a connection; None at its end."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.splitlines()
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(first.split()[1], headers, json.loads(body))


@pytest_asyncio.fixture
async def openai_server() -> AsyncIterator[OpenAIServer]:
    """A running loopback server."""
    async with OpenAIServer().running() as server:
        yield server
