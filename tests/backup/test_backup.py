"""A backup comes back as it was, or is refused; nothing that is in use is ever written over."""

from __future__ import annotations

import asyncio
import shutil
import stat
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from seed.demo import DemoOptions, load_demo
from server.db.embedded import embedded_programs
from server.db.operator import admin_connection
from server.errors import ConfigurationError
from server.operations.admin.audit import seal
from server.operations.admin.audit_verification import verify
from server.operations.admin.keys import install_key
from server.operations.backup.archive import outdated, read_manifest, write_manifest
from server.operations.backup.job import BackupJob
from server.operations.backup.programs import find_program, run_program
from tests.cluster import Cluster
from tests.support import CONTEXT_KEY, DEMO_AS_OF, Retailer, answer
from tests.transport.processes import environment, for_operator, run

CHANGES = {
    "insert into guard.principal (subject) values ('eve')": "guard.principal has another rows (1, not 0)",
    "alter table retail.customers disable row level security": "retail.customers has another row security;",
    "alter table retail.products no force row level security": "retail.products has another row security forced",
    "drop policy own_store on retail.sales_transactions": "retail.sales_transactions has another policies",
    "grant select on guard.api_token to mcp_user": "guard.api_token has another grants",
    "alter table guard.external_identity owner to postgres": "guard.external_identity has another owner",
    "drop trigger _500_sum_stock on retail.stock_movements": "retail.stock_movements has another triggers",
    "alter function guard.store() security invoker": "the functions differ",
}
SMALL = DemoOptions(stores=2, customers=30, products=20, transactions=60, as_of=DEMO_AS_OF)


@pytest.fixture(scope="module", autouse=True)
async def suitable_programs(cluster: Cluster, template: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Programs that fit the server: a container's may be newer than all that this machine has."""
    try:
        await BackupJob(cluster.admin_url(template)).make(tmp_path_factory.mktemp("tried"))
    except ConfigurationError as error:
        if "is older than the server" not in str(error):
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="module")
async def shop(cluster: Cluster, template: str) -> AsyncIterator[Retailer]:
    """A small shop with a token; the tests only read it."""
    async with cluster.temporary_database(template) as name:
        retailer = Retailer(cluster.admin_url(name), cluster.app_url(name))
        await load_demo(retailer.admin_url, SMALL)
        await retailer.token("seattle")
        async with admin_connection(retailer.admin_url) as connection:
            assert await seal(connection) is not None
        yield retailer


