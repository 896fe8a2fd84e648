"""What the dashboard and the alerts ask for is what a server exports, and the containers have the files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from server.errors import Outcome
from server.monitoring.activity import Activity
from server.monitoring.metrics import Metrics
from server.monitoring.observer import EmbeddingOutcome
from tests.monitoring.metric_list import exported
from tests.support import Retailer
from tests.transport.processes import ROOT

DOCKER = ROOT / "docker"
DASHBOARD = json.loads((DOCKER / "grafana/dashboards/retail-mcp.json").read_text(encoding="utf-8"))
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SCRAPE = yaml.safe_load((DOCKER / "prometheus/prometheus.yml").read_text(encoding="utf-8"))
RULES = [
    rule
    for group in yaml.safe_load((DOCKER / "prometheus/alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
# Prometheus itself makes this one, and these labels.
UP, OF_PROMETHEUS = "up", {"instance", "job"}
# Values of labels that an expression may ask for.
VALUES = {
    "outcome": {*get_args(Outcome), *get_args(EmbeddingOutcome)},
    "state": {"in_use", "idle"},
    "status": {"401", "403", "421", "429"},
    "code": {"none"},
    "job": {"retail-mcp"},
}


def expressions() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]
    yield from (rule["expr"] for rule in RULES)


def selectors(expression: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Metrics of an expression with what it asks of their labels."""
    for name, matchers in re.findall(r"\b((?:retail|process)_[a-z_]+|up)\b(?:\{([^}]*)\})?", expression):
        yield name, re.findall(r'([a-z_]+)=~?"([^"]*)"', matchers)


@pytest.fixture(scope="module")
async def metrics(watched: Retailer) -> dict[str, set[str]]:
    """Series that a running server exports, with their labels."""
    counted = Metrics(Activity())
    return await exported(watched, counted)


async def test_every_metric_that_is_asked_for_is_exported(metrics: dict[str, set[str]]) -> None:
    asked = [(name, matchers) for expression in expressions() for name, matchers in selectors(expression)]
    assert len(asked) > 40
    for name, matchers in asked:
        assert name == UP or name in metrics, name
        for label, value in matchers:
            assert label in OF_PROMETHEUS | metrics.get(name, set()), (name, label)
            if not value.startswith("$"):
                assert set(value.split("|")) <= VALUES[label], (name, label, value)


async def test_every_label_that_is_summed_by_is_there(metrics: dict[str, set[str]]) -> None:
    for expression in expressions():
        of_metrics = set().union(*(metrics.get(name, set()) for name, _ in selectors(expression)))
        for labels in re.findall(r"\bby \(([^)]*)\)", expression):
            assert set(labels.replace(" ", "").split(",")) <= of_metrics | OF_PROMETHEUS, expression
        assert expression.count("(") == expression.count(")")


async def test_the_dashboard_shows_every_metric_of_the_server(metrics: dict[str, set[str]]) -> None:
    """One that nobody would look at need not be counted."""
    shown = {
        name
        for panel in DASHBOARD["panels"]
        for target in panel.get("targets", ())
        for name, _ in selectors(target["expr"])
    }

    def family(name: str) -> str:
        return re.sub(r"_(bucket|count|sum)$", "", name)

    assert {family(name) for name in metrics if name.startswith("retail_")} == {
        family(name) for name in shown if name.startswith("retail_")
    }


def test_panels_have_a_unit_a_description_and_a_place_of_their_own() -> None:
    panels = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    for panel in panels:
        assert panel["description"] and panel["fieldConfig"]["defaults"]["unit"]
        assert panel["datasource"]["uid"] == provisioned()["uid"]
    for one, other in combinations([panel["gridPos"] for panel in DASHBOARD["panels"]], 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)


def test_every_alert_says_what_it_means_and_why() -> None:
    text = (DOCKER / "prometheus/alerts.yml").read_text(encoding="utf-8")
    page = (ROOT / "docs/monitoring.md").read_text(encoding="utf-8")
    assert len({rule["alert"] for rule in RULES}) == len(RULES) >= 5
    for rule in RULES:
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["summary"].endswith(".")
        assert re.search(rf"# [A-Z].*\n(?: +#.*\n)* +- alert: {rule['alert']}\n", text), "a reason stands above it"
        assert f"`{rule['alert']}`" in page


def provisioned() -> dict[str, Any]:
    files = (DOCKER / "grafana/provisioning/datasources").glob("*.yml")
    (source,) = [source for file in files for source in yaml.safe_load(file.read_text("utf-8"))["datasources"]]
    return dict(source)


def test_whatever_a_service_names_is_there() -> None:
    for name, service in COMPOSE["services"].items():
        assert set(service.get("networks", ())) <= set(COMPOSE["networks"]), name
        assert set(service.get("secrets", ())) <= set(COMPOSE["secrets"]), name
        for published in service.get("ports", ()):
            assert published.startswith("127.0.0.1:"), f"{name} is for this machine alone"
        for volume in service.get("volumes", ()):
            source, _, rest = volume.partition(":")
            if source.startswith("./"):
                assert (ROOT / source).exists(), source
                assert rest.endswith(":ro"), source
            else:
                assert source in COMPOSE["volumes"], source
        assert re.search(r":[\w.-]+$", service["image"]) and not service["image"].endswith(":latest"), name


def test_secrets_of_the_services_are_made_by_the_script() -> None:
    script = (DOCKER / "make-secrets.sh").read_text(encoding="utf-8")
    made = set(re.findall(r"^keep (\w+) ", script, re.MULTILINE))
    assert made == set(COMPOSE["secrets"])
    for name, secret in COMPOSE["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"}
    password = COMPOSE["services"]["grafana"]["environment"]["GF_SECURITY_ADMIN_PASSWORD__FILE"]
    assert Path(password).name in COMPOSE["services"]["grafana"]["secrets"]


def test_prometheus_scrapes_the_server_where_it_exports_and_nobody_else_can() -> None:
    services = COMPOSE["services"]
    server, prometheus, grafana = services["server"], services["prometheus"], services["grafana"]
    port = server["environment"]["RETAIL_METRICS_PORT"]
    (job,) = SCRAPE["scrape_configs"]
    assert job["job_name"] == "retail-mcp"
    assert job["static_configs"] == [{"targets": [f"server:{port}"]}]
    assert not any(str(port) in published for published in server["ports"])
    assert COMPOSE["networks"]["metrics"] == {"internal": True}
    assert {"metrics"} == set(server["networks"]) & set(prometheus["networks"])
    assert set(grafana["networks"]) & set(prometheus["networks"])
    assert "database" not in {*prometheus["networks"], *grafana["networks"]}
    assert provisioned()["url"] == "http://prometheus:9090"
    assert prometheus["profiles"] == grafana["profiles"] == ["metrics"]
    assert set(SCRAPE["rule_files"]) == {"alerts.yml"}
    # What the file provider reads is what is mounted, and what is shown first is one of them.
    provider = yaml.safe_load((DOCKER / "grafana/provisioning/dashboards/files.yml").read_text("utf-8"))["providers"][0]
    mounted = {volume.split(":")[1]: ROOT / volume.split(":")[0] for volume in grafana["volumes"] if volume[0] == "."}
    directory = provider["options"]["path"]
    home = Path(grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert home.parent == Path(directory)
    assert (mounted[directory] / home.name).exists()
