"""Commands about the key that signs store contexts."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App
from rich.table import Table

from server.cli.operator import as_operator
from server.cli.tables import print_table
from server.config import load_settings
from server.console.numbers import whole
from server.errors import ConfigurationError
from server.operations.admin.keys import generate_key, install_key, list_keys, retire_key, rotate_key
from server.operations.deployment import configured_key, context_key_file

app = App(name="key", help="The key that signs store contexts.")


@app.command
def generate() -> None:
    """Print a new secret for RETAIL_CONTEXT_KEY."""
    print(generate_key())  # noqa: T201


@app.command
def install() -> None:
    """Let the database accept contexts signed with RETAIL_CONTEXT_KEY, beside those of other keys."""
    key = configured_key(load_settings())
    if key is None:
        raise ConfigurationError("RETAIL_CONTEXT_KEY is not set. Make one with: retail-mcp key generate")
    kid = as_operator(lambda connection: install_key(connection, key))
    print(f"Key {kid} is installed.")  # noqa: T201


@app.command
def rotate(*, overlap: Annotated[int, whole(gte=10, lte=30 * 86_400)] = 600) -> None:
    """Make a new key, give it to the database and to running servers, and let the others end after a while.

    Args:
        overlap: Seconds for which the others are still accepted, so that every server has time to change.
    """
    path = context_key_file(load_settings())
    if path is None:
        raise ConfigurationError(
            "The signing key is a variable of the servers' environment, which no command can change: install a new key "
            "beside it and restart them one by one, as docs/keys.md says, or keep it in RETAIL_CONTEXT_KEY_FILE."
        )
    done = as_operator(lambda connection: rotate_key(connection, path, overlap))
    print(f"Key {done.kid} is in use: servers that read {path} take it up within seconds.")  # noqa: T201
    if done.retiring:
        print(f"Retired in {overlap} seconds: {', '.join(done.retiring)}.")  # noqa: T201


@app.command
def retire(kid: str) -> None:
    """Refuse contexts signed with a key from now on; what still signs with it gets nothing.

    Args:
        kid: Id of the key, as `key list` shows it.
    """
    as_operator(lambda connection: retire_key(connection, kid))
    print(f"Key {kid} is retired.")  # noqa: T201


@app.command(name="list")
def list_() -> None:
    """List the database's keys by id, newest first."""
    table = Table("key", "state", "since", "until", box=None)
    for key in as_operator(list_keys):
        until = "" if key.not_after is None else f"{key.not_after:%Y-%m-%d %H:%M:%S %Z}"
        table.add_row(key.kid, key.state, f"{key.created_at:%Y-%m-%d %H:%M:%S %Z}", until)
    print_table(table)
