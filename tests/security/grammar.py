"""What a query is made of, by PostgreSQL's own grammar: a development dependency, asked in a process of its own.

Run as a program, it reads a JSON list of texts and writes a line for each. pglast is under the GPL, so only tests may
use it, and it does not survive every long text, so none of them imports it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from server.tools.adhoc.vocabulary import FUNCTIONS, OPERATORS, QUALIFIED_OPERATORS, SCHEMA, TYPES, VIEWS

_ROOT = Path(__file__).parents[2]
_SECONDS = 120
# How the grammar names the types that have a syntax of their own.
_NAMES_OF_TYPES = TYPES | {"timetz"}
# How the grammar names what has a syntax of its own.
_NAMES_OF_FUNCTIONS = FUNCTIONS | {"btrim"}
_OPERATORS_OF_KINDS = {
    "AEXPR_OP": OPERATORS,
    "AEXPR_OP_ANY": OPERATORS,
    "AEXPR_OP_ALL": OPERATORS,
    "AEXPR_DISTINCT": {"="},
    "AEXPR_NOT_DISTINCT": {"="},
    "AEXPR_NULLIF": {"="},
    "AEXPR_IN": {"=", "<>"},
    "AEXPR_LIKE": {"~~", "!~~"},
    "AEXPR_ILIKE": {"~~*", "!~~*"},
    "AEXPR_BETWEEN": {"BETWEEN"},
    "AEXPR_NOT_BETWEEN": {"NOT BETWEEN"},
    "AEXPR_BETWEEN_SYM": {"BETWEEN SYMMETRIC"},
    "AEXPR_NOT_BETWEEN_SYM": {"NOT BETWEEN SYMMETRIC"},
}
# Every other kind does something that the gate has no list for: it writes, locks, samples, reads XML and so on.
_NODES = {
    "A_ArrayExpr", "A_Const", "A_Expr", "A_Indices", "A_Indirection", "A_Star", "BoolExpr", "BooleanTest", "CaseExpr",
    "CaseWhen", "CoalesceExpr", "CollateClause", "ColumnRef", "CommonTableExpr", "FuncCall", "GroupingFunc",
    "GroupingSet", "Integer", "JoinExpr", "List", "MinMaxExpr", "NullTest", "RangeFunction", "RangeSubselect",
    "RangeVar", "ResTarget", "RowExpr", "SQLValueFunction", "SelectStmt", "SortBy", "String", "SubLink", "TypeCast",
    "WindowDef",
}  # fmt: skip


@dataclass
class Grammar:
    """What the grammar found in some texts.

    Attributes:
        read: How many of them it took for SQL.
        lost: Texts that it did not survive.
        faults: Texts with something in them that is not on the lists, and what.
    """

    read: int = 0
    lost: list[str] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)


async def compared(texts: Sequence[str]) -> Grammar:
    """Compare functions, types, operators and tables in texts with the lists of the gate."""
    found = Grammar()
    rest = list(texts)
    while rest:
        answers = await _ask(rest)
        for text, answer in zip(rest, answers, strict=False):
            found.read += answer is not None
            if answer:
                found.faults[text] = answer
        if len(answers) < len(rest):
            found.lost.append(rest[len(answers)])
        rest = rest[len(answers) + 1 :]
    return found


async def _ask(texts: Sequence[str]) -> list[str | None]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.security.grammar",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        cwd=_ROOT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(_SECONDS):
            written, complaints = await process.communicate(json.dumps(texts).encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    # It may crash at a text, but not fail at all.
    assert process.returncode in (0, -6, -11), complaints.decode()
    return [json.loads(line) for line in written.splitlines()]


def _nodes(tree: Any) -> Iterator[tuple[str, Any]]:
    """Every node with its kind, and every type."""
    waiting = [tree]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            yield from ((key, inner) for key, inner in value.items() if key[0].isupper() or key == "typeName")
            waiting += value.values()


def _strings(values: Sequence[dict[str, Any]]) -> list[str]:
    return [value["String"]["sval"] if "String" in value else "*" for value in values]


def _fault(tree: dict[str, Any]) -> str:
    """The first thing that is on no list; nothing if there is none."""
    if len(tree["stmts"]) != 1:
        return "several statements"
    nodes = list(_nodes(tree["stmts"][0]["stmt"]))
    tables = {node["ctename"] for kind, node in nodes if kind == "CommonTableExpr"}
    for kind, node in nodes:
        fault = _fault_of(kind, node, tables)
        if fault:
            return f"{kind}: {fault}"
    return ""


def _fault_of(kind: str, node: Any, tables: set[str]) -> str:
    match kind:
        case "FuncCall":
            *schema, name = _strings(node["funcname"])
            by_syntax = schema == ["pg_catalog"] and node["funcformat"] == "COERCE_SQL_SYNTAX"
            # Written as a keyword between its operands, LIKE ESCAPE and AT TIME ZONE are calls.
            by_keyword = schema == ["pg_catalog"] and name in {"like_escape", "timezone"}
            if name not in _NAMES_OF_FUNCTIONS or (schema and not by_syntax and not by_keyword):
                return ".".join([*schema, name])
        case "typeName":
            *schema, name = _strings(node["names"])
            if name not in _NAMES_OF_TYPES or schema not in ([], ["pg_catalog"]) or node.get("setof"):
                return ".".join([*schema, name])
        case "A_Expr":
            *schema, name = _strings(node["name"])
            if name not in (QUALIFIED_OPERATORS if schema else _OPERATORS_OF_KINDS.get(node["kind"], ())):
                return f"{node['kind']} {name}"
        case "SortBy" | "SubLink":
            *schema, name = _strings(node.get("useOp" if kind == "SortBy" else "operName", [])) or ["="]
            if name not in (QUALIFIED_OPERATORS if schema else OPERATORS):
                return name
        case "RangeVar":
            schema = node.get("schemaname")
            if node["relname"] not in (VIEWS if schema else tables.union(VIEWS)) or schema not in (None, SCHEMA):
                return f"{schema}.{node['relname']}"
        case "A_Indirection" if any("A_Indices" not in value for value in node["indirection"]):
            return "a field of a value"
        case "ColumnRef" if len(node["fields"]) > 2 and _strings(node["fields"])[0] != SCHEMA:
            return "a field with a schema"
        case "RangeFunction" if node.get("coldeflist") or node.get("is_rowsfrom"):
            return "fields with types"
        case _ if kind not in _NODES and kind != "typeName":
            return "a kind that is not expected"
    return ""


def _answer(text: str) -> str | None:
    from pglast.parser import ParseError, parse_sql_json

    try:
        tree = parse_sql_json(text)
    except ParseError:
        return None
    return _fault(json.loads(tree))


def _main() -> None:
    # Where the parser survives a text, its tree is read; the process may end at it.
    sys.setrecursionlimit(50_000)
    for text in json.load(sys.stdin):
        sys.stdout.write(json.dumps(_answer(text)) + "\n")
        # What was answered is not lost with the process.
        sys.stdout.flush()


if __name__ == "__main__":
    _main()
