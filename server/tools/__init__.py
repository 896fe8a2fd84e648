"""The tools, one package per domain. A new tool edits its domain's package and nothing else."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any

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
        if SCOPE_META not in (tool.__fastmcp__.meta or {}):  # type: ignore[attr-defined]
            raise ConfigurationError(f"The tool {tool.__name__} does not say who may call it: add meta=needs(...).")
    return found
