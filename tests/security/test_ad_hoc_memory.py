"""One query of a caller keeps to its memory, whatever it gathers: in a sort, a join, an aggregate or a subquery."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster import Cluster
from tests.security.ad_hoc import MAX_MEMORY, MAX_SECONDS, open_world
from tests.security.memory_attacks import memory_attacks
from tests.support import Retailer


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system does not tell the memory of a process")
async def test_no_query_takes_more_memory_than_is_promised(cluster: Cluster, template: str) -> None:
    """In all, with what an idle connection has."""
    found: dict[str, str] = {}
    attacks = memory_attacks()
    refused = 0
    async with (
        cluster.temporary_database(template) as name,
        open_world(Retailer(cluster.admin_url(name), cluster.app_url(name))) as world,
    ):
        for attack, sql in attacks.items():
            outcome = await world.ask(sql)
            refused += "The query was not run" in outcome.text
            if outcome.memory > MAX_MEMORY or outcome.seconds > MAX_SECONDS:
                found[attack] = f"{outcome.memory} bytes, {outcome.seconds:.1f} s"
    assert found == {}
    # Else the gate would have kept the attacks from being tried.
    assert refused < len(attacks) / 10
