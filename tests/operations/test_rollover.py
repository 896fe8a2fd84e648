"""The months go by while the server runs: the audit log goes on in its next part, and old parts are dropped.

The clock of the database and of the server is moved by libfaketime. What the parts themselves must keep to is in
tests/audit/test_partitions.py.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from server.db.migrate import migrate
from server.db.operator import admin_connection
from server.operations.admin.keys import install_key
from tests.cluster import Cluster
from tests.operations.ordinary import PASSWORD, open_directory, ordinary_server
from tests.sql.acting import retailer_on
from tests.support import CONTEXT_KEY, Retailer
from tests.transport.processes import for_operator, for_server, run, running
from tests.transport.serving import Served
from tests.transport.shop import eventually, open_store
from tests.transport.test_stopping import address
from tests.upgrade.calling import ROOMY, calling

pytestmark = pytest.mark.operations
PLACES = sorted(Path("/usr/lib").glob("**/faketime/libfaketime.so.1"))
LIBRARY = os.environ.get("LIBFAKETIME") or (str(PLACES[0]) if PLACES else None)
# Time to start everything in, and then to make some calls in.
BEFORE_MIDNIGHT = timedelta(minutes=10)
SECONDS_BEFORE = timedelta(seconds=12)


@dataclass
class Clock:
    """The clock of the processes that are started with its environment.

    Attributes:
        file: Where they look up how far they are ahead.
        ahead: How far that is.
    """

    file: Path
    ahead: timedelta

    def move(self, by: timedelta) -> None:
        """Move on, in the middle of whatever is going on."""
        self.ahead += by
        unfinished = self.file.with_suffix(".new")
        unfinished.write_text(f"+{self.ahead.total_seconds():.0f}s\n")
        unfinished.chmod(0o644)
        unfinished.replace(self.file)

    @property
    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    @property
    def environment(self) -> dict[str, str]:
        assert LIBRARY is not None
        return {
            "LD_PRELOAD": LIBRARY,
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            # Timeouts run on.
            "DONT_FAKE_MONOTONIC": "1",
        }


@pytest.fixture
def clock() -> Iterator[Clock]:
    """Some minutes before the end of this month."""
    if LIBRARY is None:
        pytest.skip("libfaketime is not installed. On Debian: apt-get install faketime")
    with open_directory() as directory:
        clock = Clock(directory / "clock", timedelta())
        clock.move(first_of_next_month(datetime.now(UTC)) - BEFORE_MIDNIGHT - datetime.now(UTC))
        yield clock


@pytest.fixture
def cluster_of_its_own(clock: Clock) -> Iterator[Cluster]:
    with ordinary_server(clock.environment) as database:
        yield Cluster(database.url(), PASSWORD)


@pytest.fixture
async def shop(cluster_of_its_own: Cluster) -> AsyncIterator[Retailer]:
    retailer = retailer_on(cluster_of_its_own, "postgres")
    async with admin_connection(retailer.admin_url) as connection:
        await migrate(connection)
        await install_key(connection, CONTEXT_KEY)
        await connection.execute(cluster_of_its_own.login_statement())
    await open_store(retailer, "seattle")
    yield retailer


def first_of_next_month(moment: datetime) -> datetime:
    return (moment.replace(day=28) + timedelta(days=4)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


async def calls_by_part(retailer: Retailer) -> dict[str, int]:
    """Entries of the log of calls by part, and that they are of its month."""
    rows = await retailer.fetch("""
        select tableoid::regclass::text as part, count(*) as calls,
          array_agg(distinct to_char(recorded_at at time zone 'UTC', 'YYYY_MM')) as months
        from audit.tool_call group by 1
    """)
    for row in rows:
        assert row["part"] == f"audit.tool_call_{row['months'][0]}", row
        assert len(row["months"]) == 1
    return {row["part"].removeprefix("audit.tool_call_"): row["calls"] for row in rows}


async def test_a_month_ends_while_the_server_runs(clock: Clock, shop: Retailer, tmp_path: Path) -> None:
    token = await shop.token("seattle", lifetime=timedelta(days=365))
    old, new = f"{clock.now:%Y_%m}", f"{first_of_next_month(clock.now):%Y_%m}"
    later = f"{first_of_next_month(first_of_next_month(first_of_next_month(clock.now))):%Y_%m}"

    async with running(tmp_path, for_server(shop, RETAIL_PORT="0", **ROOMY, **clock.environment)) as process:
        served = Served(await address(process), None)  # type: ignore[arg-type]

        async def are_logged(month: str, calls: int) -> None:
            async def found() -> bool:
                return (await calls_by_part(shop)).get(month, 0) >= calls

            await eventually(found, 30)

        clock.move(first_of_next_month(clock.now) - SECONDS_BEFORE - clock.now)
        async with calling(served, {"seattle": token}, ["list_low_stock"]) as answers:
            await are_logged(old, 5)
            # And now the month ends.
            await are_logged(new, 5)
        clock.move(timedelta(days=62))
        async with calling(served, {"seattle": token}, ["list_low_stock"]) as later_answers:
            await are_logged(later, 5)
            # An entry can be there before its answer is.
            await later_answers.reach(5)
        assert answers.told == {}
        assert later_answers.served >= 5
        # Made ahead: none of the months had to go to the part for the rest.
        assert set(await calls_by_part(shop)) == {old, new, later}

        told = ""
        for command in (["migrate"], ["audit", "seal"], ["audit", "retain", "--months", "1"], ["audit", "verify"]):
            done = await run(tmp_path, for_operator(shop), *command)
            assert done.code == 0, done.err
            told += done.out
        assert f"dropped audit.tool_call_{old} with " in told
        assert set(await calls_by_part(shop)) == {later}
        parts = await shop.fetch(
            "select inhrelid::regclass::text as part from pg_inherits where inhparent = $1::regclass", "audit.tool_call"
        )
        names = {row["part"].removeprefix("audit.tool_call_") for row in parts}
        # The month before this one is kept, and the three after it are there.
        assert old not in names
        assert len(names) == 6
        assert (await served.call("list_low_stock", authorization=f"Bearer {token}")).status_code == 200
