"""Commands about people and programs that may ask."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from cyclopts import App
from rich.table import Table

from server.calls.principal import Role
from server.cli.operator import as_operator
from server.cli.tables import print_table
from server.config import load_settings
from server.errors import InvalidInputError
from server.operations.admin.principals import (
    ExternalIdentity,
    add_principal,
    grant_store,
    list_principals,
    revoke_principal,
    revoke_store,
)

app = App(name="principal", help="Say who may ask, and about which stores.")


@app.command
def add(*, subject: str, issuer: str | None = None, external_subject: str | None = None) -> None:
    """Make a principal, or let a revoked one in again; it may enter nothing until `principal grant`.

    Args:
        subject: Stable name of the person or program, as the audit log will show it.
        issuer: Identity provider that vouches for it; by default RETAIL_JWT_ISSUER.
        external_subject: Its `sub` there. Leave out for a principal that uses tokens of this server only.
    """
    identity = None
    if external_subject is not None:
        issuer = issuer or load_settings().jwt_issuer
        if issuer is None:
            raise InvalidInputError("Name the identity provider with --issuer, or set RETAIL_JWT_ISSUER.")
        identity = ExternalIdentity(issuer, external_subject)
    elif issuer is not None:
        raise InvalidInputError("--issuer goes with --external-subject. Name both, or neither.")
    as_operator(lambda connection: add_principal(connection, subject, identity))
    print(f"{subject} is known. Let it into a store with: retail-mcp principal grant")  # noqa: T201


@app.command
def grant(*, subject: str, store: str, role: Role, until: date | None = None) -> None:
    """Let a principal into a store; a role that it has there is replaced.

    Args:
        subject: The principal.
        store: The store.
        role: What it may do there.
        until: Last day of the access, by UTC; without it, it does not end by itself.
    """
    if until == date.max:
        raise InvalidInputError("--until is the last day that there is. Leave it out for access without end.")
    end = datetime.combine(until + timedelta(days=1), time(), UTC) if until else None
    held = as_operator(lambda connection: grant_store(connection, subject, store, role, until=end))
    was = f" (was {held})" if held not in (None, role) else ""
    print(f"{subject} is {role} in {store}{was}{f' until {until}' if until else ''}.")  # noqa: T201


@app.command
def revoke(*, subject: str, store: str | None = None) -> None:
    """End a principal's access to a store, or everything that it has; effective on its next call.

    Args:
        subject: The principal.
        store: The store; without it all access, tokens and identities end and the principal is deactivated.
    """
    if store is not None:
        as_operator(lambda connection: revoke_store(connection, subject, store))
        print(f"{subject} has no access to {store} any more.")  # noqa: T201
    else:
        as_operator(lambda connection: revoke_principal(connection, subject))
        print(f"{subject} is revoked: no access, no tokens, no identity.")  # noqa: T201


@app.command(name="list")
def list_() -> None:
    """List all principals."""
    table = Table("subject", "state", "access", "identities", "tokens", box=None)
    for principal in as_operator(list_principals):
        state = "active" if principal.is_active else "revoked"
        table.add_row(
            principal.subject,
            state,
            ", ".join(principal.access),
            ", ".join(principal.identities),
            str(principal.tokens),
        )
    print_table(table)
