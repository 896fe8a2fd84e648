"""Export and erasure from the command line."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from server.db.operator import admin_connection
from tests.sql.factories import fill_store, insert_category
from tests.support import Retailer
from tests.transport.processes import SERVER, Finished, for_operator, run, run_here
from tests.transport.test_commands import assert_refused

EMAIL = "ada@seattle.example.com"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A working directory without anybody's .env file."""
    monkeypatch.chdir(tmp_path)
    yield


@pytest.fixture
async def ada(retailer: Retailer) -> UUID:
    """A customer of seattle with one receipt; redmond has her double."""
    async with admin_connection(retailer.admin_url) as connection:
        await insert_category(connection, "Tools")
        await fill_store(connection, "redmond")
        return (await fill_store(connection, "seattle")).customer_id


async def first_name(retailer: Retailer, customer_id: UUID) -> str | None:
    return await retailer.value("select first_name from retail.customers where customer_id = $1", customer_id)


async def answer_on_a_terminal(directory: Path, env: dict[str, str], said: str, *arguments: str) -> Finished:
    """Run a command whose standard input is a terminal, on which somebody types."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, said.encode())
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *SERVER,
            *arguments,
            cwd=directory,
            env=env,
            stdin=theirs,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
    finally:
        os.close(theirs)
        os.close(ours)
    assert process.returncode is not None
    return Finished(process.returncode, out.decode(), err.decode())


async def test_an_export_is_json_on_standard_output_or_a_private_file(
    tmp_path: Path, retailer: Retailer, ada: UUID
) -> None:
    env = for_operator(retailer)
    printed = await run_here(env, "customer", "export", "--store", "seattle", str(ada))
    written = await run_here(env, "customer", "export", "--store", "seattle", EMAIL, "--output", "ada.json")

    assert (printed.code, printed.err) == (written.code, written.err) == (0, "")
    assert written.out == ""
    file = tmp_path / "ada.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    first, second = json.loads(printed.out), json.loads(file.read_text(encoding="utf-8"))
    assert first | {"exported_at": None} == second | {"exported_at": None}
    assert first["customer"]["email"] == EMAIL


async def test_an_export_that_cannot_be_written_says_so(retailer: Retailer, ada: UUID) -> None:
    refused = await run_here(
        for_operator(retailer), "customer", "export", "--store", "seattle", str(ada), "--output", "absent/ada.json"
    )
    assert_refused(refused, "cannot be written", "--output")


async def test_an_erasure_without_a_terminal_needs_a_yes(tmp_path: Path, retailer: Retailer, ada: UUID) -> None:
    env = for_operator(retailer)
    erase = ("customer", "erase", "--store", "seattle", str(ada))

    assert_refused(await run(tmp_path, env, *erase), "Nothing was erased", "no terminal", "--yes")
    assert await first_name(retailer, ada) == "Ada"

    done = await run(tmp_path, env, *erase, "--yes")
    assert (done.code, done.err) == (0, "")
    assert f"Customer {ada} of seattle is erased; 1 receipt(s) stay" in done.out
    assert await first_name(retailer, ada) is None

    again = await run_here(env, *erase, "--yes")
    assert again.code == 0
    assert f"Customer {ada} of seattle was erased already" in again.out


async def test_an_erasure_on_a_terminal_is_confirmed(tmp_path: Path, retailer: Retailer, ada: UUID) -> None:
    env = for_operator(retailer)
    erase = ("customer", "erase", "--store", "seattle", EMAIL)

    for said in ("no\n", "\n", "yes\n", "\x04"):
        kept = await answer_on_a_terminal(tmp_path, env, said, *erase)
        assert (kept.code, kept.out) == (2, ""), said
        assert f"Customer {ada} of seattle, known by 1 receipt(s)" in kept.err
        assert "Error: Nothing was erased" in kept.err
        assert await first_name(retailer, ada) == "Ada"

    done = await answer_on_a_terminal(tmp_path, env, "erase\n", *erase)
    assert done.code == 0
    assert EMAIL not in done.out + done.err
    assert await first_name(retailer, ada) is None


@pytest.mark.parametrize("command", [("export",), ("erase", "--yes")])
async def test_a_customer_of_another_store_is_unknown(retailer: Retailer, ada: UUID, command: tuple[str, ...]) -> None:
    told = set()
    for who in (str(ada), str(UUID(int=0)), EMAIL, "nobody@example.com"):
        refused = await run_here(for_operator(retailer), "customer", *command, "--store", "redmond", who)
        assert_refused(refused, "No customer with this id or e-mail in redmond")
        told.add(refused.err)
    assert len(told) == 1


async def test_a_list_of_erasures_can_be_repeated(tmp_path: Path, retailer: Retailer, ada: UUID) -> None:
    env = for_operator(retailer)
    await run_here(env, "customer", "erase", "--store", "seattle", str(ada), "--yes")
    printed = await run_here(env, "customer", "erased")
    await run_here(env, "customer", "erased", "--output", "erased.jsonl")
    assert (tmp_path / "erased.jsonl").read_text(encoding="utf-8") == printed.out
    assert [json.loads(line)["customer_id"] for line in printed.out.splitlines()] == [str(ada)]

    with (tmp_path / "erased.jsonl").open("a", encoding="utf-8") as file:
        file.write(
            json.dumps({"store_id": "seattle", "customer_id": str(UUID(int=0)), "erased_at": "2026-01-01T00:00Z"})
        )
    assert_refused(await run(tmp_path, env, "customer", "erase-again", "erased.jsonl"), "no terminal", "--yes")
    repeated = await run_here(env, "customer", "erase-again", "erased.jsonl", "--yes")
    assert (repeated.code, repeated.out) == (
        0,
        "Erased 0 customer(s) again; 1 were erased already, 1 are not in this database.\n",
    )


@pytest.mark.parametrize("content", ["nonsense", '{"store_id": "seattle"}', "\xff"])
async def test_a_list_that_is_none_is_refused(tmp_path: Path, retailer: Retailer, ada: UUID, content: str) -> None:
    good = json.dumps({"store_id": "seattle", "customer_id": str(ada), "erased_at": "2026-01-01T00:00Z"})
    (tmp_path / "list").write_bytes(f"{good}\n{content}\n".encode("latin-1"))

    refused = await run_here(for_operator(retailer), "customer", "erase-again", "list", "--yes")

    assert_refused(refused, "customer erased")
    assert await first_name(retailer, ada) == "Ada"


async def test_a_list_that_is_not_there_is_refused(retailer: Retailer, ada: UUID) -> None:
    refused = await run_here(for_operator(retailer), "customer", "erase-again", "absent", "--yes")
    assert_refused(refused, "list cannot be read", "customer erased --output")
