"""The key that signs store contexts: where it is read from, and a running server's change to a new one."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from server.errors import ConfigurationError, RetailError
from server.process.background import background, repeat
from server.tenancy.context_token import ContextSigner

logger = logging.getLogger(__name__)

MIN_KEY_LENGTH = 32
_LOOK_EVERY_SECONDS = 1.0

# What changes with a file's content or access: its place on the disk, size, time of change. None: there is no file.
_Version = tuple[int, int, int] | None
_NEVER_READ: _Version = (-1, -1, -1)


def read_key(path: Path) -> str:
    """The secret in a file that holds it alone; white space around it does not count.

    Raises:
        ConfigurationError: The file cannot be read, or holds no secret of the length that one must have.
    """
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The signing key cannot be read from {path} ({type(error).__name__}). Check RETAIL_CONTEXT_KEY_FILE and "
            "that this user may read the file."
        ) from None
    if len(text) < MIN_KEY_LENGTH:
        raise ConfigurationError(
            f"{path} holds no signing key: it must have at least {MIN_KEY_LENGTH} characters. "
            "Make one with: retail-mcp key generate"
        )
    return text


class SigningKey:
    """The key in use, which a running server exchanges when its file changes.

    Args:
        key: The secret.
        path: File that it was read from; None for one that cannot change while the server runs.
    """

    def __init__(self, key: str, path: Path | None = None) -> None:
        self.signer = ContextSigner(key)
        self._path = path
        # Read once more: it may have changed since `key` was read.
        self._seen: _Version = _NEVER_READ
        self._next: ContextSigner | None = None

    @asynccontextmanager
    async def followed(self, knows: Callable[[str], Awaitable[bool]]) -> AsyncIterator[None]:
        """Take up new keys while the block runs.

        Args:
            knows: Whether the database accepts the key with this id; one that it does not is not used.
        """
        if self._path is None:
            yield
            return
        async with background(repeat(partial(self._follow, knows), lambda: _LOOK_EVERY_SECONDS, pause_first=True)):
            yield

    async def _follow(self, knows: Callable[[str], Awaitable[bool]]) -> None:
        self._look()
        if self._next is None:
            return
        try:
            known = await knows(self._next.kid)
        except RetailError:
            # It has not said no; ask again.
            return
        if known:
            logger.info("Signing key %s took the place of %s", self._next.kid, self.signer.kid)
            self.signer, self._next = self._next, None

    def _look(self) -> None:
        """Read the file if it changed."""
        version = self._version()
        if version == self._seen:
            return
        self._seen = version
        self._next = None
        assert self._path is not None
        try:
            found = ContextSigner(read_key(self._path))
        except ConfigurationError as error:
            logger.warning("Signing key %s stays in use. %s", self.signer.kid, error)
            return
        if found.kid != self.signer.kid:
            logger.info("Signing key %s is used as soon as the database knows it", found.kid)
            self._next = found

    def _version(self) -> _Version:
        assert self._path is not None
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_size, status.st_ctime_ns
