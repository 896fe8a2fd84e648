"""The tools as a client is told about them."""

from __future__ import annotations

from typing import Any

import pytest

from server.calls.principal import Role
from tests.cluster import Cluster
from tests.support import Retailer

ToolList = dict[str, dict[str, Any]]
ROLES: tuple[Role, ...] = ("auditor", "manager")


@pytest.fixture(scope="session")
async def listed(cluster: Cluster, template: str) -> ToolList:
    """The answers of tools/list to a manager and to an auditor, by name; together they may see every tool."""
    async with cluster.temporary_database(template) as database:
        retailer = Retailer(cluster.admin_url(database), cluster.app_url(database))
        await retailer.execute("insert into retail.stores (store_id, store_name) values ('seattle', 'Seattle')")
        listed: ToolList = {}
        for role in ROLES:
            async with retailer.client("seattle", role=role) as client:
                found = await client.list_tools()
            assert len({tool.name for tool in found}) == len(found)
            listed |= {tool.name: tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in found}
    return listed
