"""What the files of the containers promise each other."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.transport.processes import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}


def test_every_service_of_ours_is_the_same_image() -> None:
    assert set(OURS) == {"migrate", "seed", "backup", "server"}
    assert {(service["build"], service["image"]) for service in OURS.values()} == {(".", "retail-mcp:local")}


@pytest.mark.parametrize("name", OURS)
def test_each_runs_with_as_little_as_it_needs(name: str) -> None:
    service = OURS[name]
    assert (service["read_only"], service["cap_drop"], service["security_opt"]) == (
        True,
        ["ALL"],
        ["no-new-privileges:true"],
    )
    assert "user" not in service
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE) == ["10001:10001"]


def test_no_service_takes_all_memory_of_the_machine() -> None:
    """Where one outgrows its share, it alone is ended; the database has what its settings are made for."""
    assert {name for name, service in SERVICES.items() if "mem_limit" not in service} == set()
    buffers = re.findall(r"^shared_buffers = '(\d+)GB'", (ROOT / "docker/postgresql.conf").read_text("utf-8"), re.M)
    assert SERVICES["db"]["mem_limit"] == f"{4 * int(buffers[0])}g"


def test_the_client_programs_are_of_the_databases_version() -> None:
    """An older pg_dump refuses the server."""
    (client,) = re.findall(r"^ARG POSTGRESQL=(\d+)$", DOCKERFILE, re.MULTILINE)
    assert SERVICES["db"]["image"] == f"pgvector/pgvector:pg{client}"


def test_a_backup_is_kept_where_its_user_may_write() -> None:
    (place,) = [volume.removeprefix("backups:") for volume in OURS["backup"]["volumes"]]
    command = OURS["backup"]["command"]
    assert command[:3] == ["backup", place, "--verify"]
    assert f"install --directory --owner=retail --group=retail --mode=0700 {place}\n" in DOCKERFILE


def test_the_superusers_url_stays_with_the_services_of_the_operator() -> None:
    holders = {name for name, service in SERVICES.items() if "retail_admin_database_url" in service.get("secrets", [])}
    assert holders == {"migrate", "seed", "backup"}
