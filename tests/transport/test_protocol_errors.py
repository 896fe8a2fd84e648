"""Whatever is wrong with a message: the answer says so and repeats nothing of it, and neither does the log.

Only what the specification wants back comes back: the address of a resource and the version that was asked for.
"""

from __future__ import annotations

import json
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from mcp_types import HEADER_MISMATCH

from tests.support import Retailer
from tests.transport.processes import environment, for_server, running
from tests.transport.serving import Era, Served
from tests.transport.speaking import HANDSHAKE, META, Line, asking, logging_to, on_http, on_pipe, on_sse
from tests.transport.test_stopping import address

MARK = "hunter2-of-the-caller"
LONG = MARK * 300
INTERNALS = re.compile(
    r"pydantic|FieldInfo|Traceback|Annotated|NoneType|TypeAdapter|JSONRPC[A-Z]\w|string_type|input_value|instance of"
    r"|\bNone\b|\b[A-Z]\w+Error\b|site-packages"
)
WAYS = ("http", "sse", "stdio", "bridge")
ERAS: tuple[Era, ...] = ("legacy", "modern")

METHODS: dict[str, dict[str, Any]] = {
    "initialize": HANDSHAKE,
    "tools/list": {},
    "tools/call": {"name": "get_store_context", "arguments": {}},
    "prompts/list": {},
    "prompts/get": {"name": "find_product", "arguments": {"wish": "lamp"}},
    "resources/list": {},
    "resources/templates/list": {},
    "resources/read": {"uri": "retail://categories"},
    "completion/complete": {
        "ref": {"type": "ref/prompt", "name": "find_product"},
        "argument": {"name": "brand", "value": ""},
    },
    "logging/setLevel": {"level": "info"},
    "ping": {},
    "server/discover": {},
    "resources/subscribe": {"uri": "retail://categories"},
    "tasks/get": {"taskId": "1"},
    MARK: {},
}
WRONG: list[Any] = [MARK, LONG, 10**30, -0.5, True, None, [MARK], {MARK: MARK}, {MARK: {MARK: [LONG]}}]
# What parameters that fit their types may still name.
NAMED: list[tuple[str, dict[str, Any]]] = [
    ("tools/call", {"name": MARK, "arguments": {}}),
    ("tools/call", {"name": "summarize_sales", "arguments": {"limit": MARK}}),
    ("tools/call", {"name": "summarize_sales", "arguments": {MARK: MARK}}),
    ("tools/call", {"name": "search_products", "arguments": {"attributes": {MARK: [MARK]}}}),
    ("prompts/get", {"name": MARK}),
    ("prompts/get", {"name": "find_product"}),
    ("prompts/get", {"name": "find_product", "arguments": {"wish": LONG}}),
    ("prompts/get", {"name": "find_product", "arguments": {"wish": "a", "brand": LONG}}),
    ("prompts/get", {"name": "find_product", "arguments": {"wish": "a", MARK: MARK}}),
    ("prompts/get", {"name": "weekly_review", "arguments": {"store_id": LONG}}),
    ("prompts/get", {"name": "weekly_review", "arguments": {"store_id": None}}),
    ("resources/read", {"uri": f"retail://{MARK}"}),
    ("resources/read", {"uri": f"retail://stores/{MARK}/categories"}),
    ("resources/read", {"uri": f"retail://stores/{LONG}/freshness"}),
    ("resources/read", {"uri": f"retail://stores/..%2f{MARK}/schema"}),
    ("resources/read", {"uri": f"{MARK}\n\u2028 %zz"}),
    ("completion/complete", {"ref": {"type": "ref/prompt", "name": MARK}, "argument": {"name": "a", "value": MARK}}),
    ("completion/complete", {"ref": {"type": "ref/resource", "uri": MARK}, "argument": {"name": "a", "value": MARK}}),
    (
        "completion/complete",
        {"ref": {"type": "ref/prompt", "name": "find_product"}, "argument": {"name": MARK, "value": MARK}},
    ),
    (
        "completion/complete",
        {"ref": {"type": "ref/prompt", "name": "find_product"}, "argument": {"name": "brand", "value": LONG}},
    ),
    ("logging/setLevel", {"level": MARK}),
    ("initialize", {**HANDSHAKE, "clientInfo": {"name": LONG, "version": [MARK]}}),
]
NO_MESSAGES: list[bytes] = [
    b"{" + MARK.encode(),
    MARK.encode() * 300,
    b'{"jsonrpc": "2.0", "id": 1, "method": "' + MARK.encode(),
    b'"' + MARK.encode() + b'"',
    json.dumps([asking(1, MARK)]).encode(),
    json.dumps({"jsonrpc": MARK, "id": 1, "method": "ping"}).encode(),
    json.dumps({"jsonrpc": "2.0", "id": 1, "method": [MARK]}).encode(),
    json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": MARK}).encode(),
    json.dumps({"jsonrpc": "2.0", "id": 1, "result": MARK}).encode(),
    json.dumps({MARK: MARK}).encode(),
    *(json.dumps({**asking(1, "tools/call", {"name": MARK}), "id": no_id}).encode() for no_id in (None, 1.5, True, [])),
    b'\xff\xfe{"' + MARK.encode(),
    b'{"a":' * 3000 + MARK.encode(),
]


