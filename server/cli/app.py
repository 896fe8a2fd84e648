"""The commands of retail-mcp."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import App, Parameter

from server import __version__
from server.cli.numbers import whole
from server.cli.running import run

app = App(
    name="retail-mcp",
    help="A retailer's data for AI assistants over MCP, store by store.",
    version=__version__,
    # No --no-... and no --empty-..., of which the latter would make a token that opens nothing.
    default_parameter=Parameter(negative=()),
)
app.register_install_completion_command()

# Named, so that each is imported when it runs: the server takes seconds to import, and few of them serve.
_COMMANDS = {
    "http": "serve:http",
    "stdio": "serve:stdio",
    "bridge": "serve:bridge",
    "call": "call:call",
    "config": "config:config",
    "doctor": "doctor:doctor",
    "maintain": "maintenance:maintain",
    "status": "status:status",
    "migrate": "database:migrate",
    "prepare-pg-upgrade": "database:prepare_pg_upgrade",
    "backup": "backup:backup",
    "restore": "backup:restore",
    "verify-backup": "backup:verify_backup",
    "principal": "principals:app",
    "token": "tokens:app",
    "store": "stores:app",
    "rollups": "rollups:app",
    "customer": "customers:app",
    "index": "indexes:app",
    "audit": "audit:app",
    "key": "keys:app",
}
for name, path in _COMMANDS.items():
    app.command(f"server.cli.{path}", name=name)


@app.default
def serve(*, workers: Annotated[int | None, whole()] = None) -> None:
    """Serve streamable HTTP, by default from the embedded database with demo data.

    Args:
        workers: Processes that answer on the port, instead of RETAIL_WORKERS. More than one offers no HTTP+SSE.
    """
    # Not http itself, which would have to be imported whatever is asked for.
    app(["http"] if workers is None else ["http", f"--workers={workers}"])


def main() -> None:
    """Entry point of the console script."""
    if sys.argv[1:2] and sys.argv[1] in app.help_flags:
        # Each command is listed with its own words.
        app.resolved_commands()
    run(app)
