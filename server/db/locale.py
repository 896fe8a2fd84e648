"""Whether a database knows letters beyond ASCII. Its locale decides, and that it keeps for good."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from server.db.queries import QueryFile

QUERIES = QueryFile("server.db", "locale.sql")

LOCALE = "locale_provider builtin builtin_locale 'C.UTF-8' locale 'C' lc_ctype 'C.UTF-8'"
"""Of a new database in SQL: the same order and case on every machine, and the system's word on what is a letter."""

NEW_DATABASE = f"template template0 encoding 'UTF8' {LOCALE}"
"""What stands behind the name in `create database`."""


class Letters(BaseModel):
    """What a database makes of text beyond ASCII.

    Attributes:
        folds: It knows which capital letter belongs to which small one.
        finds: So does full text search, which also tells letters from punctuation.
    """

    folds: bool
    finds: bool


LETTERS = QUERIES.query("letters", Letters)


def fault_of(letters: Letters) -> str | None:
    """What is wrong, and how to get a database without it; None when nothing is."""
    if letters.folds and letters.finds:
        return None
    fault = (
        "takes É and é for two letters" if not letters.folds else "takes punctuation beyond ASCII for letters in search"
    )
    return (
        f"The locale of this database {fault}, so that searches miss names and products. A database keeps its locale: "
        f"make another one with: create database NAME {NEW_DATABASE}"
    )


async def fault_in(connection: Any) -> str | None:
    """What `fault_of` says of the database of an asyncpg connection; None for an encoding that is none of ours."""
    if await connection.fetchval("show server_encoding") != "UTF8":
        return None
    return fault_of(Letters.model_validate(dict(await connection.fetchrow(LETTERS.sql))))
