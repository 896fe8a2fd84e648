"""Shows a picture without a client: python -m docs.picture summarize_sales < answer.json > picture.html."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from string import Template
from typing import Any

from fastmcp.tools import FunctionTool

from server import tools
from server.widgets import PICTURES

_HOST = Path(__file__).with_name("picture.html")


def host_page(
    html: str, arguments: dict[str, Any] | None, result: dict[str, Any] | None, context: dict[str, Any]
) -> str:
    """A page that plays the host of MCP Apps: it shows a picture and hands it what a client would.

    Args:
        html: The picture.
        arguments: Those of the tool call; None withholds them.
        result: The result of the call; None withholds it.
        context: Theme, locale and the like.
    """
    given = {"html": html, "arguments": arguments, "result": result, "context": context}
    # Data must not be able to end the element that it is in.
    text = json.dumps(given).replace("<", "\\u003c")
    return Template(_HOST.read_text(encoding="utf-8")).safe_substitute(given=text)


def main() -> None:
    """Write the page for the tool that is named, with the answer from standard input."""
    pictures = {str(picture.uri): picture.text for picture in PICTURES}
    found = {
        tool.name: pictures[tool.meta["ui"]["resourceUri"]]
        for tool in map(FunctionTool.from_function, tools.discover())
        if tool.meta and "ui" in tool.meta
    }
    if len(sys.argv) != 2 or sys.argv[1] not in found:
        sys.exit(f"Name one of the tools that have a picture: {', '.join(found)}.")
    answer = json.load(sys.stdin)
    result = answer if "content" in answer else {"content": [], "structuredContent": answer}
    sys.stdout.write(host_page(found[sys.argv[1]], {}, result, {"theme": "light"}))


if __name__ == "__main__":
    main()
