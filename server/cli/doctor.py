"""Commands that look an installation over."""

from __future__ import annotations

import asyncio
import sys

from rich.table import Table
from rich.text import Text

from server.cli.tables import print_table
from server.config import Settings, load_settings
from server.operations.deployment import Deployment, open_deployment, prepare_embedded
from server.operations.doctor.checks import Finding, examine

_FAULTY = 1


def doctor() -> None:
    """Find the usual faults of an installation, and say how to mend each; exit code 1 when there is one."""
    settings = load_settings()
    with open_deployment(settings) as deployment:
        findings = asyncio.run(_examined(settings, deployment))
    table = Table(box=None, show_header=False)
    for finding in findings:
        verdict = Text("fault", style="bold red") if finding.is_fault else Text("ok", style="green")
        table.add_row(verdict, finding.check, finding.text)
    print_table(table)
    if any(finding.is_fault for finding in findings):
        sys.exit(_FAULTY)


async def _examined(settings: Settings, deployment: Deployment) -> list[Finding]:
    if deployment.embedded:
        await prepare_embedded(deployment)
    return [finding async for finding in examine(settings, deployment)]