def wrong_requests(era: Era) -> list[dict[str, Any]]:
    """Every method with each of its parameters missing, of another type, and too large; and what they may name."""
    cases: list[tuple[str, Any]] = list(NAMED)
    for method, params in METHODS.items():
        cases.append((method, {**params, MARK: LONG}))
        cases += [(method, wrong) for wrong in WRONG if wrong is None or isinstance(wrong, dict)]
        for name in params:
            cases.append((method, {other: value for other, value in params.items() if other != name}))
            cases += [(method, {**params, name: wrong}) for wrong in WRONG]
        for wrong in WRONG:
            cases.append((method, {**params, "_meta": wrong}))
            # An adopted name with a wrong value.
            cases.append((method, {**params, "_meta": {**META, next(iter(META)): wrong}}))
    return [asking(number, method, params, era=era) for number, (method, params) in enumerate(cases, start=100)]


@dataclass(frozen=True)
class Said:
    """What came of the messages that went one way.

    Attributes:
        answers: To each wrong request, by its id.
        to_no_messages: To what is no message.
        requests: The wrong requests, by id.
    """

    answers: dict[int, dict[str, Any]]
    to_no_messages: list[dict[str, Any]]
    requests: dict[int, dict[str, Any]]


async def speak(line: Line, era: Era) -> Said:
    if era == "legacy":
        await line.send(json.dumps(asking(1, "initialize", HANDSHAKE)).encode())
    else:
        await line.send(json.dumps(asking(1, "tools/list", era=era)).encode())
    await line.answers(1)
    before = len(await line.answers())
    for text in NO_MESSAGES:
        await line.send(text)
    await line.send(json.dumps(asking(2, "tools/list", era=era)).encode())
    came = await line.answers(2)
    to_no_messages = [message for message in came[before:] if message["id"] != 2]
    requests = {request["id"]: request for request in wrong_requests(era)}
    for numbers in (list(requests)[start : start + 20] for start in range(0, len(requests), 20)):
        for number in numbers:
            await line.send(json.dumps(requests[number]).encode())
        await line.answers(*numbers)
    await line.send(json.dumps(asking(3, "tools/list", era=era)).encode())
    came = await line.answers(3)
    assert next(message for message in came if message["id"] == 3).get("result"), "it does not work any more"
    answers = {message["id"]: message for message in came if message["id"] in requests}
    return Said(answers, to_no_messages, requests)


@pytest.fixture(scope="module")
async def logs() -> list[str]:
    """What every process logged, once they have ended."""
    return []


