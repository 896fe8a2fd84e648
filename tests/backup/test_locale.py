"""A restored database takes the same letters for the same as before, whatever the server makes databases of."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from server.db import postmaster
from server.db.locale import NEW_DATABASE
from server.db.migrate import migrate
from server.db.operator import admin_connection
from server.errors import ConfigurationError
from server.operations.admin.keys import install_key
from server.operations.backup.archive import Locale, read_manifest, write_manifest
from server.operations.backup.destination import own_locale
from server.operations.backup.job import BackupJob
from tests.cluster import Cluster, embedded_cluster
from tests.sql.acting import retailer_on
from tests.support import CONTEXT_KEY, Retailer

FOLDS = "select lower('ÉŁÄ') = 'éłä'"
LIBC = "template template0 encoding 'UTF8' locale_provider libc locale 'C.UTF-8'"
ASCII = "template template0 encoding 'UTF8' locale_provider libc locale 'C'"


@pytest.fixture(scope="module")
def ascii_cluster() -> Iterator[Cluster]:
    """A server whose new databases know ASCII alone, as initdb makes it under LC_ALL=C."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postmaster, "_LOCALE", ("--encoding=UTF8", "--locale-provider=libc", "--locale=C"))
        patch.setattr(postmaster, "_CHARACTER_TYPES", ("C",))
        with embedded_cluster() as cluster:
            yield cluster


@asynccontextmanager
async def made(cluster: Cluster, creation: str | None) -> AsyncIterator[Retailer]:
    """A name for a database, which is dropped at the end, made as `creation` says unless that is None."""
    name = f"retail_test_{secrets.token_hex(6)}"
    async with admin_connection(cluster.url) as connection:
        if creation is not None:
            await connection.execute(f"create database {name} {creation}")
        try:
            yield retailer_on(cluster, name)
        finally:
            await connection.execute(f"drop database if exists {name} with (force)")


@asynccontextmanager
async def shop(cluster: Cluster, creation: str) -> AsyncIterator[Retailer]:
    async with made(cluster, creation) as retailer:
        async with admin_connection(retailer.admin_url) as connection:
            await migrate(connection)
            await install_key(connection, CONTEXT_KEY)
        yield retailer


async def locale_of(retailer: Retailer) -> Locale:
    async with admin_connection(retailer.admin_url) as connection:
        return await own_locale(connection)


def name_of(retailer: Retailer) -> str:
    return retailer.admin_url.partition("?")[0].rpartition("/")[2]


@pytest.mark.parametrize("creation", [NEW_DATABASE, LIBC], ids=["builtin", "libc"])
async def test_a_new_database_has_the_locale_of_the_old_one(
    ascii_cluster: Cluster, creation: str, tmp_path: Path
) -> None:
    async with shop(ascii_cluster, creation) as source, made(ascii_cluster, None) as target:
        dump = await BackupJob(source.admin_url).make(tmp_path)
        await BackupJob(ascii_cluster.url).restore(dump, name_of(target))

        assert await locale_of(target) == await locale_of(source) == read_manifest(dump).locale
        assert await target.value(FOLDS)
        assert (await BackupJob(ascii_cluster.url).verify(dump)).verified_at is not None


@pytest.mark.parametrize("is_known", [False, True], ids=["of an older manifest", "that this server lacks"])
async def test_without_its_locale_it_gets_the_one_of_new_databases(
    ascii_cluster: Cluster, is_known: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with shop(ascii_cluster, NEW_DATABASE) as source, made(ascii_cluster, None) as target:
        dump = await BackupJob(source.admin_url).make(tmp_path)
        manifest = read_manifest(dump)
        assert manifest.locale is not None
        lacking = manifest.locale.model_copy(update={"provider": "libc", "locale": None, "collate": "xx_XX.UTF-8'"})
        write_manifest(dump, manifest.model_copy(update={"locale": lacking if is_known else None}))

        await BackupJob(ascii_cluster.url).restore(dump, name_of(target))

        assert await locale_of(target) == manifest.locale
        assert await target.value(FOLDS)
        assert ("lacks the locale" in caplog.text and "libc xx_XX.UTF-8', C.UTF-8" in caplog.text) == is_known


async def test_an_empty_database_that_knows_ascii_alone_is_refused(ascii_cluster: Cluster, tmp_path: Path) -> None:
    async with shop(ascii_cluster, NEW_DATABASE) as source, made(ascii_cluster, ASCII) as target:
        dump = await BackupJob(source.admin_url).make(tmp_path)
        with pytest.raises(ConfigurationError, match=r"two letters.*C\.UTF-8.*Nothing was changed"):
            await BackupJob(ascii_cluster.url).restore(dump, name_of(target))

        assert await target.value("select count(*) from pg_namespace where nspname = 'retail'") == 0


async def test_an_empty_database_in_another_encoding_is_refused(ascii_cluster: Cluster, tmp_path: Path) -> None:
    latin = ASCII.replace("UTF8", "LATIN1")
    async with shop(ascii_cluster, NEW_DATABASE) as source, made(ascii_cluster, latin) as target:
        dump = await BackupJob(source.admin_url).make(tmp_path)
        with pytest.raises(ConfigurationError, match="encoding is LATIN1"):
            await BackupJob(ascii_cluster.url).restore(dump, name_of(target))


async def test_what_knew_ascii_alone_comes_back_so_with_a_warning(
    ascii_cluster: Cluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with shop(ascii_cluster, ASCII) as source, made(ascii_cluster, None) as target:
        dump = await BackupJob(source.admin_url).make(tmp_path)
        await BackupJob(ascii_cluster.url).restore(dump, name_of(target))

        assert await locale_of(target) == await locale_of(source)
        assert "restore this backup into it" in caplog.text
