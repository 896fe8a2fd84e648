"""The server over HTTP without the audit of tool calls: what is left of a call's CPU without it.

Run as a child process with the environment of `retail-mcp http`. No setting does this.
"""

from __future__ import annotations

from functools import partial
from unittest.mock import patch

from server.app import build
from server.cli import serve

if __name__ == "__main__":
    with patch.object(serve, "build", partial(build, audited=False)):
        serve.http()
