"""Every query fits the database that it asks and the model that its rows become."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import seed
import server
from server.db.queries import Query, QueryFile
from tests.cluster import Cluster
from tests.support import Retailer

ROOT = Path(server.__file__).parents[1]


def query_files() -> list[QueryFile]:
    """Every query file that some module holds, each once."""
    found: dict[int, QueryFile] = {}
    for package in (server, seed):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            for thing in vars(importlib.import_module(module.name)).values():
                if isinstance(thing, QueryFile):
                    found[id(thing)] = thing
    return sorted(found.values(), key=lambda file: file.source)


FILES = query_files()
QUERIES = [(f"{file.source}:{query.name}", query) for file in FILES for query in file.queries]


def test_each_file_is_opened_once() -> None:
    sources = [file.source for file in FILES]
    assert sorted(set(sources)) == sources


def test_every_file_with_named_sql_is_used() -> None:
    named = {
        path.relative_to(ROOT)
        for package in (server, seed)
        for path in Path(package.__path__[0]).rglob("*.sql")
        if "-- name:" in path.read_text(encoding="utf-8")
    }
    opened = {Path(*file.source.partition("/")[0].split("."), file.source.partition("/")[2]) for file in FILES}
    assert opened == named


def test_seed_keeps_its_sql_in_files() -> None:
    """Documentation and messages begin with a capital letter."""
    statement = re.compile(r"\s*(select|insert into|update|delete from|truncate|analyze|create|alter|drop|set|with)\s")
    spelled_out = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in Path(seed.__path__[0]).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and statement.match(node.value)
    ]
    assert spelled_out == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.source)
def test_every_block_is_bound(file: QueryFile) -> None:
    assert file.unbound == ()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.source)
def test_every_block_is_explained(file: QueryFile) -> None:
    for name, sql in [*((query.name, query.sql) for query in file.queries), *file.statements.items()]:
        assert sql.startswith("-- "), name


def test_no_two_queries_share_a_name() -> None:
    """The name is all that the log tells of a failed query."""
    names = [query.name for _, query in QUERIES]
    assert sorted(set(names)) == sorted(names)


# By the beginning of the name of the file that a query is in.
LOGINS = {
    "": "mcp_user",
    "server.auth": "mcp_auth",
    "server.tenancy/sql_context": "mcp_sql",
    "server.tools.adhoc": "mcp_sql",
}


@pytest.fixture(scope="module")
async def database(cluster: Cluster, template: str) -> AsyncIterator[str]:
    async with cluster.temporary_database(template) as name:
        yield name


@pytest.fixture(scope="module")
async def logins(cluster: Cluster, database: str) -> AsyncIterator[dict[str, Any]]:
    """Connections with the server's own rights, by module prefix of the queries that run there."""
    retailer = Retailer(cluster.admin_url(database), cluster.app_url(database))
    connections = {prefix: await asyncpg.connect(retailer.login_url(login)) for prefix, login in LOGINS.items()}
    yield connections
    for connection in connections.values():
        await connection.close()


def login_of(source: str, logins: dict[str, Any]) -> Any:
    """The connection whose rights a query runs with."""
    return logins[max((prefix for prefix in logins if source.startswith(prefix)), key=len)]


@pytest.fixture(scope="module")
async def superuser(cluster: Cluster, database: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(cluster.admin_url(database))
    yield connection
    await connection.close()


@pytest.mark.parametrize(("source", "query"), QUERIES, ids=[name for name, _ in QUERIES])
async def test_a_query_fits_its_model(source: str, query: Query[Any], logins: dict[str, Any]) -> None:
    statement = await login_of(source, logins).prepare(query.sql)
    columns = [attribute.name for attribute in statement.get_attributes()]
    assert sorted(columns) == sorted(query.row.model_fields)


@pytest.mark.parametrize(("source", "query"), QUERIES, ids=[name for name, _ in QUERIES])
async def test_every_parameter_of_a_query_is_explained(source: str, query: Query[Any], logins: dict[str, Any]) -> None:
    """By its number, in the comment above: a caller passes them by position."""
    statement = await login_of(source, logins).prepare(query.sql)
    comment = "\n".join(line for line in query.sql.splitlines() if line.startswith("--"))
    for number, _ in enumerate(statement.get_parameters(), start=1):
        assert re.search(rf"\${number}\b", comment), f"${number}"


def tables_made_beside(file: QueryFile) -> list[str]:
    """Temporary tables that another file of the same package makes, for all of them to work on."""
    package = file.source.partition("/")[0]
    return [
        sql
        for other in FILES
        if other is not file and other.source.startswith(f"{package}/")
        for sql in other.statements.values()
        if "create temporary table" in sql
    ]


@pytest.mark.parametrize("file", [file for file in FILES if file.statements], ids=lambda file: file.source)
async def test_an_operators_statements_fit_the_database(file: QueryFile, superuser: Any) -> None:
    transaction = superuser.transaction()
    await transaction.start()
    try:
        for table in tables_made_beside(file):
            await superuser.execute(table)
        for name, sql in file.statements.items():
            for statement in re.split(r";\s*$", sql, flags=re.MULTILINE):
                if not statement.strip():
                    continue
                try:
                    await superuser.prepare(statement)
                except asyncpg.PostgresError as error:
                    pytest.fail(f"{name}: {error}")
                # What comes after it works on that table.
                if "create temporary table" in statement:
                    await superuser.execute(statement)
    finally:
        await transaction.rollback()


@pytest.mark.parametrize("query", [query for _, query in QUERIES], ids=[name for name, _ in QUERIES])
def test_no_query_chooses_the_store_or_all_columns(query: Query[Any]) -> None:
    """The policy chooses the store; a model names its columns."""
    code = re.sub(r"--.*", "", query.sql)
    assert not re.search(r"\bselect\s+\*", code)
    assert not re.search(r"\bstore_id\s*=\s*\$", code)
