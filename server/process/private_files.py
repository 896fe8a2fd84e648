"""Files that only their owner may read."""

from __future__ import annotations

import errno
import os
import stat
import sys
import tempfile
from contextlib import suppress
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Replace a file with `text`, mode 0600, in one step.

    What is no file of its own is written to and stays what it is: a link, such as /dev/stdout, a pipe, a device.

    Raises:
        OSError: It cannot be written, or is a directory; what was there stays.
    """
    if os.path.lexists(path) and not _is_ordinary(path):
        with open(path, "w", encoding="utf-8", opener=private_opener) as file:
            file.write(text)
        return
    _replace(path, _unfinished(path, text))


def private_opener(path: str, flags: int) -> int:
    """Open what a path leads to for writing, and a file for its owner alone from then on: an `opener` of `open`.

    What standard output or error leads to already, such as a file behind a shell's >, is written on where it is.
    """
    descriptor = os.open(path, flags & ~os.O_TRUNC, 0o600)
    try:
        found = os.fstat(descriptor)
        for stream in (sys.stdout, sys.stderr):
            # None, or no file, where a program has put something else in its place.
            with suppress(AttributeError, OSError):
                if os.path.samestat(found, os.fstat(stream.fileno())):
                    stream.flush()
                    os.dup2(stream.fileno(), descriptor, inheritable=False)
                    return descriptor
        if stat.S_ISREG(found.st_mode):
            os.fchmod(descriptor, 0o600)
            os.ftruncate(descriptor, 0)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def replace_secret(path: Path, text: str) -> None:
    """Replace a file with `text` in one step; who could read the old one can read the new one and nobody else.

    Of a link, the file that it leads to is replaced.

    Raises:
        OSError: The file cannot be replaced so; the old one stays.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "Not a file")
    unfinished = _unfinished(path, text)
    try:
        with suppress(FileNotFoundError):
            old, new = path.stat(), unfinished.stat()
            unfinished.chmod(old.st_mode & 0o777)
            if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
                os.chown(unfinished, old.st_uid, old.st_gid)
    except OSError:
        unfinished.unlink()
        raise
    _replace(path, unfinished)


def keep_private(path: Path, text: str) -> str:
    """Create a file with `text`, mode 0600, unless it exists; returns what it holds afterwards.

    Two processes that start at once agree on one text.
    """
    unfinished = _unfinished(path, text)
    try:
        path.hardlink_to(unfinished)
    except FileExistsError:
        return path.read_text(encoding="utf-8")
    finally:
        unfinished.unlink()
    return text


def _is_ordinary(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _replace(path: Path, unfinished: Path) -> None:
    try:
        unfinished.replace(path)
    except OSError:
        unfinished.unlink()
        raise


def _unfinished(path: Path, text: str) -> Path:
    # mkstemp creates the file for its owner alone.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return Path(name)
