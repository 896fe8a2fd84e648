"""The port that metrics are scraped from."""

from __future__ import annotations

import socket
import urllib.error
from contextlib import ExitStack

import pytest
from prometheus_client import CollectorRegistry, Counter

from server.errors import ConfigurationError
from server.monitoring.exposition import exposed
from server.monitoring.monitoring import monitored
from tests.monitoring.scraping import free_port, scraped
from tests.support import chosen


async def test_a_port_that_is_taken_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigurationError, match="in use by another program") as refused:
            async with monitored(chosen(metrics_port=taken.getsockname()[1])):
                pass
    assert "RETAIL_METRICS_PORT" in str(refused.value)
    with pytest.raises(ConfigurationError, match="RETAIL_METRICS_HOST"):
        async with monitored(chosen(metrics_host="192.0.2.1", metrics_port=0)):
            pass


def test_each_of_several_processes_has_a_port() -> None:
    """Whoever takes the place of one takes its port too."""
    first = free_port()
    registries = []
    for number in range(3):
        registry = CollectorRegistry()
        Counter("number", "", registry=registry).inc(number)
        registries.append(registry)
    with ExitStack() as others:
        with exposed(registries[0], "127.0.0.1", first, processes=3):
            others.enter_context(exposed(registries[1], "127.0.0.1", first, processes=3))
            assert "number_total 0.0" in scraped(first)
            assert "number_total 1.0" in scraped(first + 1)
        with pytest.raises(urllib.error.URLError):
            scraped(first)
        others.enter_context(exposed(registries[2], "127.0.0.1", first, processes=3))
        assert "number_total 2.0" in scraped(first)


async def test_a_server_without_a_port_of_its_own_opens_none() -> None:
    async with monitored(chosen(metrics_port=free_port()), metrics=False) as monitoring:
        assert type(monitoring.observer).__name__ == "Observer"
    async with monitored(chosen()) as monitoring:
        assert type(monitoring.observer).__name__ == "Observer"
