"""Files that only their owner may read."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Replace a file with `text`, mode 0600, in one step; what is no file, such as /dev/stdout, is written to.

    Raises:
        OSError: It cannot be written; what was there stays.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        path.write_text(text, encoding="utf-8")
        return
    unfinished = _unfinished(path, text)
    try:
        unfinished.replace(path)
    except OSError:
        unfinished.unlink()
        raise


def replace_secret(path: Path, text: str) -> None:
    """Replace a file with `text` in one step; who could read the old one can read the new one and nobody else.

    Raises:
        OSError: The file cannot be replaced so; the old one stays.
    """
    unfinished = _unfinished(path, text)
    try:
        with suppress(FileNotFoundError):
            old, new = path.stat(), unfinished.stat()
            unfinished.chmod(old.st_mode & 0o777)
            if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
                os.chown(unfinished, old.st_uid, old.st_gid)
        unfinished.replace(path)
    except OSError:
        unfinished.unlink()
        raise


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


def _unfinished(path: Path, text: str) -> Path:
    # mkstemp creates the file for its owner alone.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return Path(name)
