"""Runs a command line; whatever fails is one line on standard error, and never a traceback."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

from cyclopts import App, CycloptsError, MissingArgumentError, UnknownCommandError, UnusedCliTokensError
from rich.console import Console

from server.errors import RetailError

REFUSED = 2
INTERRUPTED = 130
# Of a failure that nobody foresaw: enough to find the place.
_FRAMES = 3


def run(app: App, arguments: list[str] | None = None) -> None:
    """Run the command that the arguments name, those of the process by default, and exit."""
    # Processes that this one starts import nothing from the working directory.
    os.environ.setdefault("PYTHONSAFEPATH", "1")
    try:
        try:
            app(arguments, print_error=False, exit_on_error=False)
        finally:
            sys.stdout.flush()
    except CycloptsError as error:
        _print_error(_to_sentence(error, app.name[0]))
    except RetailError as error:
        report_error(error)
    except BrokenPipeError:
        # Whoever read the output has seen enough; the interpreter must not try to write the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except OSError as error:
        place = f" {error.filename}" if error.filename else ""
        _print_error(f"The file or connection{place} cannot be used: {error.strerror or type(error).__name__}.")
    except UnicodeEncodeError:
        _print_error("An argument is not valid UTF-8. Type it instead of pasting it.")
    except Exception as error:  # noqa: BLE001 - the last place where it can be told
        _report_unexpected(error)
    else:
        return
    sys.exit(REFUSED)


def report_error(error: RetailError) -> None:
    """Write an error for the operator."""
    _print_error(str(error))


def _print_error(text: str) -> None:
    # Standard output is for what a program may read: a token, a key, the protocol.
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print("[bold red]Error:[/]", end=" ")
    console.print(text, markup=False)


def _report_unexpected(error: BaseException) -> None:
    """Tell the kind and the place of a failure; its text may hold values."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, RetailError):
        report_error(error)
        return
    places = [
        f"{Path(frame.filename).parent.name}/{Path(frame.filename).name}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    ]
    _print_error(
        f"This should not have happened: {type(error).__name__} in {' > '.join(places)}. "
        "Please report it with the command, leaving out secrets."
    )


def _to_sentence(error: CycloptsError, program: str) -> str:
    """What is wrong with a command line, in one line, and where to look the right one up."""
    command = " ".join((program, *(error.command_chain or ())))
    if isinstance(error, MissingArgumentError) and error.argument is not None and _is_left_out(error):
        name, is_positional = error.argument.name, error.argument.field_info.is_positional
        text = f"{command} needs {name.strip('-').upper() if is_positional else name}."
    elif not isinstance(error, UnusedCliTokensError) or not error.unused_tokens:
        text = " ".join(str(error).split())
    elif error.command_chain:
        text = f"{command} takes no {error.unused_tokens[0]!r}."
    else:
        text = str(UnknownCommandError(unused_tokens=error.unused_tokens, app=error.app, verbose=False))
    return f"{text} See: {command} --help"


def _is_left_out(error: MissingArgumentError) -> bool:
    """Whether nothing on the command line was meant for it."""
    return error.argument is not None and not (error.argument.tokens or error.tokens_so_far or error.unused_tokens)
