"""The database that a backup is restored into: it takes the same letters for the same as the one that was backed up."""

from __future__ import annotations

import logging
from typing import Any

from server.db.driver import FeatureNotSupportedError, InvalidParameterValueError, WrongObjectTypeError
from server.db.locale import NEW_DATABASE
from server.db.queries import QueryFile
from server.errors import ConfigurationError
from server.operations.backup.archive import Locale

logger = logging.getLogger(__name__)

QUERIES = QueryFile("server.operations.backup", "destination.sql")
_OWN_LOCALE = QUERIES.statement("own_locale")
_CREATION = QUERIES.statement("creation")
# What `create database` answers for a locale that the machine, the version or the build lacks.
_NO_SUCH_LOCALE = (WrongObjectTypeError, FeatureNotSupportedError, InvalidParameterValueError)


async def own_locale(connection: Any) -> Locale:
    """Locale of the database of an asyncpg connection."""
    return Locale.model_validate(dict(await connection.fetchrow(_OWN_LOCALE)))


async def create_database(connection: Any, name: str, locale: Locale | None) -> None:
    """Make an empty database.

    Args:
        connection: asyncpg connection of a superuser.
        name: Its name.
        locale: Its locale. The one that new databases should have where it is not known, or not to be had here.

    Raises:
        ConfigurationError: This server has neither.
    """
    if locale is not None:
        fields = (locale.encoding, locale.provider, locale.collate, locale.ctype, locale.locale, locale.icu_rules)
        creation = await connection.fetchval(_CREATION, name, *fields)
        try:
            await connection.execute(creation)
        except _NO_SUCH_LOCALE:
            logger.warning(
                "This server lacks the locale of the database that was backed up (%s). The new one gets PostgreSQL's "
                "own, C.UTF-8: capital and small letters are told as before, the order of names may differ",
                locale,
            )
        else:
            return
    try:
        await connection.execute(f'create database "{name}" {NEW_DATABASE}')
    except _NO_SUCH_LOCALE:
        raise ConfigurationError(
            "The machine of this PostgreSQL has no locale C.UTF-8, and the backup names no other that it has. Make an "
            "empty database as in section 1 of docs/operations.md, and name it as the one to restore into."
        ) from None
