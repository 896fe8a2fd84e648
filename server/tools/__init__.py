"""The tools, one package per domain. A new tool edits its domain's package and nothing else."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any

from fastmcp.decorators import get_fastmcp_meta

from server.errors import ConfigurationError
from server.principal import SCOPE_META

Tool = Callable[..., Any]


def discover() -> list[Tool]:
    """Import every domain and collect its TOOLS, in a stable order; any failure is fatal.

    Raises:
        ConfigurationError: A tool declares no scope.
    """
    found: list[Tool] = []
    for domain in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        found.extend(importlib.import_module(f"{__name__}.{domain.name}").TOOLS)
    for tool in found:
        if scope_of(tool) is None:
            raise ConfigurationError(f"The tool {tool.__name__} does not say who may call it: add meta=needs(...).")
    return found


def scope_of(tool: Tool) -> str | None:
    """The scope that a tool demands of its caller; None for one that declares none."""
    declared = get_fastmcp_meta(tool)
    return (declared.meta or {}).get(SCOPE_META) if declared is not None else None
