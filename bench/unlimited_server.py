"""The server over HTTP without limits of calls and requests: what a flood does where nothing bounds it.

Run as a child process with the environment of `retail-mcp http`. No setting does this.
"""

from __future__ import annotations

from unittest.mock import patch

from server.cli.serve import http
from server.tenancy.call_limits import CallLimits
from server.transport.http_limits import HttpLimits

if __name__ == "__main__":
    with (
        patch.object(CallLimits, "of", lambda *_: CallLimits.none()),
        patch.object(HttpLimits, "of", lambda *_: HttpLimits.none()),
    ):
        http()
