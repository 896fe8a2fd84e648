"""The commands and what happens when one fails."""

from __future__ import annotations

import sys

from cyclopts import App
from rich.console import Console

from server import __version__
from server.cli import database, keys, serve, stores, tokens
from server.errors import RetailError

# Standard output is for what a program may read: a token, a key, the protocol.
console = Console(stderr=True)

app = App(
    name="retail-mcp",
    help="A retailer's data for AI assistants over MCP, store by store.",
    version=__version__,
    help_on_error=False,
)
app.default(serve.http)
app.command(serve.http)
app.command(serve.stdio)
app.command(database.migrate)
app.command(tokens.app)
app.command(stores.app)
app.command(keys.app)


def main() -> None:
    """Run a command; a failure that we foresaw is one line on standard error and exit code 2."""
    try:
        app()
    except RetailError as error:
        console.print(f"[bold red]Error:[/] {error}", highlight=False, soft_wrap=True)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
