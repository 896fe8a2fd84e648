"""Database URLs as hosting services print them: what libpq takes is done, not needed, or refused by its name."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from server.app import build
from server.db.urls import OPENING_ERRORS, connect, of_database, opening, parsed
from server.errors import ConfigurationError
from server.operations.databases import Connections
from tests.support import Retailer, chosen
from tests.transport.processes import for_operator, run_here

HOSTERS = "connect_timeout=10&keepalives=1&keepalives_idle=30&target_session_attrs=any&gssencmode=disable&sslsni=1"
URL = "postgresql://u:hunter2@127.0.0.1:1/x"
SETTINGS = {
    "database_url": "RETAIL_DATABASE_URL",
    "auth_database_url": "RETAIL_AUTH_DATABASE_URL",
    "audit_database_url": "RETAIL_AUDIT_DATABASE_URL",
    "embed_database_url": "RETAIL_EMBED_DATABASE_URL",
    "sql_database_url": "RETAIL_SQL_DATABASE_URL",
    "replica_database_url": "RETAIL_REPLICA_DATABASE_URL",
}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory without anybody's .env file."""
    monkeypatch.chdir(tmp_path)


def with_parameters(url: str, parameters: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{parameters}"


def all_of(retailer: Retailer, parameters: str) -> Connections:
    """Every way into the database, with these parameters."""
    known = replace(retailer.connections, embed_database_url=retailer.login_url("mcp_embed"))
    given = {name: with_parameters(getattr(known, name), parameters) for name in SETTINGS if getattr(known, name)}
    return replace(known, **given)


def test_every_url_of_the_server_is_meant() -> None:
    assert set(SETTINGS) == {field.name for field in fields(Connections) if field.name.endswith("database_url")}


@pytest.mark.parametrize(
    "parameters",
    [
        HOSTERS,
        "channel_binding=prefer&fallback_application_name=psql&client_encoding=UTF8&max_protocol_version=latest",
        "options=-c%20geqo%3Doff&connect_timeout=0&load_balance_hosts=disable",
    ],
)
async def test_an_operators_commands_take_what_libpq_takes(parameters: str, retailer: Retailer, tmp_path: Path) -> None:
    env = for_operator(retailer, RETAIL_ADMIN_DATABASE_URL=with_parameters(retailer.admin_url, parameters))

    status = await run_here(env, "status")
    # The dump is made by a program of libpq's, which gets the URL too.
    backup = await run_here(env, "backup", str(tmp_path / "backups"))

    assert (status.code, status.err) == (0, "")
    assert backup.code == 0, backup


async def test_a_server_takes_what_libpq_takes_for_each_of_its_logins(retailer: Retailer) -> None:
    connections = all_of(retailer, f"{HOSTERS}&application_name=of-the-hoster&options=-c%20geqo%3Doff")
    token = await retailer.token(*await _store(retailer))

    async with build(chosen(token=token), connections, "stdio"):
        names = await retailer.fetch(
            "select distinct usename, application_name from pg_stat_activity "
            "where datname = current_database() and usename like 'mcp\\_%'"
        )

    assert {row["usename"] for row in names} >= {"mcp_user", "mcp_auth", "mcp_audit"}
    assert {row["application_name"] for row in names} == {"of-the-hoster"}


@pytest.mark.parametrize("name", SETTINGS)
async def test_what_the_driver_cannot_do_is_refused_by_name_for_each_login(name: str, retailer: Retailer) -> None:
    token = await retailer.token(*await _store(retailer))
    connections = all_of(retailer, "connect_timeout=10")
    url = getattr(connections, name) or connections.database_url
    asking = replace(connections, **{name: with_parameters(url, "channel_binding=require")})

    with pytest.raises(ConfigurationError) as refused:
        async with build(chosen(token=token), asking, "stdio"):
            pass

    assert SETTINGS[name] in str(refused.value)
    assert "channel_binding" in str(refused.value)
    assert "password" not in str(refused.value)


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ("sslmode=require&channel_binding=require", "channel_binding"),
        ("pgbouncer=true&connection_limit=1", "pgbouncer"),
        ("statement_timeout=5s", "statement_timeout"),
        ("require_auth=scram-sha-256", "require_auth"),
        ("sslsni=0", "sslsni"),
        ("connect_timeout=soon", "connect_timeout"),
        ("sslmode=require&sslrootcert=system", "sslrootcert"),
        ("options=-c%20no.such%20x", "options"),
        ("sslmode=nonsense", "sslmode"),
        ("sslmode=verify-ca&sslrootcert=/no/such/file", "sslrootcert"),
        ("target_session_attrs=best", "the others after the ?"),
    ],
)
async def test_a_command_names_the_parameter_that_is_wrong(parameters: str, named: str, retailer: Retailer) -> None:
    # Over TCP, where TLS is looked at; nothing listens there, which is only found out afterwards.
    url = retailer.admin_url if parameters.startswith("options") else URL
    env = for_operator(retailer, RETAIL_ADMIN_DATABASE_URL=with_parameters(url, parameters))

    end = await run_here(env, "status")

    assert (end.code, end.out) == (2, "")
    assert named in end.err
    assert "password" not in end.err
    assert "hunter2" not in end.err


