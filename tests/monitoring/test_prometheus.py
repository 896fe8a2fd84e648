"""A real Prometheus scrapes a real server, and evaluates what the alerts and the dashboard ask for."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from server.monitoring.monitoring import monitored
from tests.monitoring.scraping import free_port
from tests.monitoring.test_dashboards import DOCKER, RULES, SCRAPE, expressions
from tests.support import Retailer, chosen
from tests.transport.serving import bearer, serving, structured
from tests.transport.shop import eventually

PROGRAM = shutil.which("prometheus")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="prometheus is not installed")


@asynccontextmanager
async def scraping(target: str, directory: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """Prometheus with our configuration and rules, but for the target's address and shorter intervals."""
    settings: dict[str, Any] = {**SCRAPE, "global": {"scrape_interval": "1s", "evaluation_interval": "1s"}}
    (job,) = settings["scrape_configs"]
    settings["scrape_configs"] = [{**job, "static_configs": [{"targets": [target]}]}]
    (directory / "prometheus.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    shutil.copy(DOCKER / "prometheus/alerts.yml", directory)
    address = f"127.0.0.1:{free_port()}"
    assert PROGRAM is not None
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address={address}",
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with httpx2.AsyncClient(base_url=f"http://{address}/api/v1", timeout=30) as http:
            yield http
    finally:
        process.terminate()
        await process.wait()


async def value_of(prometheus: httpx2.AsyncClient, expression: str) -> list[dict[str, Any]]:
    """The series of an expression; none before Prometheus answers at all."""
    try:
        response = await prometheus.get("/query", params={"query": expression})
    except httpx2.TransportError:
        return []
    told = response.json()
    assert told["status"] == "success", (expression, told)
    found: list[dict[str, Any]] = told["data"]["result"]
    return found


async def test_every_expression_is_evaluated_and_no_alert_fires_on_a_quiet_server(
    watched: Retailer, tmp_path: Path
) -> None:
    port = free_port()
    async with (
        monitored(chosen(metrics_port=port)) as monitoring,
        serving(watched, monitoring=monitoring) as served,
        scraping(f"127.0.0.1:{port}", tmp_path) as prometheus,
    ):
        token = await watched.token("seattle")
        for _ in range(3):
            structured(await served.call("get_store_context", authorization=bearer(token)))

        async def is_counted() -> bool:
            calls = await value_of(prometheus, 'sum(retail_calls_total{tool="get_store_context"})')
            return bool(calls) and calls[0]["value"][1] == "3"

        await eventually(is_counted)
        for expression in expressions():
            asked = expression.replace("$__rate_interval", "1m").replace("$instance", ".*")
            await value_of(prometheus, asked)

        async def evaluated() -> list[dict[str, Any]]:
            groups = (await prometheus.get("/rules")).json()["data"]["groups"]
            rules = [rule for group in groups for rule in group["rules"]]
            return [] if "unknown" in {rule["health"] for rule in rules} else rules

        rules = await eventually(evaluated)
        assert len(rules) == len(RULES)
        assert {rule["health"] for rule in rules} == {"ok"}
        assert not [rule["name"] for rule in rules if rule["state"] == "firing"]
