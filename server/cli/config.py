"""Command that prints a client's configuration."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import SecretStr

from server.calls.principal import Role
from server.cli.operator import as_operator
from server.config import ENV_PREFIX, Settings, load_settings
from server.console.numbers import whole
from server.operations.admin.tokens import issue_token
from server.transport.address import MCP_PATH

Client = Literal["claude-desktop", "vscode", "cursor", "claude-code"]
Entry = dict[str, Any]

# Settings that are the operator's or the HTTP server's, or that the entry sets itself.
_NOT_FOR_CLIENTS = {
    "allowed_origins",
    "trusted_proxies",
    "public_url",
    "jwt_issuer",
    "jwt_audience",
    "jwt_jwks_uri",
    "jwt_algorithms",
    "admin_database_url",
    "host",
    "port",
    "allowed_hosts",
    "token",
    "store_id",
    "log_level",
}


def config(
    client: Client,
    *,
    store: list[str],
    role: Role = "manager",
    http: bool = False,
    days: Annotated[int, whole(gte=1, lte=3650)] = 90,
) -> None:
    """Print the configuration that lets a client use this server, with a new token of its own.

    Args:
        client: Program that reads the configuration.
        store: Store that it may ask about; repeat for several.
        role: Its role there.
        http: Connect to the running HTTP server instead of starting one over stdio.
        days: Days until the token expires.
    """
    settings = load_settings()
    subject = f"{client}: {role} of {', '.join(sorted(store))}"
    lifetime = timedelta(days=days)
    issued = as_operator(lambda connection: issue_token(connection, subject, store, role, lifetime=lifetime))
    if not http:
        entry = _stdio_entry("stdio", {**_environment(settings), f"{ENV_PREFIX}TOKEN": issued.token})
    elif client == "claude-desktop":
        # It starts programs but opens no URL from its file: the bridge is such a program.
        entry = _stdio_entry("bridge", {f"{ENV_PREFIX}TOKEN": issued.token}, _url(settings))
    else:
        entry = {"type": "http", "url": _url(settings), "headers": {"Authorization": f"Bearer {issued.token}"}}
    print(json.dumps(_FORMATS[client](f"zava-{'-'.join(sorted(store))}", entry), indent=2))  # noqa: T201


def _stdio_entry(command: str, environment: dict[str, str], *arguments: str) -> Entry:
    # The interpreter of this environment by its absolute path: a client has another PATH than a shell. With -P it
    # imports nothing from the directory that the client happens to start it in.
    python = str(Path(sys.executable).absolute())
    return {
        "type": "stdio",
        "command": python,
        "args": ["-P", "-m", "server", command, *arguments],
        "env": environment,
    }


def _environment(settings: Settings) -> dict[str, str]:
    """Variables that make a server started elsewhere serve the same database in the same way."""
    environment = {}
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        if name in _NOT_FOR_CLIENTS or (value == field.default and not field.default_factory):
            continue
        if isinstance(value, Path):
            value = value.expanduser().absolute()
        environment[f"{ENV_PREFIX}{name.upper()}"] = (
            value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        )
    return environment


def _url(settings: Settings) -> str:
    if settings.public_url is not None:
        return settings.public_url.rstrip("/") + MCP_PATH
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}{MCP_PATH}"


def _mcp_servers(name: str, entry: Entry) -> Entry:
    return {"mcpServers": {name: entry}}


def _untyped_mcp_servers(name: str, entry: Entry) -> Entry:
    return _mcp_servers(name, {key: value for key, value in entry.items() if key != "type"})


def _servers(name: str, entry: Entry) -> Entry:
    return {"servers": {name: entry}}


# Source: each client's documentation of its configuration file, as of 2026-11.
_FORMATS: dict[Client, Callable[[str, Entry], Entry]] = {
    "claude-desktop": _untyped_mcp_servers,
    "cursor": _untyped_mcp_servers,
    "claude-code": _mcp_servers,
    "vscode": _servers,
}
