"""The demo: data and tokens for a first look, in the embedded database and nowhere else."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from rich.console import Console

from server.auth.authenticator import token_digest
from server.calls.principal import Role
from server.config import Settings
from server.db.operator import admin_connection
from server.db.queries import QueryFile
from server.embeddings import build_embedder
from server.embeddings.command import embed_with_progress
from server.errors import EmbeddingUnavailableError
from server.operations.admin.tokens import issue_token
from server.operations.deployment import Deployment, prepare_embedded
from server.process.private_files import write_private

logger = logging.getLogger(__name__)

TOKEN_FILE = "demo-tokens.json"  # noqa: S105 - a file name
_LIFETIME = timedelta(days=90)
# Renewed before they run out in the middle of somebody's afternoon.
_RENEW_BEFORE = timedelta(days=2)

_ALL_STORES = ("bellevue", "online", "redmond", "seattle")
_USERS: tuple[tuple[str, tuple[str, ...], Role], ...] = (
    ("demo-seattle-manager", ("seattle",), "manager"),
    ("demo-redmond-manager", ("redmond",), "manager"),
    ("demo-regional-manager", _ALL_STORES, "manager"),
    ("demo-seattle-support", ("seattle",), "support"),
    ("demo-analyst", _ALL_STORES, "analyst"),
    ("demo-auditor", _ALL_STORES, "auditor"),
)


@dataclass(frozen=True, slots=True)
class DemoToken:
    """A token of one kind of user."""

    subject: str
    stores: tuple[str, ...]
    role: Role
    token: str


_TOKENS = TypeAdapter(list[DemoToken])
QUERIES = QueryFile("server.cli", "demo.sql")
_STILL_VALID = QUERIES.statement("still_valid")
_HAS_STORES = QUERIES.statement("has_stores")
_OPEN_STORES = QUERIES.statement("open_stores")


async def prepare_demo(settings: Settings, deployment: Deployment) -> list[DemoToken]:
    """Make the embedded database ready: schema, key, demo data if it is empty, demo tokens.

    Returns:
        One token per kind of user, kept from earlier starts where they are still valid.
    """
    await prepare_embedded(deployment)
    admin_url = deployment.require_admin_url()
    async with admin_connection(admin_url) as connection:
        has_stores = await connection.fetchval(_HAS_STORES)
    if not has_stores:
        await _seed(admin_url, settings)
    async with admin_connection(admin_url) as connection:
        return await _tokens(connection, settings.data_dir / TOKEN_FILE)


async def _seed(admin_url: str, settings: Settings) -> None:
    # Imported here: the generator is needed once in the life of a database.
    from seed.errors import AlreadyLoadedError
    from seed.loading import load_with_progress
    from seed.options import DemoOptions

    embedder = build_embedder(settings)
    try:
        await load_with_progress(admin_url, DemoOptions())
        await embed_with_progress(admin_url, embedder)
    except AlreadyLoadedError:
        logger.info("another process loaded the demo data at the same time")
    except EmbeddingUnavailableError as error:
        # Everything but search by meaning works without; the message says how to go on.
        logger.warning("%s Run: retail-mcp-seed embed", error)
    finally:
        await embedder.close()


async def _tokens(connection: Any, path: Path) -> list[DemoToken]:
    kept = _read(path)
    horizon = datetime.now(UTC) + _RENEW_BEFORE
    if kept and await connection.fetchval(_STILL_VALID, [token_digest(t.token) for t in kept], horizon) == len(kept):
        return kept
    open_stores = {row["store_id"] for row in await connection.fetch(_OPEN_STORES)}
    tokens = []
    for subject, wanted, role in _USERS:
        if stores := tuple(store for store in wanted if store in open_stores):
            issued = await issue_token(connection, subject, stores, role, lifetime=_LIFETIME, note="demo")
            tokens.append(DemoToken(subject, stores, role, issued.token))
    write_private(path, json.dumps([asdict(token) for token in tokens], indent=2))
    return tokens


def _read(path: Path) -> list[DemoToken]:
    try:
        return _TOKENS.validate_json(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValidationError):
        return []


def print_welcome(url: str, tokens: list[DemoToken]) -> None:
    """Print where the server is and, for a demo, how to connect to it."""
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"\n[bold]Serving MCP at {url}[/]  (Ctrl-C stops)")
    if not tokens:
        return
    console.print("\nDemo tokens (for this embedded database only):\n")
    for token in tokens:
        console.print(f"  {token.subject:<23}{token.role:<9}{', '.join(token.stores)}\n  [bold]{token.token}[/]\n")
    headers = {"Authorization": f"Bearer {tokens[0].token}"}
    console.print("Client configuration, for example .vscode/mcp.json:\n")
    console.print_json(data={"servers": {"zava-retail": {"type": "http", "url": url, "headers": headers}}})
    console.print()
