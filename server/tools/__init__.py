"""The tools, one package per domain. A new tool edits its domain's package and nothing else."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any

Tool = Callable[..., Any]


def discover() -> list[Tool]:
    """Import every domain and collect its TOOLS, in a stable order; any failure is fatal."""
    found: list[Tool] = []
    for domain in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        found.extend(importlib.import_module(f"{__name__}.{domain.name}").TOOLS)
    return found
