"""The commands of retail-mcp."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import App, Parameter

from server import __version__
from server.console.numbers import whole
from server.console.running import run

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
    "http": "server.cli.serve:http",
    "stdio": "server.cli.serve:stdio",
    "bridge": "server.cli.serve:bridge",
    "call": "server.cli.call:call",
    "config": "server.cli.config:config",
    "doctor": "server.cli.doctor:doctor",
    "maintain": "server.cli.maintenance:maintain",
    "status": "server.cli.status:status",
    "migrate": "server.cli.database:migrate",
    "prepare-pg-upgrade": "server.cli.database:prepare_pg_upgrade",
    "backup": "server.cli.backup:backup",
    "restore": "server.cli.backup:restore",
    "verify-backup": "server.cli.backup:verify_backup",
    "principal": "server.cli.principals:app",
    "token": "server.cli.tokens:app",
    "store": "server.cli.stores:app",
    "rollups": "server.cli.rollups:app",
    "customer": "server.cli.customers:app",
    "index": "server.cli.indexes:app",
    "audit": "server.cli.audit:app",
    "key": "server.cli.keys:app",
    "import": "server.imports.command:app",
    "embed": "server.cli.embed:embed",
}
for name, path in _COMMANDS.items():
    app.command(path, name=name)


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
