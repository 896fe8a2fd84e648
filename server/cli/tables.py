"""Tables on standard output: as wide as the terminal for a person, whole for everything else."""

from __future__ import annotations

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

# Wider than any table of ours; rich needs a number.
_UNLIMITED = 1_000_000


def stdout_console() -> Console:
    """Standard output, which shows texts of others as they are: no markup, no emoji, no colours of its own."""
    return Console(soft_wrap=True, highlight=False, markup=False, emoji=False)


def print_table(table: Table) -> None:
    """Print a table without losing anything of it where nobody could widen the window: in a file, a pipe, a mail."""
    console = stdout_console()
    if not console.is_terminal:
        console.width = Measurement.get(console, console.options.update(width=_UNLIMITED), table).maximum
    console.print(table)
