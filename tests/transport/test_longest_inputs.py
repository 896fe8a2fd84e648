"""The longest of everything that a caller may send: no request holds others up, and none is a fault of the server.

While each is read, checked, refused and entered in the audit log, /health is asked over and over.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastmcp.tools import FunctionTool
from mcp.shared.inbound import encode_header_value
from mcp_types import INVALID_REQUEST

from server import tools
from server.calls.principal import Role
from server.config import Settings
from server.toolkit.answering import tool_of
from server.transport.messages import MAX_PARTS
from tests.support import Retailer
from tests.transport.processes import environment, for_server
from tests.transport.raw import PING, connected, head
from tests.transport.serving import LEGACY, MODERN, Era, Served, bearer, message
from tests.transport.speaking import HANDSHAKE, META, on_pipe
from tests.transport.speaking import asking as request
from tests.transport.test_http_connection import slowest_health

ROOM = Settings(_env_file=None).max_request_bytes - 1_000
ERAS: tuple[Era, ...] = ("legacy", "modern")
HOSTILE_CHARACTERS = ("a", "1", " ", "'", '\\"', "+", "%", "\\\\", "a1 ", "-", ".", "\\u0001", "漢", "😀", "\\u0130")
TOOLS: dict[str, FunctionTool] = {function.__name__: tool_of(function) for function in tools.discover()}


def items(item: str, count: int = ROOM, *, named: bool = False) -> str:
    """As many items as fit, or as there may be; in an object each with a name."""
    many = [f'"{100_000 + number}":{item}' if named else item for number in range(min(count, ROOM // (len(item) + 1)))]
    while sum(map(len, many)) + len(many) > ROOM:
        many = many[: len(many) * 9 // 10]
    return ",".join(many)


def text(character: str, length: int | None = None) -> str:
    """A JSON text of one repeated character, as long as may be."""
    return f'"{character * (length or ROOM // len(character.encode()))}"'


WRONG_FOR_ALL = (
    f"[{items('1', 1_000)}]",
    f"{{{items('{}', 400, named=True)}}}",
    "[" * 100 + "]" * 100,
    "9" * 4_299,
    f"0.{'9' * 20_000}",
    f'"0.{"9" * 20_000}"',
    "1e400",
    '"1e-999999"',
    '"0e999999"',
)
# Of what may come in any number: what each costs at most is a refusal of each.
WRONG = ("1", "{}", "[]", '"x"')
ref = '{"type":"ref/prompt","name":"find_product"}'
ask_brand = f'"ref":{ref},"argument":{{"name":"brand","value":""}}'
client_info = '"name":"a","version":"1"'
call_start = '"name":"get_store_context","arguments":{}'
MANY: dict[str, tuple[str, str, bool]] = {
    # Method, parameters with a place for the items, and whether these are named.
    "tags": ("tools/call", '"name":"search_products","arguments":{"tags":[%s]}', False),
    "attributes": ("tools/call", '"name":"search_products","arguments":{"attributes":{%s}}', True),
    "products": ("tools/call", '"name":"get_products","arguments":{"products":[%s]}', False),
    "measures": ("tools/call", '"name":"summarize_sales","arguments":{"metrics":[%s]}', False),
    "groups": ("tools/call", '"name":"summarize_sales","arguments":{"group_by":[%s]}', False),
    "stores": ("tools/call", '"name":"compare_stores","arguments":{"stores":[%s]}', False),
    "unknown arguments": ("tools/call", '"name":"search_products","arguments":{%s}', True),
    "of a tool there is not": ("tools/call", '"name":"x","arguments":{%s}', True),
    "in place of arguments": ("tools/call", '"name":"search_products","arguments":[%s]', False),
    "in place of a name": ("tools/call", '"name":[%s]', False),
    "arguments of a prompt": ("prompts/get", '"name":"find_product","arguments":{%s}', True),
    "context of a completion": ("completion/complete", ask_brand + ',"context":{"arguments":{%s}}', True),
    "cursor": ("tools/list", '"cursor":[%s]', False),
    "subscriptions": ("subscriptions/listen", '"notifications":{"resourceSubscriptions":[%s]}', False),
    "capabilities": (
        "initialize",
        '"protocolVersion":"2025-11-25","capabilities":{"experimental":{%s}},"clientInfo":{' + client_info + "}",
        True,
    ),
    "icons": (
        "initialize",
        '"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{' + client_info + ',"icons":[%s]}',
        False,
    ),
    "icons of each request": (
        "tools/call",
        call_start + ',"_meta":{"io.modelcontextprotocol/clientInfo":{' + client_info + ',"icons":[%s]}}',
        False,
    ),
    "capabilities of each request": (
        "tools/call",
        call_start + ',"_meta":{"io.modelcontextprotocol/clientCapabilities":{"extensions":{%s}}}',
        True,
    ),
    "notes": ("tools/call", call_start + ',"_meta":{%s}', True),
    "progress token": ("tools/call", call_start + ',"_meta":{"progressToken":[%s]}', False),
    "of an unknown method": ("x", '"x":[%s]', False),
    "notification": ("notifications/cancelled", '"requestId":[%s]', False),
}
LONG: dict[str, tuple[str, str]] = {
    "method": ("%s", ""),
    "tool": ("tools/call", '"name":%s'),
    "prompt": ("prompts/get", '"name":%s'),
    "wish": ("prompts/get", '"name":"find_product","arguments":{"wish":%s}'),
    "segment": ("prompts/get", '"name":"win_back_campaign","arguments":{"segment":%s}'),
    "address": ("resources/read", '"uri":%s'),
    "value to complete": ("completion/complete", f'"ref":{ref},"argument":{{"name":"brand","value":%s}}'),
    "argument to complete": ("completion/complete", f'"ref":{ref},"argument":{{"name":%s,"value":""}}'),
    "store to complete for": ("completion/complete", ask_brand + ',"context":{"arguments":{"store_id":%s}}'),
    "cursor": ("tools/list", '"cursor":%s'),
    "version": ("initialize", '"protocolVersion":%s,"capabilities":{},"clientInfo":{' + client_info + "}"),
    "trace": ("tools/call", call_start + ',"_meta":{"traceparent":%s,"tracestate":"","baggage":""}'),
    "baggage": ("tools/call", call_start + ',"_meta":{"traceparent":"","tracestate":"","baggage":%s}'),
}
ADDRESSES = {
    "slashes": "/",
    "escapes": "%41",
    "half escapes": "%c3",
    "questions": "?a=1&b",
    "dots": "../",
    "a name": "a",
}


class Asking:
    """One client that sends messages as they are and keeps what was answered.

    Args:
        http: Sends them.
        served: The server.
        token: Who sends them.
    """

    def __init__(self, http: httpx2.AsyncClient, served: Served, token: str) -> None:
        self._http = http
        self._served = served
        self._token = token

    async def post(self, method: str, params: str, era: Era) -> httpx2.Response:
        """One message whose parameters are written already."""
        own = json.dumps(META)[1:-1]
        if era == "modern":
            # Where a name comes twice, the last one counts.
            merged = params.replace('"_meta":{', '"_meta":{' + own + ",")
            params = merged if "_meta" in params else _with_meta(params, own)
        given = json.loads(f"{{{params}}}")
        name = given.get("name", given.get("uri"))
        request_id = "" if method.startswith("notifications/") else '"id":1,'
        body = f'{{"jsonrpc":"2.0",{request_id}"method":"{method}","params":{{{params}}}}}'
        headers = {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "authorization": bearer(self._token),
            "mcp-protocol-version": MODERN if era == "modern" else LEGACY,
        }
        if era == "modern":
            headers |= {"mcp-method": encode_header_value(method[:100])}
            headers |= {"mcp-name": encode_header_value(name)} if isinstance(name, str) and len(name) <= 100 else {}
        return await self._http.post(self._served.url, content=body.encode(), headers=headers)


def _with_meta(params: str, own: str) -> str:
    return f'{params}{"," if params else ""}"_meta":{{{own}}}'


@asynccontextmanager
async def asking(served: Served, token: str) -> Any:
    """A client, and the promise that whatever is asked meanwhile kept nobody waiting."""
    async with httpx2.AsyncClient(timeout=60) as http:
        ended = asyncio.Event()
        until = asyncio.create_task(_wait(ended))
        watching = asyncio.create_task(slowest_health(served, until))
        try:
            yield Asking(http, served, token)
        finally:
            ended.set()
            worst = await watching
    assert worst < 1


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


def told(response: httpx2.Response) -> str:
    """The text of what was answered; it is no fault of the server."""
    if response.status_code == 202:
        return ""
    answered = message(response)
    said = json.dumps(answered.get("error") or answered["result"])
    assert "The server failed" not in said, said[:500]
    assert response.status_code < 500, said[:500]
    return said


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("where", MANY)
async def test_more_items_than_any_request_needs(where: str, era: Era, http: Served, seattle: str) -> None:
    method, params, named = MANY[where]
    async with asking(http, seattle) as client:
        for wrong in WRONG[:2]:
            assert "too many parts" in told(await client.post(method, params % items(wrong, named=named), era))


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("where", MANY)
async def test_as_many_items_as_are_read(where: str, era: Era, http: Served, seattle: str) -> None:
    method, params, named = MANY[where]
    async with asking(http, seattle) as client:
        for wrong in WRONG:
            own = 1 + wrong.count("{") + wrong.count("[")
            said = told(await client.post(method, params % items(wrong, (MAX_PARTS - 100) // own, named=named), era))
            assert "too many parts" not in said
            assert len(said) < 200_000


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("where", LONG)
async def test_the_longest_text(where: str, era: Era, http: Served, seattle: str) -> None:
    method, params = LONG[where]
    async with asking(http, seattle) as client:
        for character in ("a", " ", "%", "\\\\", "\\u0001", "漢"):
            long = text(character)
            if not params:
                told(await client.post(long[1:-1], params, era))
            else:
                told(await client.post(method, params % long, era))


@pytest.mark.parametrize("era", ERAS)
async def test_the_longest_address(era: Era, http: Served, seattle: str) -> None:
    refused = "no address has more than" if era == "legacy" else "mcp-name header does not match"
    async with asking(http, seattle) as client:
        for part in ADDRESSES.values():
            for address in (
                "retail://%s",
                "retail://stores/%s/categories",
                "retail://stores/x/categories?%s",
                "ui://%s",
            ):
                uri = json.dumps(address % (part * (ROOM // len(part))))
                assert refused in told(await client.post("resources/read", f'"uri":{uri}', era))
                of_template = f'"ref":{{"type":"ref/resource","uri":{uri}}},"argument":{{"name":"store_id","value":""}}'
                assert "no address has more than" in told(await client.post("completion/complete", of_template, era))


@pytest.mark.parametrize("tool", TOOLS)
async def test_the_longest_values_of_every_argument(tool: str, http: Served, two_stores: Retailer) -> None:
    """Also by a caller who may not call the tool: nothing is spent on its arguments."""
    role: Role = {"list_audit_events": "auditor", "run_query": "analyst"}.get(tool, "manager")  # type: ignore[assignment]
    token, support = await two_stores.token("seattle", role=role), await two_stores.token("seattle", role="support")
    properties = TOOLS[tool].parameters["properties"]
    calls = [f'"{name}":{text(character)}' for name in properties for character in "a1"]
    calls += [",".join(f'"{name}":{value}' for name in properties) for value in WRONG_FOR_ALL]
    calls += [
        ",".join(
            f'"{name}":{allowed}' for name, schema in properties.items() if (allowed := longest(schema, character))
        )
        for character in HOSTILE_CHARACTERS
    ]
    async with asking(http, token) as client:
        for arguments in calls:
            told(await client.post("tools/call", f'"name":"{tool}","arguments":{{{arguments}}}', "modern"))
    async with asking(http, support) as client:
        for arguments in calls[::4]:
            told(await client.post("tools/call", f'"name":"{tool}","arguments":{{{arguments}}}', "modern"))


def longest(schema: dict[str, Any], character: str) -> str | None:
    """The longest value of one repeated character that an argument may have; None where it is no text."""
    width = len(json.loads(f'"{character}"'))
    if schema.get("type") == "array":
        if "maxLength" not in schema["items"]:
            return None
        each = text(character, schema["items"]["maxLength"] // width)
        return f"[{items(each, schema['maxItems'])}]"
    if schema.get("type") == "object":
        return f"{{{items(text(character, 500 // width), 10, named=True)}}}"
    return text(character, schema["maxLength"] // width) if "maxLength" in schema else None


@pytest.mark.parametrize("number", ["0e999999", "1e-999999", f"0.{'1' * 20_000}"])
async def test_a_number_with_more_places_than_the_database_keeps(number: str, http: Served, seattle: str) -> None:
    async with asking(http, seattle) as client:
        for tool, argument in (
            ("search_products", "min_price"),
            ("search_products", "min_rating"),
            ("list_transactions", "minimum_total"),
        ):
            arguments = f'{{"{argument}":"{number}"}}'
            said = told(await client.post("tools/call", f'"name":"{tool}","arguments":{arguments}', "modern"))
            assert json.loads(said)["isError"] is False


LONG_HEADERS = {
    "authorization": ("Bearer rmcp_%s", "a"),
    "x-store-id": ("%s", "a"),
    "origin": ("http://%s", "a."),
    "host": ("%s", "a."),
    "content-type": ("application/json;%s", "a=b;"),
    "accept": ("application/json, text/event-stream, %s", "a/b;q=0.1,"),
    "mcp-session-id": ("%s", "a"),
    "last-event-id": ("%s", "a"),
    "mcp-method": ("%s", "a"),
    "mcp-name": ("=?base64?%s?=", "YWFh"),
    "mcp-param-x": ("=?base64?%s?=", "YWFh"),
    "cookie": ("%s", "a=b;"),
    "x-forwarded-for": ("%s", "1,"),
    "traceparent": ("00-" + "a" * 32 + "-" + "b" * 16 + "-01-%s-", " "),
    "tracestate": ("a=%sb", " "),
    "baggage": ("a=%sb", " "),
    "expect": ("%s", "100-continue,"),
}


@pytest.mark.parametrize("name", LONG_HEADERS)
async def test_the_longest_header(name: str, http: Served, seattle: str) -> None:
    around, part = LONG_HEADERS[name]
    value = around % (part * (60_000 // len(part)))
    for token in {None, None if name == "authorization" else seattle}:
        async with asking(http, seattle), connected(http.port) as connection:
            request = head(http.port, f"content-length: {len(PING)}", f"{name}: {value}", token=token)
            await connection.send(request + PING)
            answer = await connection.answer()
        assert answer.status < 500
        assert answer.status != 200 or token


@pytest.mark.parametrize("piece", [b"[", b"[],", b"9", b'{"a":', b"\\u0041", b'"a":1,', b"[" * 150 + b"]" * 150 + b","])
async def test_the_longest_body_of_nobody(piece: bytes, http: Served, seattle: str) -> None:
    """It is looked at for the id of the request."""
    body = b'{"jsonrpc":"2.0","id":7,"params":' + piece * (65_000 // len(piece))
    async with asking(http, seattle), connected(http.port) as connection:
        await connection.send(head(http.port, f"content-length: {len(body)}"), body)
        answer = await connection.answer()
    assert answer.status == 401


async def test_a_text_with_many_commas_is_no_message_of_many_parts(http: Served, two_stores: Retailer) -> None:
    token = await two_stores.token("seattle", role="analyst")
    async with asking(http, token) as client:
        sql = "select " + "1," * 3_995 + "1"
        said = told(await client.post("tools/call", f'"name":"run_query","arguments":{{"sql":"{sql}"}}', "modern"))
        assert "too many parts" not in said


@pytest.mark.parametrize("command", ["stdio", "bridge"])
async def test_a_line_longer_than_a_request_may_be(
    command: str, two_stores: Retailer, http: Served, seattle: str, tmp_path: Path
) -> None:
    """One that names its id first is answered under it. The line behind is read as ever."""
    limit = Settings(_env_file=None).max_request_bytes
    ping = b'{"jsonrpc":"2.0","id":%d,"method":"ping","params":{"x":"%s"}}'
    room = limit - len(ping % (2, b""))
    env, arguments = {
        "stdio": (for_server(two_stores, RETAIL_TOKEN=seattle), ["stdio"]),
        "bridge": (environment(RETAIL_TOKEN=seattle), ["bridge", http.url]),
    }[command]
    async with on_pipe(tmp_path, env, *arguments) as line:
        await line.send(json.dumps(request(1, "initialize", HANDSHAKE)).encode())
        await line.answers(1)
        await line.send(ping % (2, b"a" * room))
        await line.send(ping % (3, b"a" * (room + 1)))
        await line.send(ping % (4, b"a" * 5 * limit))
        await line.send(b'{"jsonrpc":"2.0","method":"ping","params":{"x":"%s"},"id":5}' % (b"a" * limit))
        await line.send(ping % (6, b""))
        answers = {answer["id"]: answer for answer in await line.answers(2, 3, 4, None, 6)}
    assert set(answers) == {1, 2, 3, 4, None, 6}
    assert answers[2]["result"] == answers[6]["result"] == {}
    for number in (3, 4, None):
        assert answers[number]["error"]["code"] == INVALID_REQUEST
        assert "RETAIL_MAX_REQUEST_BYTES" in answers[number]["error"]["message"]
