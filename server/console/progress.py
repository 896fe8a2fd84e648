"""How far a long command is: on standard error and on a terminal alone. A mail of cron or a log is not the place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Show = Callable[[str, int, int | None], None]


def stderr_console() -> Console:
    """Standard error, where lines are never broken: a width that nobody chose would cut paths and commands in two."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def bar(name: str, total: int | None) -> Iterator[Show]:
    """A progress bar while the block runs.

    Yields:
        A function that takes phase, done and total (None: not known beforehand).
    """
    console = stderr_console()
    if not console.is_interactive:
        yield _show_nothing
        return
    count = TextColumn("{task.completed:,.0f}") if total is None else MofNCompleteColumn()
    columns = (TextColumn("{task.description:<24}"), BarColumn(), count, TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(name, total=total)

        def show(phase: str, done: int, total: int | None) -> None:
            progress.update(task, description=phase, completed=done, total=total)

        yield show


@contextmanager
def status() -> Iterator[Callable[[str], None]]:
    """One line that says what is done now, while the block runs.

    Yields:
        A function that takes what is done.
    """
    console = stderr_console()
    if not console.is_interactive:
        yield _say_nothing
        return
    with console.status("") as shown:
        yield shown.update


def _show_nothing(phase: str, done: int, total: int | None) -> None:
    """Stand in for a bar where nobody watches."""


def _say_nothing(what: str) -> None:
    """Stand in for the line where nobody watches."""
