"""Values that a person may be offered while filling in a prompt or an address."""

from server.completions.values import complete

__all__ = ["complete"]
