#!/usr/bin/env bash
# FastMCP: what does a prompt get when a client sends the JSON null that the description of an optional argument offers?
#
# fastmcp 4.1.2, mcp 2.3.0, Python 3.11, seen on 2026-12-01.
# An argument declared `str | None` is described to clients as
#   Provide a value matching the following JSON schema: {"anyOf":[{"type":"string"},{"type":"null"}]}. Encode non-string
#   values as JSON.
# A client that follows it and sends the text `null` gets the word "null" into the prompt: a string type takes the text
# as it stands and nothing is decoded. FastMCP's own client does the same to a None. An `int | None` beside it is decoded.
# So "leave it out" and "null" are two requests, and the second asks for a brand or a customer called null.
#
# Exit 0: as stated; 1: it behaves otherwise now; 2: could not be set up.
set -u
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv" && "$work/venv/bin/pip" install --quiet fastmcp==4.1.2 mcp==2.3.0 >&2 || exit 2
cat > "$work/ask.py" <<'PY'
import asyncio

from fastmcp import Client, FastMCP

server = FastMCP("shop")


@server.prompt
def find(wish: str, brand: str | None = None, most: int | None = None) -> str:
    """Find a product."""
    return f"wish={wish!r} brand={brand!r} most={most!r}"


async def main() -> None:
    async with Client(server) as client:
        (prompt,) = await client.list_prompts()
        brand = next(argument for argument in prompt.arguments if argument.name == "brand")
        print("described:", " ".join(brand.description.split()))
        for arguments in ({}, {"brand": "null", "most": "null"}, {"brand": None}):
            answer = await client.get_prompt("find", {"wish": "mug", **arguments})
            print(arguments, "->", answer.messages[0].content.text)


asyncio.run(main())
PY
seen=$("$work/venv/bin/python" "$work/ask.py" 2>/dev/null) || exit 2
printf '%s\n' "$seen"
expected="described: Provide a value matching the following JSON schema: {\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}. Encode non-string values as JSON.
{} -> wish='mug' brand=None most=None
{'brand': 'null', 'most': 'null'} -> wish='mug' brand='null' most=None
{'brand': None} -> wish='mug' brand='null' most=None"
[ "$seen" = "$expected" ] || { echo "It behaves otherwise now." >&2; exit 1; }
