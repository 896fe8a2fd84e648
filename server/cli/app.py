"""The commands of python -m server."""

from __future__ import annotations

from cyclopts import App

from server import __version__
from server.cli import audit, config, customers, database, keys, principals, rollups, serve, stores, tokens
from server.cli.running import run

app = App(
    name="retail-mcp",
    help="A retailer's data for AI assistants over MCP, store by store.",
    version=__version__,
)
app.default(serve.http)
app.command(serve.http)
app.command(serve.stdio)
app.command(serve.bridge)
app.command(config.config)
app.command(database.migrate)
app.command(principals.app)
app.command(tokens.app)
app.command(stores.app)
app.command(rollups.app)
app.command(customers.app)
app.command(audit.app)
app.command(keys.app)


def main() -> None:
    """Entry point of the console script."""
    run(app)
