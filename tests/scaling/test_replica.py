"""Reads from a real hot standby: it answers, holds stores apart, is overruled by the primary, and may go away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from fastmcp import Client

from server import tools
from server.db.operator import admin_connection
from server.errors import ConfigurationError
from server.operations.admin.tokens import issue_token, revoke_token
from tests.scaling.standby import Followed, followed_stores
from tests.security.forgeries import CONTEXTS, TOKENS, open_doors, seen_with_context, seen_with_token
from tests.sql.acting import connected, enter, inside, rolled_back
from tests.support import answer, refusal
from tests.transport.shop import eventually

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

PATIENT = {"replica_max_lag_seconds": 3_600}
SECONDS = 200


async def in_use(caplog: pytest.LogCaptureFixture) -> None:
    """Wait until a server reads from its standby, of which it is sure once that has reached where the primary was."""

    async def is_told() -> bool:
        return "Reads go to the replica" in caplog.text

    await eventually(is_told, SECONDS)


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What a server says of its standby."""
    caplog.set_level(logging.INFO, "server.db.replica")
    return caplog


@pytest.fixture(scope="module")
async def followed() -> AsyncIterator[Followed]:
    async with followed_stores() as followed:
        yield followed


async def test_the_standby_answers_and_the_primary_decides_who_may_ask(
    followed: Followed, told: pytest.LogCaptureFixture
) -> None:
    """While it stands still, what only the primary knows tells the two apart."""
    world, retailer = followed.world, followed.retailer
    price = "update retail.products set price = {} where store_id = 'seattle' and sku = 'SOLD'"
    async with retailer.client(["seattle", "redmond"], **PATIENT) as client:

        async def seen() -> str:
            found = await answer(client, "get_products", products=["SOLD"], store_id="seattle")
            return str(found["products"][0]["price"])

        assert await seen() == "10.00"
        await in_use(told)
        await followed.pause()
        try:
            await world.retailer.execute(price.format(11))
            assert await seen() == "10.00"

            # What the standby does not know yet: a role that shrank, a store that was taken away.
            principal = await world.retailer.value(
                "select principal_id from guard.principal where subject = 'manager of seattle redmond'"
            )
            shrunk = f"update guard.store_access set role = 'auditor' where principal_id = {principal}"
            await world.retailer.execute(f"{shrunk} and store_id = 'seattle'")
            card = await answer(client, "get_customer", store_id="redmond", customer_id=str(world.redmond.customer_id))
            assert "Ada Lovelace" in str(card)
            masked = await answer(
                client, "get_customer", store_id="seattle", customer_id=str(world.seattle.customer_id)
            )
            assert "Ada" not in str(masked)
            await world.retailer.execute(
                f"update guard.store_access set valid_until = now() where principal_id = {principal} "
                "and store_id = 'redmond'"
            )
            assert "No such store" in await refusal(client, "summarize_sales", store_id="redmond")
        finally:
            await followed.resume()


async def test_the_standby_can_answer_every_tool(followed: Followed, told: pytest.LogCaptureFixture) -> None:
    """None needs anything that a standby cannot do, as its call would then be run again on the primary."""
    seattle = followed.world.seattle
    arguments: dict[str, dict[str, Any]] = {
        "get_customer": {"customer_id": str(seattle.customer_id)},
        "get_products": {"products": ["SOLD"]},
        "get_transaction": {"transaction": str(seattle.transaction_id)},
        "list_similar_products": {"product": "SOLD"},
        "run_query": {"sql": "select count(*) from sales"},
        "search_customers": {"name": "Ada"},
        "search_products": {"query": "product"},
    }
    called: set[str] = set()
    for role in ("manager", "auditor"):
        told.clear()
        async with followed.retailer.client("seattle", role=role, **PATIENT) as client:
            await in_use(told)
            for name in {tool.name for tool in await client.list_tools()} - called:
                result = await client.call_tool(name, arguments.get(name, {}), raise_on_error=False)
                assert not result.is_error or "embedding" in str(result.content), (name, result.content)
                called.add(name)
        assert "goes to the primary" not in told.text
    assert len(called) == len(tools.discover())


