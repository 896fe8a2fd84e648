"""What the real program writes to standard error."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import signal
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from server import __version__
from server.monitoring.logs import JsonFormatter
from tests.audit.reading import calls_of
from tests.monitoring.scraping import free_port, samples, scraped
from tests.support import Retailer, answer, refusal
from tests.transport.processes import for_server, running
from tests.transport.serving import Served, bearer, failure, message, structured
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
