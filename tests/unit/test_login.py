from __future__ import annotations

import base64
from typing import Any

import pytest

from server.errors import ConfigurationError
from server.operations.admin.login import scram_verifier, set_login_password


class Recorder:
    """Stands for a connection: what is asked is which statement would be sent."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    async def execute(self, statement: str) -> None:
        self.statements.append(statement)


def test_verifier_is_the_example_of_rfc_7677() -> None:
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    assert scram_verifier("pencil", salt) == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ=="
        "$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )


async def test_database_gets_a_verifier_and_never_the_password() -> None:
    connection: Any = Recorder()
    await set_login_password(
        connection, "mcp_auth", "RETAIL_AUTH_DATABASE_URL", "postgresql://mcp_auth:p%40ss-w0rd@db/retail"
    )
    (statement,) = connection.statements
    assert statement.startswith("alter role mcp_auth password 'SCRAM-SHA-256$4096:")
    assert "p@ss-w0rd" not in statement


@pytest.mark.parametrize(
    "url",
    [None, "postgresql://mcp_user@db/retail", "postgresql://postgres:secret@db/retail", "postgresql://mcp_user:é@db/r"],
    ids=["no URL", "no password", "another login", "not ASCII"],
)
async def test_url_without_a_usable_password_is_refused_and_not_repeated(url: str | None) -> None:
    connection: Any = Recorder()
    with pytest.raises(ConfigurationError) as refused:
        await set_login_password(connection, "mcp_user", "RETAIL_DATABASE_URL", url)
    assert "RETAIL_DATABASE_URL" in str(refused.value)
    assert "secret" not in str(refused.value)
    assert connection.statements == []
