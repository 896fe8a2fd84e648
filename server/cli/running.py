"""Runs a command line; a failure that was foreseen is one line on standard error."""

from __future__ import annotations

import os
import sys

from cyclopts import App
from rich.console import Console

from server.errors import RetailError

REFUSED = 2
INTERRUPTED = 130


def run(app: App, arguments: list[str] | None = None) -> None:
    """Run the command that the arguments name, those of the process by default, and exit."""
    # Processes that this one starts import nothing from the working directory.
    os.environ.setdefault("PYTHONSAFEPATH", "1")
    try:
        app(arguments)
    except RetailError as error:
        tell(error)
        sys.exit(REFUSED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def tell(error: RetailError) -> None:
    """Write an error for the operator."""
    # Standard output is for what a program may read: a token, a key, the protocol.
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print("[bold red]Error:[/]", end=" ")
    console.print(str(error), markup=False)
