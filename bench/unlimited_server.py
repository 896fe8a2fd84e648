"""The server over HTTP without the limits of `server.tenancy.limits`: what a flood does where nothing bounds it.

Run as a child process with the environment of `retail-mcp http`. No setting does this.
"""

from __future__ import annotations

from unittest.mock import patch

from server.cli.serve import http
from server.tenancy.limits import Limits

if __name__ == "__main__":
    with patch.object(Limits, "of", lambda _: Limits.none()):
        http()
