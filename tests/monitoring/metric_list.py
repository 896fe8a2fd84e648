"""Every series that a server may export, from one whose every counter has moved."""

from __future__ import annotations

from prometheus_client import generate_latest

from server.monitoring.metrics import Metrics
from server.monitoring.monitoring import Monitoring
from tests.monitoring.scraping import samples
from tests.support import Retailer
from tests.transport.serving import bearer, serving, structured


async def exported(retailer: Retailer, metrics: Metrics) -> dict[str, set[str]]:
    """Names of series with the names of their labels; when they began, which some formats tell, is no metric."""
    async with serving(retailer, monitoring=Monitoring(observer=metrics)) as served:
        structured(await served.call("get_store_context", authorization=bearer(await retailer.token("seattle"))))
        assert (await served.call("get_store_context", authorization=bearer("wrong"))).status_code == 401
        found: dict[str, set[str]] = {}
        for name, labels, _ in samples(generate_latest(metrics.registry).decode()):
            if name.endswith("_created"):
                continue
            found.setdefault(name, set()).update(labels.keys())
        return found
