"""Too much at once, or too slow: the call ends in time and says so."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import BaseModel, TypeAdapter

from server.db.operator import admin_connection
from server.db.pool import Database
from server.db.queries import Query
from server.db.startup_check import TIME_LIMITS, check_time_limits
from server.errors import ConfigurationError, DatabaseUnavailableError, QueryTimeoutError
from tests.faults.messages import BUSY, INTERNAL, TOO_SLOW, assert_helpful
from tests.support import Retailer, answer, refusal
from tests.transport.serving import bearer, failure, serving, structured
from tests.transport.shop import (
    blocked_backends,
    eventually,
    locked_receipts,
    open_store,
    server_backends,
    set_for_server,
    wait_for_locks,
)


class _Slept(BaseModel):
    slept: bool


class _Value(BaseModel):
    value: str


SLEEP = Query("sleep", "select pg_sleep($1) is not null as slept", _Slept, TypeAdapter(list[_Slept]))
STATEMENT_TIMEOUT = Query(
    "statement_timeout", "select current_setting('statement_timeout') as value", _Value, TypeAdapter(list[_Value])
)


async def test_without_a_free_connection_a_call_is_turned_away(retailer: Retailer) -> None:
    """Callers within their shares can still ask for more than there is."""
    stores = ("bellevue", "redmond", "seattle")
    for store in stores:
        await open_store(retailer, store)
    await wait_for_locks(retailer)
    tokens = [bearer(await retailer.token(store)) for store in stores]
    async with serving(retailer, pool_size=2, pool_timeout_seconds=0.2, query_timeout_seconds=60) as served:
        async with locked_receipts(retailer):
            slow = [asyncio.create_task(served.call("summarize_sales", authorization=token)) for token in tokens[:2]]

            async def both_wait() -> bool:
                return len(await blocked_backends(retailer)) == 2

            await eventually(both_wait)
            turned_away = await served.call("get_products", {"products": ["SKU-1"]}, authorization=tokens[2])
        for call in slow:
            structured(await call)
        structured(await served.call("get_products", {"products": ["SKU-1"]}, authorization=tokens[2]))
    assert failure(turned_away) == BUSY


async def test_a_query_over_its_time_limit_is_stopped(seattle: Retailer) -> None:
    await wait_for_locks(seattle)
    async with seattle.client("seattle", query_timeout_seconds=1) as client:
        async with locked_receipts(seattle):
            assert await refusal(client, "summarize_sales") == TOO_SLOW
            # Stopped in the database as well, not only given up on.
            assert await blocked_backends(seattle) == []
        assert (await answer(client, "summarize_sales"))["totals"]["figures"]["transactions"] == 3


async def test_waiting_too_long_for_somebody_elses_lock_is_a_passing_condition(seattle: Retailer) -> None:
    """As during a migration; sql/0010 gives such a wait two seconds."""
    await set_for_server(seattle, "lock_timeout", "100ms")
    async with seattle.client("seattle") as client:
        async with locked_receipts(seattle):
            message = await refusal(client, "summarize_sales")
        await answer(client, "summarize_sales")
    assert_helpful(message)
    assert not INTERNAL.search(message), message


async def test_a_transaction_over_its_time_limit_is_ended(seattle: Retailer) -> None:
    """Though none of its statements is: it ends the connection, not only the query."""
    await set_for_server(seattle, "transaction_timeout", "500ms")
    async with Database(seattle.app_url, pool_size=1, query_timeout_seconds=0.4) as database:
        with pytest.raises((QueryTimeoutError, DatabaseUnavailableError)):
            async with database.transaction() as connection:
                for _ in range(4):
                    await connection.one(SLEEP, 0.2)
        assert (await database.fetch(SLEEP, 0.0))[0].slept


async def test_a_transaction_that_does_nothing_is_ended(seattle: Retailer) -> None:
    """As one whose server hangs would: nobody else is to wait for it."""
    await set_for_server(seattle, "idle_in_transaction_session_timeout", "100ms")
    async with Database(seattle.app_url, pool_size=1) as database:
        with pytest.raises((QueryTimeoutError, DatabaseUnavailableError)):
            async with database.transaction() as connection:
                await connection.one(SLEEP, 0.0)

                async def is_gone() -> bool:
                    return not await server_backends(seattle, "xact_start is not null")

                await eventually(is_gone)
                await connection.one(SLEEP, 0.0)
        assert (await database.fetch(SLEEP, 0.0))[0].slept


LOGINS = ("mcp_user", "mcp_auth", "mcp_audit")
LIMITS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "transaction_timeout")


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("login", LOGINS)
async def test_no_login_may_run_wait_or_idle_for_ever(login: str, limit: str, seattle: Retailer) -> None:
    async with admin_connection(seattle.login_url(login)) as connection:
        milliseconds = await connection.fetchval("select setting::integer from pg_settings where name = $1", limit)
    assert 0 < milliseconds <= 30_000


@pytest.mark.parametrize(("login", "expected"), [("mcp_user", "10s"), ("mcp_auth", "2s"), ("mcp_audit", "5s")])
async def test_without_a_choice_the_logins_own_limit_counts(login: str, expected: str, seattle: Retailer) -> None:
    async with Database(seattle.login_url(login), pool_size=1) as database:
        (limit,) = await database.fetch(STATEMENT_TIMEOUT)
    assert limit.value == expected


async def test_a_longer_time_limit_is_not_cut_short_by_the_transactions(seattle: Retailer) -> None:
    async with Database(seattle.app_url, pool_size=1, query_timeout_seconds=60) as database:
        await check_time_limits(database)
        (limits,) = await database.fetch(TIME_LIMITS)
    assert (limits.statement_timeout, limits.transaction_timeout) == (60_000, 180_000)


async def test_a_database_whose_transactions_end_too_early_is_refused(seattle: Retailer) -> None:
    await set_for_server(seattle, "transaction_timeout", "4s")
    with pytest.raises(ConfigurationError) as error:
        async with seattle.client("seattle"):
            pass
    assert str(error.value) == (
        "A query may run 10 s (RETAIL_QUERY_TIMEOUT_SECONDS), but the database ends its transaction after 4 s. "
        "Lower that setting, or raise transaction_timeout of the server's login."
    )
    async with seattle.client("seattle", query_timeout_seconds=3) as client:
        await answer(client, "summarize_sales")


@pytest.mark.parametrize("limit", LIMITS[1:])
async def test_a_database_without_a_limit_is_refused(limit: str, seattle: Retailer) -> None:
    await set_for_server(seattle, limit, "0")
    with pytest.raises(ConfigurationError) as error:
        async with seattle.client("seattle"):
            pass
    assert str(error.value).startswith(
        f"The database sets no {limit} for the server's login. Apply sql/repeatable/0010_role_settings.sql"
    )
