"""What tools declare: complete hints, for a client must never have to guess one, the scope, and a picture if any."""

from __future__ import annotations

from typing import Any

from fastmcp.apps.config import AppConfig, app_config_to_meta_dict
from mcp_types import ToolAnnotations

from server.calls.principal import SCOPE_META, Scope

READ_ONLY = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)


def requires_scope(scope: Scope) -> dict[str, Any]:
    """The `meta` of a tool, resource or prompt that takes this scope; without one it is offered to nobody."""
    return {SCOPE_META: scope}


def picture_uri(name: str) -> str:
    """The address of a picture in server/widgets."""
    return f"ui://retail/{name}.html"


def with_widget(name: str) -> dict[str, Any]:
    """The `meta` of a tool whose answer a client may also show as this picture; the model's answer stays the same."""
    return {"ui": app_config_to_meta_dict(AppConfig(resource_uri=picture_uri(name)))}
