"""Every tool called with arguments made to break things, over HTTP, while something behind it is broken.

What comes back - status, headers and body - tells nothing of what is behind the tools. New tools take part by
themselves: calls are made from the input schemas that the server lists.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets as random_secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from server.audit.call_log import CallLog
from server.calls.call import current_call
from server.db.connection import StoreConnection
from server.db.operator import admin_connection
from server.middleware import result_size
from server.tenancy import limits
from server.toolkit.truncation import shortened
from tests.faults.test_database import OwnServer, data_dir, own_server
from tests.security.fuzzing import SECRET, calls_of, examples
from tests.security.leaks import assert_tells_nothing
from tests.support import CONTEXT_KEY, Retailer
from tests.transport.serving import Era, Served, bearer, message, request, serving
from tests.transport.shop import (
    accept_connections,
    end_backends,
    open_store,
    refuse_connections,
    set_for_server,
)

__all__ = ["data_dir", "own_server"]

CALLS = 60
ERAS: tuple[Era, ...] = ("modern", "legacy")
LEAK = f"{SECRET} select * from retail.customers postgresql://mcp_user:{SECRET}@db/retail"

Fault = Callable[[Retailer, pytest.MonkeyPatch], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def nothing(_: Retailer, __: pytest.MonkeyPatch) -> AsyncIterator[None]:
    yield


@asynccontextmanager
async def unreachable(retailer: Retailer, _: pytest.MonkeyPatch) -> AsyncIterator[None]:
    await refuse_connections(retailer)
    yield
    await accept_connections(retailer)


@asynccontextmanager
async def killed(retailer: Retailer, _: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Every query waits, and its connection is ended in the middle of it."""

    async def kill() -> None:
        while True:
            await end_backends(retailer)
            await asyncio.sleep(0.02)

    async with locked(retailer, _):
        task = asyncio.create_task(kill())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def broken_functions(retailer: Retailer, _: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """The function that every policy calls raises, with everything in its text that must not come out."""
    await retailer.execute(f"""
        create or replace function guard.store() returns text language plpgsql stable as $f$
        begin
          raise exception '{LEAK}' using detail = '{LEAK}', hint = '{LEAK}', errcode = '22012';
        end
        $f$
    """)
    yield


@asynccontextmanager
async def missing_grants(retailer: Retailer, _: pytest.MonkeyPatch) -> AsyncIterator[None]:
    await retailer.execute("revoke select on all tables in schema retail from mcp_user")
    yield


@asynccontextmanager
async def missing_columns(retailer: Retailer, _: pytest.MonkeyPatch) -> AsyncIterator[None]:
    await retailer.execute("""
        alter table retail.products rename column price to cost_of_one;
        alter table retail.sales_transactions rename column total_amount to paid;
        alter table retail.customers rename column loyalty_tier to tier;
    """)
    yield


@asynccontextmanager
async def locked(retailer: Retailer, _: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """A migration holds the tables: the wait for them ends by lock_timeout, or by the statement's limit."""
    async with admin_connection(retailer.admin_url) as connection, connection.transaction():
        await connection.execute("""
            lock table retail.products, retail.sales_transactions, retail.customers in access exclusive mode
        """)
        yield


@asynccontextmanager
async def bug(_: Retailer, patch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Our own code fails in a call, with a text that holds everything."""
    read = StoreConnection.all

    async def fail(connection: StoreConnection, *arguments: Any) -> Any:
        if current_call.get(None) is None:
            # Other tests' servers look after themselves meanwhile.
            return await read(connection, *arguments)
        raise ZeroDivisionError(LEAK)

    patch.setattr(StoreConnection, "all", fail)
    yield


@asynccontextmanager
async def tiny_results(_: Retailer, patch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    patch.setattr(result_size, "shortened", lambda result, _, cursor: shortened(result, 700, cursor))
    yield


@asynccontextmanager
async def no_audit(retailer: Retailer, _: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """The log takes no entry, and soon there is no room to remember more."""
    await retailer.execute("revoke all on schema audit from mcp_audit")
    yield


@dataclass(frozen=True)
class Case:
    """A fault, and what shows that it was there.

    Attributes:
        fault: Breaks something while the calls run.
        sign: In the refusals, at least once.
        settings: Of the server.
        before: Set for the database's connections before the server starts.
    """

    fault: Fault
    sign: str | None
    settings: dict[str, Any] = field(default_factory=dict)
    before: dict[str, str] = field(default_factory=dict)


CASES = {
    "nothing": Case(nothing, None),
    "unreachable": Case(unreachable, "not reachable right now"),
    "killed": Case(killed, "not reachable right now", {"query_timeout_seconds": 60}, {"lock_timeout": "60s"}),
    "broken functions": Case(broken_functions, "The server failed to answer"),
    "missing grants": Case(missing_grants, "No such store"),
    "missing columns": Case(missing_columns, "The server failed to answer"),
    "lock waits": Case(locked, "Somebody else is changing", before={"lock_timeout": "30ms"}),
    "timeouts": Case(locked, "longer than its time limit", {"query_timeout_seconds": 0.05}, {"lock_timeout": "60s"}),
    "a bug": Case(bug, "The server failed to answer"),
    "results too large": Case(tiny_results, "too large"),
    "called too fast": Case(nothing, "faster than the 1 times", {"rate_per_minute": 1, "rate_burst": 3}),
    "audit unwritable": Case(no_audit, "audit log cannot be written"),
}


@pytest.mark.parametrize("name", CASES)
async def test_no_response_tells_what_is_behind_the_tools(
    name: str, retailer: Retailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES[name]
    monkeypatch.setattr(limits, "PATIENCE_SECONDS", 0.0)
    if name == "audit unwritable":
        monkeypatch.setitem(CallLog.__init__.__kwdefaults__, "capacity", 20)
    await open_store(retailer, "seattle", units=3)
    for limit, value in case.before.items():
        await set_for_server(retailer, limit, value)
    token = await retailer.token("seattle")
    ends: dict[Era, list[tuple[str, bool]]] = {era: [] for era in ERAS}
    async with serving(retailer, **case.settings) as served:
        calls = await fuzzed_calls(served, token, CALLS // 2, number=list(CASES).index(name))
        with monkeypatch.context() as patch:
            async with case.fault(retailer, patch):
                for call in calls:
                    for era in ERAS:
                        ends[era].append(await one_call(served, retailer, token, era, *call))
    assert len(calls) >= CALLS // 2
    for era, responses in ends.items():
        refusals = [text for text, refused in responses if refused]
        if case.sign is None:
            assert len(refusals) < len(responses), era
        else:
            assert [text for text in refusals if case.sign in text], (era, refusals[:3])


async def fuzzed_calls(served: Served, token: str, count: int, number: int) -> list[tuple[str, dict[str, Any]]]:
    async with served.client(token) as client:
        strategy = calls_of(await client.list_tools())
    # Now and then fewer come than were asked for.
    return examples(strategy, 3 * count, number)[:count]


async def one_call(
    served: Served, retailer: Retailer, token: str, era: Era, tool: str, arguments: dict[str, Any]
) -> tuple[str, bool]:
    """The whole response to one call, after a look at it, and whether it is a refusal."""
    body, headers = request("tools/call", {"name": tool, "arguments": arguments}, era)
    async with httpx2.AsyncClient(timeout=30) as http:
        response = await http.post(served.url, content=body, headers=headers | {"authorization": bearer(token)})
    refused = is_refusal(response)
    assert_tells_nothing(
        whole(response),
        refused=refused,
        secrets=[CONTEXT_KEY, token, retailer.app_url, retailer.admin_url],
        call=f"{tool} {arguments}",
    )
    return response.text, refused


# The protocol's own words for a refusal, which would else be taken for the name of an exception.
_PROTOCOL = re.compile(r'"isError"|"error":|error="')


def whole(response: httpx2.Response) -> str:
    """Status, headers and body; texts in JSON within JSON are unescaped, so that nothing hides in escapes."""
    head = "\n".join(f"{name}: {value}" for name, value in response.headers.items())
    body = "\n".join(unescaped(line.removeprefix("data: ")) for line in response.text.splitlines())
    return _PROTOCOL.sub("", f"{response.status_code} {response.reason_phrase}\n{head}\n{body}")


def unescaped(text: str) -> str:
    with suppress(ValueError):
        text = json.dumps(json.loads(text), ensure_ascii=False)
    return text.replace('\\"', '"')


def is_refusal(response: httpx2.Response) -> bool:
    if response.status_code != 200:
        return True
    found = message(response)
    return "error" in found or bool(found["result"].get("isError"))


@pytest.mark.parametrize("era", ERAS)
async def test_nor_does_a_refused_identity(era: Era, retailer: Retailer) -> None:
    await open_store(retailer, "seattle")
    valid = await retailer.token("seattle")
    revoked = await retailer.token("seattle", subject="revoked")
    await retailer.execute("""
        update guard.api_token t set revoked_at = now()
        from guard.principal p where p.principal_id = t.principal_id and p.subject = 'revoked'
    """)
    made_up = [f"rmcp_{random_secrets.token_urlsafe(32)}", SECRET, "'; select 1 --", "a.b.c", "x" * 5_000]
    async with serving(retailer) as served:
        calls = await fuzzed_calls(served, valid, 12, number=99)
        for token, (tool, arguments) in zip([revoked, *made_up] * 2, calls, strict=True):
            body, headers = request("tools/call", {"name": tool, "arguments": arguments}, era)
            async with httpx2.AsyncClient(timeout=30) as http:
                response = await http.post(
                    served.url, content=body, headers=headers | {"authorization": f"Bearer {token}"}
                )
            assert response.status_code == 401
            assert_tells_nothing(
                whole(response),
                refused=True,
                secrets=[CONTEXT_KEY, retailer.app_url, token],
                call=f"{tool} as {token[:20]}",
            )


async def test_nor_does_a_server_whose_database_was_stopped(own_server: OwnServer) -> None:
    """The real thing: no process, no socket; and the calls right after its return."""
    retailer = own_server.retailer
    token = await retailer.token("seattle")
    async with serving(retailer) as served:
        calls = await fuzzed_calls(served, token, CALLS, number=7)
        await asyncio.to_thread(own_server.stop)
        down = [await one_call(served, retailer, token, "modern", *call) for call in calls[: CALLS // 2]]
        await asyncio.to_thread(own_server.start)
        await asyncio.sleep(0)
        up = [await one_call(served, retailer, token, "modern", *call) for call in calls[CALLS // 2 :]]
    assert [text for text, refused in down if refused and "not reachable right now" in text]
    assert not all(refused for _, refused in up), up[:3]
