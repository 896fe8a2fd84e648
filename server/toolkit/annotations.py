"""What every tool declares: complete hints, for a client must never have to guess one, and the scope it takes."""

from __future__ import annotations

from typing import Any

from mcp_types import ToolAnnotations

from server.principal import SCOPE_META, Scope

READ_ONLY = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)


def needs(scope: Scope) -> dict[str, Any]:
    """The `meta` of a tool, resource or prompt that takes this scope; without one it is offered to nobody."""
    return {SCOPE_META: scope}