@pytest.mark.parametrize(
    ("url", "named"),
    [
        (URL, "host and port"),
        ("postgresql://u:hunter2@no-such-host.invalid/x", "its host is not known"),
        ("postgresql://u:hunter2@h..x/x", "host"),
        (f"postgresql://u:hunter2@{'h' * 300}/x", "host"),
        ("postgresql://u:hunter2@h:99999/x", "special characters"),
        ("postgresql://u:hunter2/0@h/x", "special characters"),
        ("postgresql://u:hunter2#0@h/x", "special characters"),
        ("postgresql://u:hunter2%00@h/x", "special characters"),
        ("postgresql://[::1/x", "special characters"),
        ("jdbc:postgresql://h/x", "postgresql://"),
        ("host=h password=hunter2", "postgresql://"),
        ("", "postgresql://"),
        (f"{URL}?hunter2!=1", "without a proper name"),
        (f"{URL}?a%ff=1", "special characters"),
    ],
)
async def test_what_is_no_url_is_told_without_repeating_it(url: str, named: str) -> None:
    with pytest.raises(ConfigurationError, match="RETAIL_X_DATABASE_URL") as refused:
        await connect(url, "RETAIL_X_DATABASE_URL", application_name="test")

    assert named in str(refused.value)
    assert "hunter2" not in str(refused.value)


async def test_a_wrong_database_or_login_is_told_apart(retailer: Retailer) -> None:
    for url, named in {
        of_database(retailer.admin_url, "no_such_database", "X"): "no database of that name",
        retailer.login_url("no_such_login"): "login",
    }.items():
        with pytest.raises(ConfigurationError, match=named):
            await connect(url, "RETAIL_X_DATABASE_URL", application_name="test")


@pytest.mark.parametrize("kind", OPENING_ERRORS)
def test_whatever_the_driver_raises_is_told(kind: type[Exception]) -> None:
    with pytest.raises(ConfigurationError, match=r"Check RETAIL_X_DATABASE_URL"), opening("RETAIL_X_DATABASE_URL"):
        raise kind("hunter2")


def test_a_url_without_a_host_keeps_its_form() -> None:
    """A socket in the default directory, as in postgresql:///retail."""
    url = "postgresql:///retail?host=/run/postgresql"

    assert parsed(url, "X").dsn == "postgresql:///retail?host=%2Frun%2Fpostgresql"
    assert of_database(url, "other", "X") == "postgresql:///other?host=%2Frun%2Fpostgresql"


def test_a_password_is_on_no_command_line() -> None:
    for url in ("postgresql://u:hunter%322@h/x", "postgresql://u@h/x?password=hunter22"):
        split = parsed(url, "X")
        assert split.password == "hunter22"
        assert "hunter" not in split.bare
        assert "hunter" not in repr(split)


def test_the_certificates_of_this_machine_are_the_roots_when_asked_for() -> None:
    tls = parsed("postgresql://u@h/x?sslmode=verify-full&sslrootcert=system", "X").options("test")["ssl"]

    assert tls.check_hostname
    assert tls.verify_mode.name == "CERT_REQUIRED"


def test_settings_of_the_server_win_over_those_of_the_url() -> None:
    options = parsed(f"{URL}?application_name=shop", "X").options("retail-mcp", {"statement_timeout": "10s"})

    assert options["server_settings"] == {"application_name": "shop", "statement_timeout": "10s"}


async def _store(retailer: Retailer) -> list[str]:
    await retailer.execute("insert into retail.stores (store_id, store_name) values ('seattle', 'Seattle')")
    return ["seattle"]
