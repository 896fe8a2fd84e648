#!/usr/bin/env bash
# MCP Python SDK: may a client over stdio go back to the old handshake after it asked with server/discover?
#
# mcp 2.3.0, fastmcp 4.1.2, Python 3.11, seen on 2026-12-01.
# A client that knows both versions of the protocol asks server/discover first, and where no answer comes in time (mcp-go
# waits 5 s, rmcp 10 s) sends initialize to the same process. Over stdio the server has settled its version by then, be
# the question answered or not, and refuses initialize for good: -32022. Over streamable HTTP the same server takes
# initialize at any time. And a line that is no JSON, which over HTTP is answered with -32700, gets no answer at all over
# stdio: the next answer is that of the next message.
#
# Exit 0: as stated; 1: it behaves otherwise now; 2: could not be set up.
set -u
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv" && "$work/venv/bin/pip" install --quiet fastmcp==4.1.2 mcp==2.3.0 >&2 || exit 2
cat > "$work/ask.py" <<'PY'
import json
import subprocess
import sys

import anyio
import httpx2
import uvicorn
from fastmcp import FastMCP

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "asker", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
DISCOVER = {"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {"_meta": META}}
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 2,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "asker", "version": "1"}},
}


def outcome(message: dict) -> str:
    return str(message["error"]["code"]) if "error" in message else "ok"


def over_stdio() -> None:
    child = subprocess.Popen([sys.executable, __file__, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(line: str) -> dict:
        child.stdin.write(line + "\n")
        child.stdin.flush()
        return json.loads(child.stdout.readline())

    print("stdio, discover:", outcome(ask(json.dumps(DISCOVER))))
    print("stdio, initialize after it:", outcome(ask(json.dumps(INITIALIZE))))
    child.stdin.close()
    child.wait(20)
    child = subprocess.Popen([sys.executable, __file__, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    first = ask("no JSON\n" + json.dumps(INITIALIZE))
    print("stdio, a line that is no JSON, then initialize: first answer has id", first["id"])
    child.stdin.close()
    child.wait(20)


async def over_http() -> None:
    app = FastMCP("shop").http_app(stateless_http=True)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical"))
    async with anyio.create_task_group() as group:
        group.start_soon(server.serve)
        with anyio.fail_after(30):
            while not server.started:
                await anyio.sleep(0.05)
        port = server.servers[0].sockets[0].getsockname()[1]
        accept = {"accept": "application/json, text/event-stream"}
        modern = accept | {"mcp-protocol-version": "2026-07-28", "mcp-method": "server/discover"}
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            for name, message, headers in (("discover", DISCOVER, modern), ("initialize after it", INITIALIZE, accept)):
                text = (await client.post("/mcp", json=message, headers=headers)).text
                data = next((line[6:] for line in text.splitlines() if line.startswith("data: {")), text)
                print(f"HTTP, {name}:", outcome(json.loads(data)))
        server.should_exit = True


if len(sys.argv) > 1:
    FastMCP("shop").run("stdio", show_banner=False)
else:
    over_stdio()
    anyio.run(over_http)
PY
seen=$(timeout 120 "$work/venv/bin/python" "$work/ask.py" 2>"$work/log") || { tail -3 "$work/log" >&2; exit 2; }
printf '%s\n' "$seen"
expected="stdio, discover: ok
stdio, initialize after it: -32022
stdio, a line that is no JSON, then initialize: first answer has id 2
HTTP, discover: ok
HTTP, initialize after it: ok"
[ "$seen" = "$expected" ] || { echo "It behaves otherwise now." >&2; exit 1; }
