"""Programs from npm, in the versions that this project is judged by."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

PACKAGES = (
    # The two others need a younger Node than many systems have.
    "node@22.23.3",
    "@modelcontextprotocol/conformance@0.2.0-alpha.12",
    "@modelcontextprotocol/inspector@2.12.0",
)
# Only where npm has not kept the packages from an earlier time.
_DOWNLOAD_SECONDS = 400
_RUN_SECONDS = 180


@dataclass(frozen=True)
class Programs:
    """The programs of PACKAGES.

    Attributes:
        path: Where they are, as the variable PATH.
    """

    path: str

    @classmethod
    async def installed(cls) -> Programs:
        """Have npm fetch them into its cache; nothing is installed for the system or the project."""
        # npm's own notices come on standard error, and some of them last.
        code, out, told = await _finished(
            ["npx", "--yes", *(f"--package={name}" for name in PACKAGES), "--", "printenv", "PATH"],
            dict(os.environ),
            _DOWNLOAD_SECONDS,
        )
        assert code == 0, out + told
        return cls(out.splitlines()[-1])

    async def run(self, *command: str, **variables: str) -> tuple[int, str]:
        """Run one to its end.

        Args:
            command: The program and its arguments.
            variables: Of its environment, besides those of this process.

        Returns:
            The exit code and all that it wrote.
        """
        code, out, told = await _finished(
            list(command), os.environ | {"PATH": self.path, "NO_COLOR": "1"} | variables, _RUN_SECONDS
        )
        return code, out + told


async def _finished(command: list[str], env: Mapping[str, str], seconds: float) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=env, start_new_session=True
    )
    try:
        out, told = await asyncio.wait_for(process.communicate(), seconds)
    except TimeoutError:
        raise AssertionError(f"{command[0]} did not end within {seconds} seconds") from None
    finally:
        # What it started outlives it otherwise.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode is not None
    return process.returncode, out.decode(errors="replace"), told.decode(errors="replace")
