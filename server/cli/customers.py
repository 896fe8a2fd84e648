"""Commands about what a store holds of its customers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from pydantic import ValidationError

from server.cli.operator import as_operator
from server.errors import InvalidInputError
from server.operations.admin.customers import (
    ErasedCustomer,
    erase_customer,
    export_customer,
    find_customer,
    list_erased,
    repeat_erasures,
)
from server.process.private_files import write_private

app = App(name="customer", help="Export and erase customers.")

_CONFIRMATION = "erase"
Yes = Annotated[bool, Parameter(negative=())]


@app.command
def export(customer: str, *, store: str, output: Path | None = None) -> None:
    """Print everything that a store holds about a customer, as JSON; docs/privacy.md describes the format.

    Args:
        customer: Id or e-mail address.
        store: Store whose customer it is.
        output: File to write instead, readable by its owner only; one that exists is replaced.
    """
    exported = as_operator(lambda connection: export_customer(connection, store, customer))
    _deliver(exported.model_dump_json(indent=2) + "\n", output)


@app.command
def erase(customer: str, *, store: str, yes: Yes = False) -> None:
    """Remove every personal value of a customer, for good; the receipts stay, without a name.

    Args:
        customer: Id or e-mail address.
        store: Store whose customer it is.
        yes: Do not ask.
    """
    if not yes:
        _require_terminal()
        found = as_operator(lambda connection: find_customer(connection, store, customer))
        _confirm(
            f"Customer {found.customer_id} of {store}, known by {found.receipts} receipt(s), will be erased. "
            "This cannot be undone."
        )
    found = as_operator(lambda connection: erase_customer(connection, store, customer))
    if found.erased_at is not None:
        print(f"Customer {found.customer_id} of {store} was erased already, on {found.erased_at:%Y-%m-%d}.")  # noqa: T201
    else:
        print(  # noqa: T201
            f"Customer {found.customer_id} of {store} is erased; {found.receipts} receipt(s) stay without a name. "
            "Write the list of erasures anew: retail-mcp customer erased"
        )


@app.command
def erased(*, output: Path | None = None) -> None:
    """List all erasures, one JSON object a line: to be kept beside backups and repeated after a restore.

    Args:
        output: File to write instead, readable by its owner only; one that exists is replaced.
    """
    listed = as_operator(list_erased)
    _deliver("".join(f"{customer.model_dump_json()}\n" for customer in listed), output)


@app.command
def erase_again(list_file: Path, *, yes: Yes = False) -> None:
    """Repeat the erasures of a list in a database that was restored from an older backup.

    Args:
        list_file: What `customer erased` wrote.
        yes: Do not ask.
    """
    listed = _read_list(list_file)
    if not yes:
        _require_terminal()
        _confirm(f"The {len(listed)} customer(s) of this list will be erased. This cannot be undone.")
    done = as_operator(lambda connection: repeat_erasures(connection, listed))
    print(  # noqa: T201
        f"Erased {done.erased} customer(s) again; {done.erased_before} were erased already, "
        f"{done.absent} are not in this database."
    )


def _deliver(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(text)
        return
    try:
        write_private(output, text)
    except OSError as error:
        raise InvalidInputError(f"The file cannot be written ({error.strerror}). Name another with --output.") from None


def _read_list(path: Path) -> list[ErasedCustomer]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise InvalidInputError(
            "The list cannot be read. Name a file that retail-mcp customer erased --output FILE wrote."
        ) from None
    listed = []
    for number, line in enumerate(lines, start=1):
        try:
            listed.append(ErasedCustomer.model_validate_json(line))
        except ValidationError:
            raise InvalidInputError(
                f"Line {number} of the list is no erasure; nothing was erased. Each line is an object with store_id, "
                "customer_id and erased_at, as retail-mcp customer erased writes it."
            ) from None
    return listed


def _require_terminal() -> None:
    if not sys.stdin.isatty():
        raise InvalidInputError(
            "Nothing was erased: standard input is no terminal, so nobody can confirm. Add --yes to erase without a "
            "question."
        )


def _confirm(what: str) -> None:
    # On standard error, which is where a person looks when standard output goes to a file.
    sys.stderr.write(f"{what}\nType {_CONFIRMATION} to go on: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != _CONFIRMATION:
        raise InvalidInputError(f"Nothing was erased: the answer was not {_CONFIRMATION}.")
