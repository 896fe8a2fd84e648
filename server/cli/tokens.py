"""Commands about bearer tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from cyclopts import App
from rich.table import Table

from server.calls.principal import Role
from server.cli.operator import as_operator
from server.cli.tables import print_table
from server.console.numbers import whole
from server.errors import InvalidInputError
from server.operations.admin.tokens import issue_token, list_tokens, revoke_subject, revoke_token

# Of a bigint.
_HIGHEST_ID = 2**63 - 1

app = App(name="token", help="Issue, list and revoke bearer tokens.")


@app.command
def issue(
    *,
    subject: str,
    store: list[str],
    role: Role,
    days: Annotated[int, whole(gte=1, lte=3650)] = 90,
    note: str | None = None,
    change_role: bool = False,
) -> None:
    """Make a token and print it, alone on one line; it is shown this once and kept nowhere.

    Args:
        subject: Stable name of the person or program that will use it.
        store: Store that it may enter; repeat for several.
        role: Its role in these stores.
        days: Days until it expires.
        note: What it is for, shown by `token list`.
        change_role: Replace another role that the subject has in one of these stores.
    """
    lifetime = timedelta(days=days)
    issued = as_operator(
        lambda connection: issue_token(
            connection, subject, store, role, lifetime=lifetime, note=note, change_role=change_role
        )
    )
    print(issued.token)  # noqa: T201


@app.command(name="list")
def list_() -> None:
    """List all tokens, without their text."""
    table = Table("id", "subject", "access", "state", "expires", "note", box=None)
    for token in as_operator(list_tokens):
        table.add_row(
            str(token.token_id),
            token.subject,
            ", ".join(token.access),
            token.state,
            f"{token.expires_at:%Y-%m-%d}",
            token.note or "",
        )
    print_table(table)


@app.command
def revoke(
    token_id: Annotated[int | None, whole(gte=1, lte=_HIGHEST_ID)] = None, *, subject: str | None = None
) -> None:
    """Revoke one token, or all tokens of a subject; effective on the next call.

    Args:
        token_id: Number of the token, as `token list` shows it.
        subject: Revoke every token of this subject instead.
    """
    if (token_id is None) == (subject is None):
        raise InvalidInputError("Name either the id of one token (see: token list) or --subject NAME.")
    if token_id is not None:
        as_operator(lambda connection: revoke_token(connection, token_id))
        print(f"Token {token_id} is revoked.")  # noqa: T201
    elif subject is not None:
        count = as_operator(lambda connection: revoke_subject(connection, subject))
        print(f"Revoked {count} token(s) of {subject}.")  # noqa: T201