@pytest.fixture(scope="module")
async def said(
    two_stores: Retailer, tmp_path_factory: pytest.TempPathFactory, logs: list[str]
) -> dict[tuple[str, Era], Said]:
    """What came of the messages over each transport in each era."""
    directory = tmp_path_factory.mktemp("fuzz")
    token = await two_stores.token("seattle", "redmond", role="manager")
    env = for_server(two_stores, RETAIL_PORT="0", RETAIL_LOG_LEVEL="INFO", RETAIL_RATE_BURST="1000000")
    env |= {"RETAIL_RATE_PER_MINUTE": "1000000"}
    found: dict[tuple[str, Era], Said] = {}
    async with running(directory, env, "http") as process, logging_to(logs, process):
        served = Served(await address(process), None)  # type: ignore[arg-type]

        @asynccontextmanager
        async def way(name: str, era: Era) -> AsyncIterator[Line]:
            quiet = environment(RETAIL_TOKEN=token, RETAIL_LOG_LEVEL="INFO")
            async with {
                "http": lambda: on_http(served, token, era),
                "sse": lambda: on_sse(served, token),
                "stdio": lambda: on_pipe(directory, env | {"RETAIL_TOKEN": token}, "stdio", log=logs),
                "bridge": lambda: on_pipe(directory, quiet, "bridge", served.url, log=logs),
            }[name]() as line:
                yield line

        for name in WAYS:
            for era in ERAS:
                async with way(name, era) as line:
                    found[name, era] = await speak(line, era)
        process.send_signal(signal.SIGTERM)
    return found


def every(said: dict[tuple[str, Era], Said]) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    return [
        (f"{name} {era}", its.requests[number], answer)
        for (name, era), its in said.items()
        for number, answer in its.answers.items()
    ]


def words(answer: dict[str, Any]) -> str:
    """An answer without what the specification wants repeated."""
    error = answer.get("error")
    if error is None:
        # What a prompt says is made of its arguments.
        return "" if "messages" in answer["result"] else json.dumps(answer["result"])
    data = error.get("data")
    if isinstance(data, dict):
        data = {name: value for name, value in data.items() if name not in ("uri", "requested")}
    return json.dumps({**error, "data": data})


async def test_no_answer_repeats_what_was_sent_or_names_our_insides(said: dict[tuple[str, Era], Said]) -> None:
    for way, request, answer in every(said):
        told = words(answer)
        assert MARK not in told, (way, request, told)
        if "error" in answer or answer["result"].get("isError"):
            assert not INTERNALS.search(told), (way, request, told)
            assert len(told) < 1000, (way, request, told)
    for way, its in said.items():
        for answer in its.to_no_messages:
            assert MARK not in json.dumps(answer), (way, answer)
            assert not INTERNALS.search(json.dumps(answer)), (way, answer)


async def test_no_fault_of_a_caller_is_one_of_the_server(said: dict[tuple[str, Era], Said]) -> None:
    for way, request, answer in every(said):
        if "error" in answer:
            assert answer["error"]["code"] in (-32600, -32601, -32602, -32020, -32021, -32022), (way, request, answer)


def chooses_its_version(request: dict[str, Any]) -> bool:
    """Whether another version is asked for than the connection has, which a request over HTTP may do."""
    params = request.get("params")
    return request["method"] == "initialize" or (isinstance(params, dict) and params.get("_meta", META) != META)


async def test_each_transport_says_the_same(said: dict[tuple[str, Era], Said]) -> None:
    compared = 0
    for era in ERAS:
        direct = said["http", era].answers
        for way in ("sse", "stdio", "bridge"):
            for number, answer in said[way, era].answers.items():
                request = said[way, era].requests[number]
                # Over HTTP the headers say once more what is wrong in the message.
                mismatch = direct[number].get("error", {}).get("code") == HEADER_MISMATCH
                if not mismatch and not chooses_its_version(request):
                    assert answer.get("error") == direct[number].get("error"), (way, era, request)
                    compared += "error" in answer
    assert compared > 300


async def test_what_is_no_message_is_answered(said: dict[tuple[str, Era], Said]) -> None:
    for way, its in said.items():
        assert len(its.to_no_messages) == len(NO_MESSAGES), way
        for text, answer in zip(NO_MESSAGES, its.to_no_messages, strict=True):
            try:
                json.loads(text)
                expected = -32600
            except (ValueError, RecursionError):
                expected = -32700
            assert answer["error"]["code"] == expected, (way, text[:100], answer)


async def test_the_logs_hold_nothing_of_it(said: dict[tuple[str, Era], Said], logs: list[str]) -> None:
    assert said
    assert len(logs) == 5
    for log in logs:
        assert "refused (" in log
        for line in log.splitlines():
            assert MARK not in line
            assert re.search(r" (INFO|WARNING) ", line), line
            assert not INTERNALS.search(line), line
