"""Commands that do not serve start without what serves, which takes longer to import than most of them run."""

from __future__ import annotations

import subprocess
import sys

import pytest

from server.cli.app import _COMMANDS

SERVING = {"http", "stdio", "bridge", "call", "doctor"}
MODULES = sorted({path.partition(":")[0] for name, path in _COMMANDS.items() if name not in SERVING})


@pytest.mark.parametrize("modules", [MODULES, ["seed.__main__"]], ids=["server", "seed"])
def test_a_command_that_does_not_serve_imports_no_framework(modules: list[str]) -> None:
    code = f"import sys, {', '.join(modules)}\nprint(sorted({{'fastmcp', 'mcp', 'starlette'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
