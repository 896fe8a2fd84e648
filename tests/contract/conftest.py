"""The tools as a client is told about them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cluster import Cluster
from tests.support import Retailer

ToolList = dict[str, dict[str, Any]]


@pytest.fixture(scope="session")
async def listed(cluster: Cluster, template: str) -> ToolList:
    """The answer of tools/list, by name."""
    async with cluster.temporary_database(template) as database:
        retailer = Retailer(cluster.admin_url(database), cluster.app_url(database))
        await retailer.execute("insert into retail.stores (store_id, store_name) values ('seattle', 'Seattle')")
        async with retailer.client("seattle") as client:
            found = await client.list_tools()
    assert len({tool.name for tool in found}) == len(found)
    return {tool.name: tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in found}
