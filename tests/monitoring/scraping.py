"""Reading metrics as Prometheus does."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

Sample = tuple[str, tuple[tuple[str, str], ...]]


def samples(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """Name, labels and value of each sample in a scrape."""
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value


def scraped(port: int) -> str:
    """What a port on this machine serves."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as response:
        return str(response.read().decode())


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Scrape:
    """One look at everything."""

    def __init__(self, registry: CollectorRegistry) -> None:
        text = generate_latest(registry).decode()
        self._values = {(name, tuple(sorted(labels.items()))): value for name, labels, value in samples(text)}

    def value(self, name: str, **labels: str) -> float:
        """One series; 0 where there is none yet."""
        return self._values.get((name, tuple(sorted(labels.items()))), 0.0)

    def labels(self, label: str) -> set[str]:
        """Every value of a label, but the bounds of histograms."""
        return {value for _, labels in self._values for name, value in labels if name == label}

    def since(self, earlier: Scrape) -> dict[Sample, float]:
        """What has grown, of calls."""
        return {
            key: value - earlier._values.get(key, 0.0)
            for key, value in self._values.items()
            if key[0] == "retail_calls_total" and value != earlier._values.get(key, 0.0)
        }
