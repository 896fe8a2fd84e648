"""What the product writes holds data of stores or secrets: every file is its owner's alone, whatever the umask."""

from __future__ import annotations

import ast

import pytest

from tests.transport.processes import ROOT

# Each makes its files with mode 0600, or below a directory that PostgreSQL keeps closed.
MAY_WRITE = {
    "server/process/private_files.py",
    "server/db/embedded.py",
    "server/db/postmaster.py",
    "server/imports/rejects.py",
}
WRITING_METHODS = {"write_text", "write_bytes", "NamedTemporaryFile"}
MODULES = [path for package in ("server", "seed") for path in sorted((ROOT / package).rglob("*.py"))]


def writes(source: str) -> list[int]:
    """Lines in which a file is made or opened for writing."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        words = [word.value for word in [*node.args, *(keyword.value for keyword in node.keywords)]
                 if isinstance(word, ast.Constant) and isinstance(word.value, str)]  # fmt: skip
        opens = name in ("open", "fdopen") and any(
            set(word) <= set("rwxabt+") and set(word) & set("wxa") for word in words
        )
        if name in WRITING_METHODS or opens:
            found.append(node.lineno)
    return found


def test_only_modules_that_close_their_files_write_any() -> None:
    found = {str(path.relative_to(ROOT)): writes(path.read_text(encoding="utf-8")) for path in MODULES}
    assert {path for path, lines in found.items() if lines} <= MAY_WRITE, found


@pytest.mark.parametrize(
    "source", ["p.write_text('x')", "p.open('w')", "open(p, mode='xb')", "os.fdopen(3, 'a')", "p.write_bytes(b'')"]
)
def test_the_search_finds_what_writes(source: str) -> None:
    assert writes(source) == [1]


@pytest.mark.parametrize("source", ["p.open('rb')", "open(p)", "clock.open('morning')", "p.read_text()"])
def test_the_search_passes_what_reads(source: str) -> None:
    assert writes(source) == []
