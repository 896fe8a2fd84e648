"""One of a few words.

Each reader returns None for an empty value and raises a fault for a word that is none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from server.imports.fields.texts import fault, quoted
from server.imports.fields.vocabulary import normalised


def choice(words: Collection[str]) -> Callable[[object], str | None]:
    """A reader of these words, whatever their case; a blank or a hyphen is as good as an underscore."""

    def read(value: object) -> str | None:
        if value is None:
            return None
        word = normalised(value) if isinstance(value, str) else quoted(value)
        if not word:
            return None
        if word not in words:
            raise fault(f"{quoted(value)} is none of {', '.join(words)}", "Write one of them.")
        return word

    return read
