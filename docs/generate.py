"""Writes what code and tests say into Markdown and .env.example: python -m docs.generate [--check]."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from fastmcp.tools import FunctionTool
from prometheus_client.metrics import MetricWrapperBase

from server import tools
from server.config import ENV_PREFIX, Settings
from server.monitoring.activity import Activity
from server.monitoring.metrics import Metrics
from server.toolkit.schemas import concise
from server.tools.sales.metrics import DEFINITIONS

ROOT = Path(__file__).parent.parent


def tool_table() -> str:
    """One row per tool: its name and the first line of its description."""
    rows = ["| tool | what it answers |", "|---|---|"]
    for function in tools.discover():
        tool = FunctionTool.from_function(function)
        rows.append(f"| `{tool.name}` | {str(tool.description).splitlines()[0]} |")
    return "\n".join(rows)


def definition_size() -> int:
    """Characters of what a model is told of all tools in every conversation: names, descriptions, input schemas."""
    listed = [FunctionTool.from_function(function) for function in tools.discover()]
    return sum(len(json.dumps([tool.name, tool.description, concise(tool.parameters)])) for tool in listed)


def metric_table() -> str:
    """One row per metric of sales."""
    rows = ["| metric | unit | what it is |", "|---|---|---|"]
    rows += [f"| `{metric.name}` | {metric.unit} | {metric.definition} |" for metric in DEFINITIONS.values()]
    return "\n".join(rows)


def exported_table() -> str:
    """One row per metric of the server that Prometheus can scrape."""
    registry = Metrics(Activity()).registry
    # The registry tells labels of series only, and there are none before something happens.
    labels = {
        collector._name: collector._labelnames
        for collector in registry._collector_to_names
        if isinstance(collector, MetricWrapperBase)
    }
    rows = ["| metric | type | labels | what it is |", "|---|---|---|---|"]
    for metric in registry.collect():
        if metric.name in labels:
            name = f"{metric.name}_total" if metric.type == "counter" else metric.name
            name = f"{name}_info" if metric.type == "info" else name
            named = ", ".join(f"`{label}`" for label in labels[metric.name])
            rows.append(f"| `{name}` | {metric.type} | {named} | {metric.documentation} |")
    return "\n".join(rows)


def question_table() -> str:
    """The questions of the evaluation file that have their answer in a sentence, with the answers that tests check."""
    entries = tomllib.loads((ROOT / "tests/evaluation/questions.toml").read_text(encoding="utf-8"))["question"]
    rows = ["| question | tool | answer |", "|---|---|---|"]
    for entry in entries:
        if "in_short" in entry:
            told = entry["in_short"].format(*entry["answer"].values())
            rows.append(f"| {entry['ask']} | `{entry['tool']}` | {told} |")
    return "\n".join(rows)


def settings_rows() -> Iterator[tuple[str, str, str]]:
    """Variable, default and description of every setting."""
    for name, field in Settings.model_fields.items():
        default = "per user" if field.default_factory else field.default
        text = ",".join(default) if isinstance(default, tuple) else "" if default is None else str(default)
        yield f"{ENV_PREFIX}{name.upper()}", text, str(field.description)


def settings_table() -> str:
    """One row per setting."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    rows += [f"| `{name}` | {f'`{default}`' if default else ''} | {text} |" for name, default, text in settings_rows()]
    return "\n".join(rows)


def env_example() -> str:
    """Every setting as a commented line."""
    lines = ["# Copy to .env and uncomment what you need; every setting has a working default for the demo."]
    for name, default, text in settings_rows():
        lines += ["", f"# {text}", f"# {name}={default if default != 'per user' else ''}"]
    return "\n".join(lines) + "\n"


def between_markers(text: str, name: str, content: str) -> str:
    """Replace what stands between `<!-- name -->` and `<!-- /name -->`."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not pattern.search(text):
        raise SystemExit(f"There are no markers for {name}.")
    return pattern.sub(lambda found: f"{found[1]}{content}\n{found[2]}", text)


def main() -> None:
    """Write the files, or with --check fail when one is not up to date."""
    pages = {
        "README.md": ("questions", question_table()),
        "docs/tools.md": ("tools", tool_table()),
        "docs/settings.md": ("settings", settings_table()),
        "docs/sales.md": ("metrics", metric_table()),
        "docs/monitoring.md": ("metrics", exported_table()),
    }
    generated = {".env.example": env_example()}
    for name, (marker, table) in pages.items():
        generated[name] = between_markers((ROOT / name).read_text(encoding="utf-8"), marker, table)
    for name, text in generated.items():
        path = ROOT / name
        if "--check" in sys.argv:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                sys.exit(f"{name} is not what the code says. Run: make format")
        else:
            path.write_text(text, encoding="utf-8")
    print(f"{len(tools.discover())} tools, defined in {definition_size():,} characters")  # noqa: T201


if __name__ == "__main__":
    main()
