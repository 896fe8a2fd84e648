"""Commands about the key that signs store contexts."""

from __future__ import annotations

from cyclopts import App

from server.admin.keys import generate_key, install_key
from server.cli.operator import as_operator
from server.config import load_settings
from server.errors import ConfigurationError

app = App(name="key", help="The key that signs store contexts.")


@app.command
def generate() -> None:
    """Print a new secret for RETAIL_CONTEXT_KEY."""
    print(generate_key())  # noqa: T201


@app.command
def install() -> None:
    """Let the database accept contexts signed with RETAIL_CONTEXT_KEY."""
    key = load_settings().context_key
    if key is None:
        raise ConfigurationError("RETAIL_CONTEXT_KEY is not set. Make one with: python -m server key generate")
    kid = as_operator(lambda connection: install_key(connection, key.get_secret_value()))
    print(f"Key {kid} is installed.")  # noqa: T201
