"""Rules of the source that no linter knows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(path.relative_to(ROOT) for folder in ("server", "seed") for path in (ROOT / folder).rglob("*.py"))
SERVER_MODULES = [path for path in MODULES if path.parts[0] == "server"]
MAX_LINES = 400
TOOL_MODULES = [path for path in SERVER_MODULES if path.parts[1] == "tools"]
# Lower case as in every query here, and followed by what only SQL has there: messages may say "delete it".
SQL = re.compile(r"\b(select|insert\s+into|update\s+\S+\s+set|delete\s+from)\s")


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_can_be_read_at_one_sitting(module: Path) -> None:
    assert len((ROOT / module).read_text(encoding="utf-8").splitlines()) <= MAX_LINES


def built_texts(tree: ast.AST) -> list[str]:
    """The fixed parts of texts that are put together at run time: f"...", "..." + x, "..." % x, "...".format(x)."""
    found: list[str] = []
    for node in ast.walk(tree):
        parts: list[ast.expr] = []
        if isinstance(node, ast.JoinedStr):
            texts = [part.value if isinstance(part, ast.Constant) else "?" for part in node.values]
            found.append("".join(map(str, texts)))
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
            parts = [node.left, node.right]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
            parts = [node.func.value]
        found += [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return found


# Wraps the caller's own SELECT, which is what it is for.
WRAPS_SQL = Path("server/db/ad_hoc.py")


@pytest.mark.parametrize("module", [module for module in SERVER_MODULES if module != WRAPS_SQL], ids=str)
def test_no_query_is_put_together_in_python(module: Path) -> None:
    tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
    assert [text for text in built_texts(tree) if SQL.search(text)] == []


def test_that_rule_notices_every_way() -> None:
    code = """[
        f"select {x} from t", f"update {x} set a = 1",
        "delete from " + x, "update %s set a = 1" % x, "insert into {} values (1)".format(x),
    ]"""
    assert len([text for text in built_texts(ast.parse(code)) if SQL.search(text)]) == 5


def test_the_environment_is_read_in_one_place() -> None:
    reading = set()
    for module in SERVER_MODULES:
        tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
        if {"environ", "getenv"} & {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}:
            reading.add(module)
    # The package sets FastMCP's own variables before it is imported; PostgreSQL's programs get the environment that
    # this one has; OTEL_* are the SDK's to read, and without them it is not loaded; RETAIL_* are pydantic's to read,
    # and names that are none are looked for; processes of a command import nothing from the working directory.
    allowed = (
        "server/__init__.py",
        "server/operations/backup/programs.py",
        "server/console/running.py",
        "server/db/postmaster.py",
        "server/monitoring/tracing.py",
        "server/config/unknown_settings.py",
    )
    assert reading <= {Path(path) for path in allowed}


@pytest.mark.parametrize("module", TOOL_MODULES, ids=str)
def test_a_tool_leaves_errors_and_logs_to_the_boundary(module: Path) -> None:
    """It may turn a text into a value to see whether it is one, and go on without an embedding."""
    tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
    caught = {ast.unparse(node.type) for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and node.type}
    assert caught <= {"ValueError", "NotSqlError", "EmbeddingUnavailableError"}
    assert "logging" not in {
        name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }
