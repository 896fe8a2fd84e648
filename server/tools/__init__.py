"""The tools, one package per domain. A new tool is a function with @tool in a module of its domain."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from fastmcp.decorators import get_fastmcp_meta

from server.calls.principal import SCOPE_META
from server.errors import ConfigurationError

Tool = Callable[..., Any]


def discover() -> list[Tool]:
    """Import every module of every domain and collect its tools, by domain, module and place in it.

    Raises:
        ConfigurationError: A tool declares no scope.
    """
    found = [tool for domain in _modules(__path__, __name__) for tool in _tools_of(domain)]
    for tool in found:
        if scope_of(tool) is None:
            raise ConfigurationError(
                f"The tool {tool.__name__} does not say who may call it: add meta=requires_scope(...)."
            )
    return found


def _modules(path: Iterable[str], package: str) -> list[ModuleType]:
    names = sorted(module.name for module in pkgutil.iter_modules(path))
    return [importlib.import_module(f"{package}.{name}") for name in names]


def _tools_of(domain: ModuleType) -> list[Tool]:
    return [
        tool
        for module in _modules(domain.__path__, domain.__name__)
        for tool in vars(module).values()
        # A tool that a module imports is another's.
        if get_fastmcp_meta(tool) is not None and tool.__module__ == module.__name__
    ]


def scope_of(tool: Tool) -> str | None:
    """The scope that a tool demands of its caller; None for one that declares none."""
    declared = get_fastmcp_meta(tool)
    return (declared.meta or {}).get(SCOPE_META) if declared is not None else None
