"""How a person is reached.

Each function returns None for an empty value and raises a fault for one that it cannot read.
"""

from __future__ import annotations

import re
from typing import Final

from server.imports.fields.texts import code, fault, quoted, text

MAX_EMAIL: Final = 100
MAX_PHONE: Final = 30

_EMAIL: Final = re.compile(r"[^\s@<>,;:\"]+@[^\s@<>,;:\"]+")
_PHONE: Final = re.compile(r"[0-9+()/.\-\s#*xX]*[0-9][0-9+()/.\-\s#*xX]*", re.ASCII)


def email(value: object) -> str | None:
    """An e-mail address in lower case, as it is stored."""
    found = text(value, MAX_EMAIL)
    if found is None:
        return None
    if not _EMAIL.fullmatch(found):
        raise fault(f"{quoted(found)} is not an e-mail address", "Write the bare address, like ann@example.com.")
    return found.lower()


def phone(value: object) -> str | None:
    """A telephone number in the notation of the file."""
    found = code(value, MAX_PHONE)
    if found is not None and not _PHONE.fullmatch(found):
        raise fault(
            f"{quoted(found)} is not a telephone number", "Write digits, blanks and the signs + ( ) / - . only."
        )
    return found
