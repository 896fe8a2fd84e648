"""A database of each release, and one of today's schema, becomes the next release's while a server answers on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from server.db.migrate import migrate, schema_files
from server.errors import ContentionError
from tests.cluster import Cluster
from tests.sql.acting import connected, retailer_on
from tests.support import Retailer
from tests.transport.processes import Finished, for_operator, for_server, run, running
from tests.transport.serving import Served
from tests.transport.test_stopping import address
from tests.upgrade.calling import ROOMY, calling
from tests.upgrade.catalogue import fingerprint
from tests.upgrade.filling import STORES, columns_of, empty_tables, row_hashes
from tests.upgrade.next_release import ADDED, APPLIED, next_files, next_source
from tests.upgrade.record import record
from tests.upgrade.releases import ROOT, Release, recorded

pytestmark = pytest.mark.operations

# The most that a call may be told during an upgrade, because its locks were in the way of a file's.
RETRYABLE = {str(ContentionError())}
# What servers and the migration itself write to while the test runs.
GROWING = {"audit.job", "audit.operation", "audit.seal", "audit.tool_call", "migrations.applied", "guard.api_token"}
CALLS = 20


@pytest.fixture(scope="module", params=["today", *(release.version for release in recorded())])
async def release(
    request: pytest.FixtureRequest, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Release:
    """A release to start from; today's schema is recorded on the spot, as if it were one."""
    if request.param == "today":
        return await record(cluster, tmp_path_factory.mktemp("recorded") / "0.0.0")
    return next(each for each in recorded() if each.version == request.param)


@pytest.fixture
async def old(release: Release, cluster: Cluster, template: str, tmp_path: Path) -> AsyncIterator[Retailer]:
    """That release's database; the template has given the logins what they need to log in."""
    async with cluster.temporary_database("template0") as name:
        retailer = retailer_on(cluster, name)
        await release.restore(retailer, tmp_path)
        yield retailer


def of(source: Path) -> dict[str, str]:
    """Environment of a process that runs another version's code."""
    return {"PYTHONPATH": f"{source}:{ROOT}", **ROOMY}


@asynccontextmanager
async def served_by(source: Path, retailer: Retailer, directory: Path) -> AsyncIterator[Served]:
    """A server process of some version."""
    async with running(directory, for_server(retailer, RETAIL_PORT="0", **of(source))) as process:
        yield Served(await address(process), None)  # type: ignore[arg-type]


async def tokens(retailer: Retailer) -> dict[str, str]:
    return {store_id: await retailer.token(store_id) for store_id in STORES}


def missing_from(release: Release) -> list[str]:
    """Names of what the next release applies to this one's database."""
    return [file.name for file in next_files() if release.files.get(file.name) != file.sha256]


def folder(path: Path) -> Path:
    path.mkdir()
    return path


async def test_it_upgrades_in_place_while_it_is_asked(
    release: Release, old: Retailer, cluster: Cluster, tmp_path: Path
) -> None:
    source = release.source(folder(tmp_path / "old"))
    if source is None:
        pytest.skip(f"the repository has no tag v{release.version}: git fetch --tags")
    upcoming = next_source(folder(tmp_path / "next"))
    assert await empty_tables(old) == set()
    columns = await columns_of(old)
    before = await row_hashes(old, columns)
    by_store = await tokens(old)

    async with served_by(source, old, tmp_path) as served, calling(served, by_store) as answers:
        await answers.reach(CALLS)
        # Two at once: one does the work, the other waits for it.
        migrations = await asyncio.gather(*(migrated_by(upcoming, old, tmp_path) for _ in range(2)))
        # The old server goes on, and the new one comes up beside it.
        await answers.reach(answers.served + CALLS)
        assert (await served.get("/ready")).status_code == 200
        async with served_by(upcoming, old, tmp_path) as later, calling(later, by_store) as later_answers:
            await later_answers.reach(CALLS)

    assert answers.foreign == later_answers.foreign == []
    assert set(answers.told) <= RETRYABLE
    assert later_answers.told == {}
    applied = "".join(f"applied {name}\n" for name in missing_from(release))
    assert sorted((done.code, done.out) for done in migrations) == sorted(
        [(0, "The schema is current.\n"), (0, applied)]
    )

    after = await row_hashes(old, columns)
    assert {name for name in before if after[name] != before[name]} <= GROWING
    # The ledger tells of repeatable files what is there now.
    assert {
        name
        for name in GROWING - {"audit.job", "guard.api_token", "migrations.applied"}
        if not set(before[name]) <= set(after[name])
    } == set()
    async with cluster.temporary_database() as name, connected(cluster.admin_url(name)) as fresh:
        await migrate(fresh, next_files())
        async with connected(old.admin_url) as upgraded:
            assert await fingerprint(upgraded) ^ await fingerprint(fresh) == set()


async def test_a_server_and_a_schema_that_do_not_fit_say_who_is_behind(
    release: Release, old: Retailer, tmp_path: Path
) -> None:
    upcoming = next_source(folder(tmp_path / "next"))
    too_new = await run(tmp_path, for_server(old, RETAIL_PORT="0", **of(upcoming)))
    async with connected(old.admin_url) as connection:
        await migrate(connection, next_files())
    too_old = await run(tmp_path, for_server(old, RETAIL_PORT="0"))

    missing = missing_from(release)[0]
    assert (too_new.code, too_new.out) == (2, "")
    assert f"The database schema is not current: {missing} is to be applied" in too_new.err
    assert "Run: retail-mcp migrate" in too_new.err
    assert (too_old.code, too_old.out) == (2, "")
    assert f"The database is newer than this server: it has {ADDED[-1].name}" in too_old.err
    assert "Upgrade the server" in too_old.err


async def test_an_index_that_was_built_before_is_left_alone(retailer: Retailer) -> None:
    """For tables so large that nobody may wait for an index: built concurrently first, by its own name."""
    async with connected(retailer.admin_url) as connection:
        await connection.execute("alter table retail.products add column shelf text not null default 'A1'")
        await connection.execute("create index concurrently products_shelf_idx on retail.products (store_id, shelf)")
        built = await connection.fetchval("select 'retail.products_shelf_idx'::regclass::oid")

        await migrate(connection, next_files())

        assert await connection.fetchval("select 'retail.products_shelf_idx'::regclass::oid") == built


async def migrated_by(source: Path, retailer: Retailer, directory: Path) -> Finished:
    """The command that an operator runs."""
    return await run(directory, for_operator(retailer, PYTHONPATH=f"{source}:{ROOT}"), "migrate")


def test_the_next_release_really_differs() -> None:
    today = {file.name: file.sha256 for file in schema_files()}
    assert [file for file in next_files() if today.get(file.name) != file.sha256] == APPLIED