async def test_a_token_revoked_on_the_primary_is_refused_at_once(followed: Followed) -> None:
    async with admin_connection(followed.world.retailer.admin_url) as connection:
        issued = await issue_token(connection, "leaving", ["seattle"], "manager", lifetime=timedelta(hours=1))
        await followed.caught_up()
        await followed.pause()
        try:
            async with (
                followed.retailer.server(token=issued.token, **PATIENT) as server,
                Client(server) as client,
            ):
                await answer(client, "summarize_sales")
                await revoke_token(connection, issued.token_id)
                assert "token" in await refusal(client, "summarize_sales")
        finally:
            await followed.resume()


async def test_a_standby_that_is_too_far_behind_is_not_asked(
    followed: Followed, told: pytest.LogCaptureFixture
) -> None:
    name = "update retail.products set product_name = '{}' where store_id = 'seattle' and sku = 'UNSOLD'"
    async with followed.retailer.client("seattle", replica_max_lag_seconds=1) as client:

        async def seen() -> str:
            return str((await answer(client, "get_products", products=["UNSOLD"]))["products"][0]["product_name"])

        await in_use(told)
        await followed.pause()
        try:
            await followed.world.retailer.execute(name.format("New name"))

            async def is_new() -> bool:
                return await seen() == "New name"

            await eventually(is_new, SECONDS)
            assert "Reads go to the primary: the replica is too far behind" in told.text

            # A server that starts now cannot know since when, and may wait as long as an hour otherwise.
            async with followed.retailer.client("seattle", **PATIENT) as late:
                (product,) = (await answer(late, "get_products", products=["UNSOLD"]))["products"]
                assert product["product_name"] == "New name"
        finally:
            await followed.resume()
        told.clear()
        await in_use(told)


async def test_nothing_opens_the_standby_that_does_not_open_the_primary(followed: Followed) -> None:
    """Every forgery, and SQL without a context."""
    async with (
        open_doors(followed.world) as doors,
        connected(followed.standby) as mcp,
        connected(followed.standby) as other,
    ):
        await followed.caught_up()
        doors = replace(doors, mcp=mcp, other=other)
        for forgery in TOKENS:
            with pytest.raises(asyncpg.PostgresError, match=r"^store context refused$"):
                await seen_with_token(doors, forgery)
        for make in CONTEXTS.values():
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match=r"^no store context"):
                await seen_with_context(doors, make)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match=r"^no store context"):
            await mcp.fetch("select * from retail.products")
        async with rolled_back(mcp):
            await enter(mcp, doors.token)
            assert {row["store_id"] for row in await mcp.fetch("select store_id from retail.products")} == {"seattle"}
        async with inside(mcp, followed.world):
            with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
                await mcp.execute("update retail.products set price = 1")


async def test_calls_go_on_when_the_standby_is_killed_and_go_back_when_it_returns(
    followed: Followed, told: pytest.LogCaptureFixture
) -> None:
    token = await followed.world.retailer.token("seattle")
    await followed.caught_up()
    async with followed.retailer.server(token=token, **PATIENT) as server:
        answered = 0
        stop = asyncio.Event()

        async def ask() -> None:
            nonlocal answered
            async with Client(server) as client:
                while not stop.is_set():
                    await answer(client, "summarize_sales")
                    answered += 1

        async def more() -> None:
            before = answered

            async def some() -> bool:
                return answered > before + 20

            await eventually(some, SECONDS)

        async with asyncio.TaskGroup() as asking:
            for _ in range(2):
                asking.create_task(ask())
            await in_use(told)
            told.clear()
            await more()
            await followed.kill()
            await more()
            assert "Reads go to the primary" in told.text
            told.clear()
            await followed.start()
            await in_use(told)
            await more()
            stop.set()


async def test_another_login_than_the_tools_is_refused(followed: Followed) -> None:
    other = replace(followed.retailer, replica_url=followed.standby_admin)

    with pytest.raises(ConfigurationError, match=r"logs in as postgres. It must be the login of RETAIL_DATABASE_URL"):
        async with other.client("seattle"):
            pass


async def test_what_is_no_standby_is_not_asked(followed: Followed, caplog: pytest.LogCaptureFixture) -> None:
    own = followed.retailer
    itself = replace(own, replica_url=own.app_url)
    async with itself.client("seattle") as client:
        await answer(client, "summarize_sales")
    assert "is no standby" in caplog.text
