"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from bench.database import Cluster
from server.db.operator import admin_connection

_PACKAGES = ("fastmcp", "mcp", "pydantic", "uvicorn", "uvloop", "httptools", "asyncpg", "pgvector", "wordllama")
_SETTINGS = ("shared_buffers", "work_mem", "jit", "synchronous_commit", "plan_cache_mode")


async def machine_facts(cluster: Cluster) -> dict[str, Any]:
    """Cores, memory, load and versions, those of the database included."""
    async with admin_connection(cluster.url) as connection:
        database = await connection.fetchval("select version()")
        settings = {name: await connection.fetchval("select current_setting($1)", name) for name in _SETTINGS}
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_mb": psutil.virtual_memory().total // 2**20,
        "load_average_before": os.getloadavg(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
        "database": database,
        "database_is_embedded": cluster.password is None,
        "database_settings": settings,
    }


def _processor() -> str:
    names = Path("/proc/cpuinfo")
    if names.exists():
        for line in names.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
