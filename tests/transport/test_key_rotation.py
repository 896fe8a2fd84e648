"""A new signing key reaches running servers without a call that fails."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from server.db.operator import admin_connection
from server.errors import ConfigurationError
from server.operations.admin.keys import generate_key, install_key, list_keys, retire_key, rotate_key
from server.process.private_files import write_private
from server.tenancy.context_token import ContextSigner
from server.tenancy.signing_key import SigningKey
from tests.support import CONTEXT_KEY, Retailer
from tests.transport.processes import for_operator, for_server, run, run_here, running
from tests.transport.serving import bearer, request, structured
from tests.transport.shop import eventually, open_store

ENTER = "select store_id from retail.set_store_context($1)"


@asynccontextmanager
async def served_process(directory: Path, env: dict[str, str]) -> AsyncIterator[tuple[str, list[str]]]:
    """The real server as a process; its address, and what it logs."""
    async with running(directory, env) as process:
        assert process.stdout and process.stderr
        logged: list[str] = []

        async def read_log(stream: asyncio.StreamReader) -> None:
            while line := await stream.readline():
                logged.append(line.decode())

        reading = asyncio.create_task(read_log(process.stderr))
        while not (
            found := re.search(rb"http://[0-9.]+:\d+/mcp", await asyncio.wait_for(process.stdout.readline(), 30))
        ):
            assert process.returncode is None, logged
        try:
            yield found[0].decode(), logged
        finally:
            process.terminate()
            await asyncio.wait_for(reading, 20)


async def accepted(retailer: Retailer, signer: ContextSigner) -> bool:
    """Whether the database opens a store for a request token of this key."""
    principal = await retailer.value("select principal_id from guard.principal limit 1")
    try:
        return await retailer.value(ENTER, signer.sign(principal, "seattle")) == "seattle"
    except Exception as error:  # noqa: BLE001 - the admin connection translates one kind of refusal
        assert "may not do this" in str(error) or "store context refused" in str(error)
        return False


@pytest.fixture
async def shop(retailer: Retailer) -> Retailer:
    await open_store(retailer, "seattle")
    return retailer


async def test_a_server_under_load_changes_its_key_without_a_failed_call(tmp_path: Path, shop: Retailer) -> None:
    key_file = tmp_path / "context.key"
    write_private(key_file, CONTEXT_KEY + "\n")
    keep = {"RETAIL_CONTEXT_KEY": "", "RETAIL_CONTEXT_KEY_FILE": str(key_file)}
    token = bearer(await shop.token("seattle"))
    body, headers = request("tools/call", {"name": "summarize_sales", "arguments": {}}, "modern")
    settings = {"RETAIL_PORT": "0", "RETAIL_RATE_PER_MINUTE": "1000000", "RETAIL_RATE_BURST": "1000000"}
    old = ContextSigner(CONTEXT_KEY)
    answers: list[httpx2.Response] = []
    stop = asyncio.Event()

    async with (
        served_process(tmp_path, for_server(shop, **keep, **settings)) as (url, logged),
        httpx2.AsyncClient(timeout=30) as http,
    ):

        async def caller() -> None:
            while not stop.is_set():
                answers.append(await http.post(url, content=body, headers=headers | {"authorization": token}))

        callers = [asyncio.create_task(caller()) for _ in range(2)]
        await eventually(lambda: more_than(answers, 20), 20)

        rotated = await run(tmp_path, for_operator(shop, **keep), "key", "rotate", "--overlap", "3600")
        assert (rotated.code, rotated.err) == (0, "")
        new = ContextSigner(key_file.read_text())
        assert new.kid != old.kid
        assert new.kid in rotated.out
        assert old.kid in rotated.out

        await eventually(lambda: says(logged, f"Signing key {new.kid} took the place of {old.kid}"), 20)
        # The old key's tokens still count; retired, they do not, and no call notices.
        assert await accepted(shop, old)
        async with admin_connection(shop.admin_url) as connection:
            await retire_key(connection, old.kid)
        assert not await accepted(shop, old)
        before = len(answers)
        await eventually(lambda: more_than(answers, before + 20), 20)
        stop.set()
        await asyncio.gather(*callers)
        ready = await http.get(url.replace("/mcp", "/ready"))

    assert {structured(response)["store_id"] for response in answers} == {"seattle"}
    assert ready.status_code == 200
    assert not any(key_file.read_text() in line or CONTEXT_KEY in line for line in logged)


async def more_than(answers: list[Any], count: int) -> bool:
    return len(answers) > count


async def says(logged: list[str], text: str) -> bool:
    return any(text in line for line in logged)


async def test_a_rotation_leaves_an_overlap_that_ends(tmp_path: Path, shop: Retailer) -> None:
    key_file = tmp_path / "context.key"
    write_private(key_file, CONTEXT_KEY)
    key_file.chmod(0o640)
    env = for_operator(shop, RETAIL_CONTEXT_KEY="", RETAIL_CONTEXT_KEY_FILE=str(key_file))
    await shop.token("seattle")

    assert (await run_here(env, "key", "rotate", "--overlap", "10")).code == 0
    listed = await run_here(env, "key", "list")

    old, new = ContextSigner(CONTEXT_KEY), ContextSigner(key_file.read_text())
    # Who could read the old one can read the new one.
    assert key_file.stat().st_mode & 0o777 == 0o640
    states = {line.split()[0]: line.split()[1] for line in listed.out.splitlines()[1:]}
    assert states == {new.kid: "valid", old.kid: "retiring"}
    assert [await accepted(shop, signer) for signer in (old, new)] == [True, True]
    await shop.execute(f"update guard.context_key set not_after = now() where kid = '{old.kid}'")
    assert [await accepted(shop, signer) for signer in (old, new)] == [False, True]
    actions = await shop.fetch("select action, metadata->>'kid' as kid from audit.operation where action like 'key_%'")
    assert actions == [{"action": "key_rotated", "kid": new.kid}]


@asynccontextmanager
async def following(path: Path, shop: Retailer) -> AsyncIterator[SigningKey]:
    key = SigningKey(CONTEXT_KEY, path)

    async def knows(kid: str) -> bool:
        return bool(await shop.value("select guard.knows_key($1)", kid))

    async with key.followed(knows):
        yield key


async def test_what_is_no_key_changes_nothing(
    tmp_path: Path, shop: Retailer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.tenancy.signing_key._LOOK_EVERY_SECONDS", 0.01)
    caplog.set_level("INFO")
    path = tmp_path / "context.key"
    write_private(path, CONTEXT_KEY)
    new = generate_key()
    async with following(path, shop) as key:
        first = key.signer
        for number, half in enumerate(("", new[:20], "\x00\xff"), start=1):
            path.write_bytes(half.encode("latin-1"))
            await eventually(lambda expected=number: stays(caplog, expected))
        path.unlink()
        await eventually(lambda: stays(caplog, 4))
        assert key.signer is first

        # A whole one that the database has not been told of yet is not used before it has.
        write_private(path, new)
        await eventually(lambda: says([record.getMessage() for record in caplog.records], "as soon as the database"))
        await asyncio.sleep(0.1)
        assert key.signer is first
        async with admin_connection(shop.admin_url) as connection:
            await install_key(connection, new)

        async def has_changed() -> bool:
            return key.signer.kid == ContextSigner(new).kid

        await eventually(has_changed)
    assert not any(secret in record.getMessage() for record in caplog.records for secret in (new, CONTEXT_KEY))


async def stays(caplog: pytest.LogCaptureFixture, times: int) -> bool:
    return sum("stays in use" in record.getMessage() for record in caplog.records) >= times


async def test_a_file_that_becomes_readable_is_read(
    tmp_path: Path, shop: Retailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its content and time do not change by that."""
    monkeypatch.setattr("server.tenancy.signing_key._LOOK_EVERY_SECONDS", 0.01)
    path, new = tmp_path / "context.key", generate_key()
    async with admin_connection(shop.admin_url) as connection:
        await install_key(connection, new)
    write_private(path, CONTEXT_KEY)
    async with following(path, shop) as key:
        readable = Path.read_text

        def refuse(file: Path, *arguments: Any, **options: Any) -> str:
            if file == path:
                raise PermissionError(13, "Permission denied")
            return readable(file, *arguments, **options)

        with monkeypatch.context() as patched:
            patched.setattr(Path, "read_text", refuse)
            write_private(path, new)
            await asyncio.sleep(0.1)
            assert key.signer.kid == ContextSigner(CONTEXT_KEY).kid
        path.chmod(0o640)

        async def has_changed() -> bool:
            return key.signer.kid == ContextSigner(new).kid

        await eventually(has_changed)


async def test_a_retired_key_does_not_come_back(tmp_path: Path, shop: Retailer) -> None:
    env = for_operator(shop)
    old, new = ContextSigner(CONTEXT_KEY), generate_key()
    refused = await run_here(env, "key", "retire", old.kid)
    assert refused.code == 2
    assert "no other key lasts" in refused.err
    async with admin_connection(shop.admin_url) as connection:
        kid = await install_key(connection, new)
        await retire_key(connection, old.kid)
        assert {key.kid: key.state for key in await list_keys(connection)} == {kid: "valid", old.kid: "retired"}

    for command in (("key", "install"), ("migrate",)):
        again = await run_here(env, *command)
        assert again.code == 2, again
        assert f"{old.kid} was retired and cannot come back" in again.err
    start = await run(tmp_path, for_server(shop, RETAIL_PORT="0"))
    assert start.code == 2
    assert f"does not accept the signing key {old.kid}" in start.err


async def test_a_key_in_a_variable_is_changed_by_hand(tmp_path: Path, shop: Retailer) -> None:
    refused = await run_here(for_operator(shop), "key", "rotate")
    assert refused.code == 2
    assert "docs/keys.md" in refused.err
    both = for_operator(shop, RETAIL_CONTEXT_KEY_FILE=str(tmp_path / "context.key"))
    refused = await run_here(both, "key", "install")
    assert refused.code == 2
    assert await shop.value("select count(*) from guard.context_key") == 1


async def test_a_file_that_cannot_be_written_leaves_the_key_in_use(tmp_path: Path, shop: Retailer) -> None:
    async with admin_connection(shop.admin_url) as connection:
        with pytest.raises(ConfigurationError, match="the one in use stays"):
            await rotate_key(connection, tmp_path / "none" / "context.key", 600)
    await shop.token("seattle")
    assert await accepted(shop, ContextSigner(CONTEXT_KEY))
    assert await shop.value("select count(*) from guard.context_key where not_after > now()") == 1


async def test_a_server_whose_key_was_retired_is_not_ready(shop: Retailer, tmp_path: Path) -> None:
    env = for_server(shop, RETAIL_PORT="0")
    async with served_process(tmp_path, env) as (url, _), httpx2.AsyncClient(timeout=30) as http:
        ready = url.replace("/mcp", "/ready")
        assert (await http.get(ready)).status_code == 200
        async with admin_connection(shop.admin_url) as connection:
            await install_key(connection, generate_key())
            await retire_key(connection, ContextSigner(CONTEXT_KEY).kid)
        assert (await http.get(ready)).status_code == 503
