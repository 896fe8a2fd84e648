"""nginx with the configuration of docs/nginx.conf, before servers of a test, and callers that never pause."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from tests.transport.processes import ROOT
from tests.transport.serving import bearer, request, structured
from tests.transport.shop import eventually

PROGRAM = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
"""Debian puts it where ordinary users do not look."""

CONFIGURATION = ROOT / "docs" / "nginx.conf"
_SECONDS = 200


@asynccontextmanager
async def balanced(directory: Path, servers: Sequence[int]) -> AsyncIterator[str]:
    """Run nginx before servers on two ports of this machine; yields its URL without a path."""
    assert PROGRAM is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    text = CONFIGURATION.read_text(encoding="utf-8")
    # What the file says is to be changed, and where an ordinary user's nginx may write.
    ours = {f"127.0.0.1:{number};": f"127.0.0.1:{place};" for number, place in ((8000, port),)}
    ours |= {f"server 127.0.0.1:800{n} ": f"server 127.0.0.1:{place} " for n, place in enumerate(servers, start=1)}
    ours["http {\n"] = "http {\n" + "".join(
        f"  {name}_temp_path {directory}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    for theirs, replacement in ours.items():
        assert text.count(theirs) == 1, theirs
        text = text.replace(theirs, replacement)
    configuration = directory / "nginx.conf"
    await asyncio.to_thread(configuration.write_text, text)
    settings = f"daemon off; pid {directory}/pid; error_log {directory}/log warn;"
    process = await asyncio.create_subprocess_exec(
        PROGRAM, "-p", directory, "-c", configuration, "-e", directory / "log", "-g", settings
    )
    try:
        base = f"http://127.0.0.1:{port}"
        async with httpx2.AsyncClient(timeout=30) as http:

            async def answers() -> bool:
                try:
                    return (await http.get(f"{base}/ready")).status_code == 200
                except httpx2.TransportError:
                    return False

            await eventually(answers, _SECONDS)
        yield base
    finally:
        process.terminate()
        await process.wait()


@dataclass
class Callers:
    """What calls came to.

    Attributes:
        answered: How many went well.
        failed: When each of the others began, and how it ended.
    """

    url: str
    token: str
    answered: int = 0
    failed: list[tuple[float, str]] = field(default_factory=list)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def calling(self, callers: int) -> AsyncIterator[None]:
        """Let so many call without a pause while the block runs."""
        body, headers = request("tools/call", {"name": "summarize_sales", "arguments": {}}, "modern")
        self._stop.clear()
        async with asyncio.TaskGroup() as group:
            for _ in range(callers):
                group.create_task(self._call(body, headers | {"authorization": bearer(self.token)}))
            try:
                yield
            finally:
                self._stop.set()

    async def more(self, calls: int) -> None:
        """Wait until so many more went well."""
        enough = self.answered + calls

        async def there() -> bool:
            return self.answered >= enough

        await eventually(there, _SECONDS)

    async def _call(self, body: bytes, headers: Mapping[str, str]) -> None:
        async with httpx2.AsyncClient(timeout=_SECONDS) as http:
            while not self._stop.is_set():
                began = time.monotonic()
                try:
                    assert structured(await http.post(self.url, content=body, headers=headers))["store_id"]
                except (httpx2.TransportError, AssertionError) as error:
                    self.failed.append((began, repr(error)))
                else:
                    self.answered += 1
