"""The question that the README asks from the shell, as it is printed there."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

from tests.support import Retailer
from tests.transport.processes import ROOT, environment
from tests.transport.serving import serving

PRINTED_URL = "http://127.0.0.1:8000/mcp"


async def test_the_first_question_is_answered(demo: Retailer, tmp_path: Path) -> None:
    printed = re.search(r"^\.venv/bin/fastmcp (.*)$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert printed is not None
    token = await demo.token("seattle")
    async with serving(demo) as served:
        given = {PRINTED_URL: served.url, "TOKEN": token}
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("fastmcp")),
            *(given.get(part, part) for part in shlex.split(printed[1])),
            cwd=tmp_path,
            env=environment(HOME=str(tmp_path)),
            stdout=PIPE,
            stderr=PIPE,
        )
        out, err = await process.communicate()

    assert process.returncode == 0, err.decode() + out.decode()
    answer = json.loads(out)
    assert answer["store_id"] == "seattle"
    assert len(answer["rows"]) >= 12
