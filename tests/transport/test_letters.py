"""A database whose locale knows ASCII alone: refused while it is empty, and afterwards a fault for the doctor."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from server.db.locale import LOCALE
from server.db.migrate import migrate
from server.db.operator import admin_connection
from server.operations.admin.keys import install_key
from tests.cluster import Cluster
from tests.sql.acting import retailer_on
from tests.support import CONTEXT_KEY, Retailer, answer
from tests.transport.processes import for_operator, for_server, run_here

Made = Callable[[str], AbstractAsyncContextManager[Retailer]]
ASCII = {
    "of C": "locale_provider libc locale 'C'",
    "built in": "locale_provider builtin builtin_locale 'C' locale 'C'",
}
ROWS = """
insert into retail.stores (store_id, store_name) values ('seattle', 'Seattle');
insert into retail.products (store_id, sku, product_name, price)
values ('seattle', 'A', '\u201cÉCLAIR\u201d\u2013Café', 1), ('seattle', 'B', 'Łódź', 1);
insert into retail.customers (store_id, first_name, last_name, email)
values ('seattle', 'łucja', 'of seattle', 'lucja@example.com')
"""
ROOT = Path(__file__).parents[2]


@pytest.fixture
def made(cluster: Cluster) -> Made:
    """Makes databases of a locale."""

    @asynccontextmanager
    async def database(locale: str) -> AsyncIterator[Retailer]:
        name = f"retail_test_{secrets.token_hex(6)}"
        async with admin_connection(cluster.url) as connection:
            await connection.execute(f"create database {name} template template0 encoding 'UTF8' {locale}")
            try:
                yield retailer_on(cluster, name)
            finally:
                await connection.execute(f"drop database {name} with (force)")

    return database


@pytest.mark.parametrize("locale", ASCII.values(), ids=ASCII)
async def test_an_empty_database_that_knows_ascii_alone_is_refused(made: Made, locale: str) -> None:
    async with made(locale) as retailer:
        end = await run_here(for_operator(retailer), "migrate")
        assert end.code == 2
        assert "takes \u00c9 and \u00e9 for two letters" in end.err
        assert LOCALE in end.err
        assert await retailer.value("select count(*) from pg_namespace where nspname = 'retail'") == 0


@pytest.mark.parametrize("locale", ASCII.values(), ids=ASCII)
async def test_one_that_is_in_use_is_migrated_with_a_warning_and_a_fault_for_the_doctor(
    made: Made, locale: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with made(locale) as retailer:
        async with admin_connection(retailer.admin_url) as connection:
            await migrate(connection)
            await install_key(connection, CONTEXT_KEY)
        assert (await run_here(for_operator(retailer), "migrate")).code == 0
        assert "two letters" in caplog.text
        end = await run_here(for_server(retailer, RETAIL_PORT="0"), "doctor")
        assert end.code == 1
        assert re.search(r"fault\s+letters\s+The locale of this database", end.out)
        assert "restore a backup into it" in " ".join(end.out.split())


async def test_one_that_takes_punctuation_for_letters_is_told_apart(made: Made) -> None:
    async with made("locale_provider builtin builtin_locale 'C.UTF-8' locale 'C'") as retailer:
        end = await run_here(for_operator(retailer), "migrate")
        assert end.code == 2
        assert "takes punctuation beyond ASCII for letters" in end.err or "two letters" in end.err


async def test_the_locale_that_is_advised_is_accepted_and_finds(made: Made) -> None:
    async with made(LOCALE) as retailer:
        assert (await run_here(for_operator(retailer), "migrate")).code == 0
        examined = await run_here(for_server(retailer, RETAIL_PORT="0"), "doctor")
        assert re.search(r"ok\s+letters\s", examined.out)
        async with admin_connection(retailer.admin_url) as connection:
            await install_key(connection, CONTEXT_KEY)
            await connection.execute(ROWS)
        async with retailer.client("seattle") as client:
            for query, sku in (("éclair", "A"), ("CAFÉ", "A"), ("éclair café", "A"), ("łódź", "B")):
                found = await answer(client, "search_products", query=query, mode="keyword")
                assert [product["sku"] for product in found["rows"]] == [sku], query
            found = await answer(client, "search_customers", name="ŁUCJA")
            assert len(found["rows"]) == 1


def test_every_database_of_the_documentation_is_made_with_it() -> None:
    page = " ".join((ROOT / "docs/operations.md").read_text(encoding="utf-8").replace("\\\n", " ").split())
    assert page.count("create database") == page.count(LOCALE) == 3
