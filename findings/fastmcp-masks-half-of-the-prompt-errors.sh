#!/usr/bin/env bash
# FastMCP with mask_error_details=True: which errors of a prompt are masked?
#
# fastmcp 4.1.2, mcp 2.3.0, pydantic 2.14.3, Python 3.11, seen on 2026-12-01.
# The option hides what went wrong where the reader could act on it, and shows what it was set to hide:
# - A required argument that is missing: "Error rendering prompt 'find'", without the argument's name.
# - An argument of the wrong type: its whole value, the Python annotation with FieldInfo, and an address of
#   errors.pydantic.dev.
# Both are -32603, internal error, although both are the caller's to mend (-32602); both write a traceback into the log,
# the second with the value once more. A prompt argument that does not exist is ignored without a word.
#
# Exit 0: as stated; 1: it behaves otherwise now; 2: could not be set up.
set -u
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv" && "$work/venv/bin/pip" install --quiet fastmcp==4.1.2 mcp==2.3.0 pydantic==2.14.3 >&2 || exit 2
cat > "$work/ask.py" <<'PY'
import asyncio
from typing import Annotated

from fastmcp import Client, FastMCP
from mcp import MCPError
from pydantic import Field

server = FastMCP("shop", mask_error_details=True)


@server.prompt
def find(wish: str, most: Annotated[int, Field(ge=1)] = 5) -> str:
    """Find a product."""
    return f"wish={wish!r} most={most!r}"


async def main() -> None:
    async with Client(server) as client:
        for name, arguments in (
            ("missing", {}),
            ("wrong type", {"wish": "mug", "most": "MARKER of a customer"}),
            ("unknown", {"wish": "mug", "colour": "red"}),
        ):
            try:
                answer = await client.get_prompt("find", arguments)
                print(f"{name}: {answer.messages[0].content.text}")
            except MCPError as error:
                text = str(error)
                shown = [word for word in ("wish", "MARKER", "FieldInfo", "errors.pydantic.dev") if word in text]
                print(f"{name}: {error.error.code}, shows {shown}")


asyncio.run(main())
PY
seen=$("$work/venv/bin/python" "$work/ask.py" 2>"$work/log") || exit 2
seen="$seen
log: $(grep -q Traceback "$work/log" && echo tracebacks), $(grep -q MARKER "$work/log" && echo the value)"
printf '%s\n' "$seen"
expected="missing: -32603, shows []
wrong type: -32603, shows ['MARKER', 'FieldInfo', 'errors.pydantic.dev']
unknown: wish='mug' most=5
log: tracebacks, the value"
[ "$seen" = "$expected" ] || { echo "It behaves otherwise now." >&2; exit 1; }