@pytest.fixture(scope="module")
async def dump(shop: Retailer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return await BackupJob(shop.admin_url).make(tmp_path_factory.mktemp("backups"))


@pytest.fixture
async def target(cluster: Cluster) -> AsyncIterator[Retailer]:
    """Where to restore to: a name that is free, dropped at the end."""
    async with cluster.temporary_database("template0") as name:
        yield Retailer(cluster.admin_url(name), cluster.app_url(name))


def name_of(retailer: Retailer) -> str:
    return urlsplit(retailer.admin_url).path.lstrip("/")


def copied(dump: Path, directory: Path, *, damaged: bool = False, name: str | None = None) -> Path:
    copy = directory / (name or dump.name)
    content = dump.read_bytes()
    copy.write_bytes(content[:-1] + b"!" if damaged else content)
    write_manifest(copy, read_manifest(dump))
    return copy


async def test_what_comes_back_serves_the_same_answers(shop: Retailer, dump: Path, target: Retailer) -> None:
    await BackupJob(shop.admin_url).restore(dump, name_of(target))
    async with admin_connection(target.admin_url) as connection:
        await install_key(connection, CONTEXT_KEY)

    async with admin_connection(target.admin_url) as connection:
        verification = await verify(connection)
    assert (verification.findings, verification.seals > 0) == ([], True)

    async with shop.client("seattle") as before, target.client("seattle") as after:
        for tool in ("summarize_sales", "list_top_products", "list_low_stock", "list_categories"):
            assert await answer(after, tool) == await answer(before, tool)


async def test_the_signing_key_stays_out_and_tokens_are_revoked(shop: Retailer, dump: Path, target: Retailer) -> None:
    await BackupJob(shop.admin_url).restore(dump, name_of(target))

    assert await shop.value("select count(*) from guard.context_key") == 1
    assert await target.value("select count(*) from guard.context_key") == 0
    assert await target.value("select count(*) from guard.api_token") >= 1
    assert await target.value("select count(*) from guard.api_token where revoked_at is null") == 0


async def test_tokens_can_be_kept(shop: Retailer, dump: Path, target: Retailer) -> None:
    await BackupJob(shop.admin_url).restore(dump, name_of(target), keep_tokens=True)

    assert await target.value("select count(*) from guard.api_token where revoked_at is null") >= 1


async def test_the_manifest_counts_the_same_snapshot_while_somebody_writes(
    retailer: Retailer, cluster: Cluster, tmp_path: Path
) -> None:
    await retailer.execute("insert into retail.stores (store_id, store_name) values ('a', 'A')")
    stop = asyncio.Event()

    async def write() -> int:
        written = 0
        async with admin_connection(retailer.admin_url) as connection:
            while not stop.is_set() and written < 5_000:
                await connection.execute(
                    "insert into retail.customers (store_id, first_name, last_name, email) values ('a', 'A', 'B', $1)",
                    f"{written}@example.com",
                )
                written += 1
        return written

    writing = asyncio.create_task(write())
    job = BackupJob(retailer.admin_url)
    dump = await job.make(tmp_path)
    stop.set()

    assert await writing > 0
    assert (await job.verify(dump)).verified_at is not None


def test_a_backup_is_for_its_owner_only(dump: Path, tmp_path: Path) -> None:
    modes = {file.suffix: stat.S_IMODE(file.stat().st_mode) for file in dump.parent.iterdir()}
    assert modes == {".dump": 0o600, ".json": 0o600}

    # Verification writes the manifest again.
    write_manifest(copied(dump, tmp_path), read_manifest(dump))
    assert stat.S_IMODE((tmp_path / dump.with_suffix(".json").name).stat().st_mode) == 0o600


async def test_verification_names_what_did_not_come_along(retailer: Retailer, tmp_path: Path) -> None:
    """The manifest of a database beside the dump of what became of it."""
    job = BackupJob(retailer.admin_url)
    pristine = read_manifest(await job.make(tmp_path / "before"))
    for sql in CHANGES:
        await retailer.execute(sql)
    changed = await job.make(tmp_path / "after")
    write_manifest(changed, pristine.model_copy(update={"sha256": read_manifest(changed).sha256}))

    with pytest.raises(ConfigurationError, match="does not restore to what it was made of") as refused:
        await job.verify(changed)

    for told in CHANGES.values():
        assert told in str(refused.value)
    assert read_manifest(changed).verified_at is None
    assert await retailer.value("select count(*) from pg_database where datname like 'retail_verify_%'") == 0


async def test_a_damaged_dump_is_refused_before_anything_is_made(shop: Retailer, dump: Path, tmp_path: Path) -> None:
    copy = copied(dump, tmp_path, damaged=True)

    for attempt in (BackupJob(shop.admin_url).restore(copy, "never_made"), BackupJob(shop.admin_url).verify(copy)):
        with pytest.raises(ConfigurationError, match="checksum differs"):
            await attempt
    assert await shop.value("select count(*) from pg_database where datname = 'never_made'") == 0


def test_a_dump_has_no_rights_on_postgresqls_own_objects(dump: Path) -> None:
    """Another major version has other functions, so that a restore would end at the first that it lacks."""
    listed = run_program(find_program("pg_restore", None, 17), ["--list", str(dump)])

    assert " ACL retail " in listed
    assert [line for line in listed.splitlines() if " pg_catalog " in line or " information_schema " in line] == []


async def test_a_backup_of_a_newer_major_version_is_refused_by_name(shop: Retailer, dump: Path, tmp_path: Path) -> None:
    copy = copied(dump, tmp_path)
    manifest = read_manifest(copy)
    own = manifest.server_version // 10_000
    write_manifest(copy, manifest.model_copy(update={"server_version": (own + 1) * 10_000}))

    for attempt in (BackupJob(shop.admin_url).restore(copy, "never_made"), BackupJob(shop.admin_url).verify(copy)):
        with pytest.raises(
            ConfigurationError, match=f"made of PostgreSQL {own + 1}, and this server is PostgreSQL {own}"
        ):
            await attempt
    assert await shop.value("select count(*) from pg_database where datname = 'never_made'") == 0


async def test_a_dump_of_a_pg_dump_that_is_too_old_is_refused(retailer: Retailer, tmp_path: Path) -> None:
    """PostgreSQL 17.12 notes a number about each column, which an older pg_dump takes for an option of the column.

    Nothing restores such a dump. The wheel's programs are of 18.4, and older than 17.12.
    """
    await retailer.execute(
        "update pg_attribute set attoptions = '{pg_attver=1}'"
        " where attrelid = 'retail.stores'::regclass and attname = 'region'"
    )

    with pytest.raises(ConfigurationError, match=r"older than the server.*RETAIL_PG_BIN"):
        await BackupJob(retailer.admin_url, embedded_programs()).make(tmp_path / "backups")
    assert list((tmp_path / "backups").iterdir()) == []


async def test_why_a_program_failed_is_told_and_not_what_it_did(tmp_path: Path) -> None:
    program = tmp_path / "pg_restore"
    program.write_text(
        "#!/bin/sh\necho 'pg_restore: error: no such type' >&2\necho 'Command was: SELECT 1' >&2\nexit 1\n"
    )
    program.chmod(0o755)

    with pytest.raises(ConfigurationError, match=r"pg_restore: error: no such type$"):
        run_program(program, [])


async def test_a_database_in_use_or_with_tables_is_left_alone(shop: Retailer, dump: Path, target: Retailer) -> None:
    job = BackupJob(shop.admin_url)
    async with admin_connection(target.admin_url):
        with pytest.raises(ConfigurationError, match="is in use by 1 others"):
            await job.restore(dump, name_of(target))
    await target.execute("create table somebodys (id integer)")
    with pytest.raises(ConfigurationError, match="holds tables already"):
        await job.restore(dump, name_of(target))

    assert await target.value("select count(*) from pg_class where relname = 'customers'") == 0


@pytest.mark.parametrize("name", ['x"; drop database retail; --', "", "Ä", "a" * 64])
async def test_a_name_that_is_none_is_refused(shop: Retailer, dump: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="A database name"):
        await BackupJob(shop.admin_url).restore(dump, name)


def test_old_backups_go_but_never_the_last_good_one(dump: Path, tmp_path: Path) -> None:
    manifest = read_manifest(dump)
    for days, damaged, verified in ((1, True, False), (10, False, False), (20, False, True), (30, False, True)):
        created = manifest.created_at - timedelta(days=days)
        copy = copied(dump, tmp_path, damaged=damaged, name=f"{manifest.database}-{days}.dump")
        write_manifest(
            copy, manifest.model_copy(update={"created_at": created, "verified_at": created if verified else None})
        )
    (tmp_path / f"{manifest.database}-somebodys.dump").write_bytes(b"not ours")

    old = outdated(tmp_path, manifest.database, timedelta(days=5), manifest.created_at)

    # The newest is damaged, so that of ten days is the last good one, and that of twenty the last verified.
    assert [path.stem.rpartition("-")[2] for path in old] == ["30"]


def test_programs_older_than_the_server_are_named(tmp_path: Path) -> None:
    program = tmp_path / "pg_dump"
    program.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 15.3'\n")
    program.chmod(0o755)

    with pytest.raises(ConfigurationError, match=r"is of version 15.*RETAIL_PG_BIN"):
        find_program("pg_dump", tmp_path, 18)


async def test_the_commands_back_up_verify_upload_and_restore(shop: Retailer, target: Retailer, tmp_path: Path) -> None:
    env = for_operator(shop)
    uploaded = tmp_path / "uploaded"
    uploaded.mkdir()
    made = await run(tmp_path, env, "backup", "kept", "--verify", "--keep-days", "30", "--upload", f"cp -t {uploaded}")
    assert (made.code, made.err) == (0, ""), made
    dump = tmp_path / made.out.split(" (")[0]
    assert "verified: " in made.out
    assert read_manifest(dump).verified_at is not None
    assert read_manifest(uploaded / dump.name) == read_manifest(dump)

    restored = await run(tmp_path, env, "restore", str(dump), "--database", name_of(target))
    assert (restored.code, restored.err) == (0, ""), restored
    assert await target.value("select count(*) from guard.context_key") == 1
    again = await run(tmp_path, env, "restore", str(dump), "--database", name_of(target))
    assert again.code == 2
    assert "holds tables already" in again.err

    failed = await run(tmp_path, env, "backup", "kept", "--upload", "false")
    assert failed.code == 2
    assert "upload command failed with exit code 1. The backup is in" in failed.err


@pytest.fixture
def directory() -> Iterator[Path]:
    """For embedded servers, which have a user of their own where root runs the tests."""
    directory = Path(tempfile.mkdtemp(prefix="retail-test-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


async def test_a_backup_goes_on_in_a_new_directory_of_the_embedded_server(directory: Path, tmp_path: Path) -> None:
    old, new = ({"RETAIL_DATA_DIR": str(directory / name)} for name in ("old", "new"))
    made = await run(tmp_path, environment(**old), "backup", "kept", "--verify")
    assert (made.code, made.err) == (0, "")
    added = await run(tmp_path, environment(**old), "store", "add", "tacoma", "--name", "Tacoma")
    assert added.code == 0
    made = await run(tmp_path, environment(**old), "backup", "kept")
    dump = made.out.split(" (")[0]

    elsewhere = await run(tmp_path, environment(**old), "restore", dump, "--database", "elsewhere")
    assert "to serve it, restore into the database retail of a new RETAIL_DATA_DIR" in elsewhere.out
    restored = await run(tmp_path, environment(**new), "restore", dump, "--database", "retail")
    assert (restored.code, restored.err) == (0, "")
    assert "Next: start the server on this RETAIL_DATA_DIR" in restored.out
    assert " tacoma " in (await run(tmp_path, environment(**new), "status")).out
