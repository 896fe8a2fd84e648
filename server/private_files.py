"""Files that only their owner may read."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Replace a file with `text`, mode 0600, in one step."""
    unfinished = _unfinished(path, text)
    unfinished.replace(path)


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
