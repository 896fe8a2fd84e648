"""The evaluation file: questions in users' words, the call that answers each, and the answer."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from server.calls.principal import Role

FILE = Path(__file__).with_name("questions.toml")
ROWS = Path(__file__).with_name("rows.sql")
_STEP = re.compile(r"\[([a-z_]+)=([^\]]*)\]|([^.\[\]]+)")


@dataclass(frozen=True, kw_only=True)
class Question:
    """One entry of questions.toml.

    Attributes:
        ask: What the person says.
        who: What the person is.
        role: What the person may do in their stores.
        stores: The stores that they may enter.
        tool: The tool whose one call answers it.
        arguments: What it is called with.
        look_up: Further arguments that no person knows, an id for one: SQL that finds each.
        answer: Paths into the structured answer, and what stands there.
        sql: Computes the same values from base rows, one column per path; $1 is the store.
        any_store: Whether the same call makes sense in every store; `answer` is about the first of `stores`.
        refusal: Instead of an answer: what the caller is told.
        in_short: The answer in a sentence, for README.md; {0} is the first value of `answer`.
    """

    ask: str
    who: str
    tool: str
    role: Role = "manager"
    stores: tuple[str, ...] = ("seattle",)
    arguments: dict[str, Any] = field(default_factory=dict)
    look_up: dict[str, str] = field(default_factory=dict)
    answer: dict[str, Any] = field(default_factory=dict)
    sql: str = ""
    any_store: bool = False
    refusal: str = ""
    in_short: str = ""


def questions() -> list[Question]:
    """All of them, in the order of the file."""
    entries = tomllib.loads(FILE.read_text(encoding="utf-8"))["question"]
    return [Question(**entry | {"stores": tuple(entry.get("stores", ["seattle"]))}) for entry in entries]


def at(told: Any, path: str) -> Any:
    """What stands at a path: `rows.0.key` counts from 0, `rows[key=cash].rank` picks the row with that key."""
    for name, value, plain in _STEP.findall(path):
        if name:
            [told] = [each for each in told if str(each[name]) == value]
        elif plain == "length":
            told = len(told)
        else:
            told = told[int(plain)] if isinstance(told, list) else told[plain]
    return told


def same(told: Any, computed: Any) -> bool:
    """Whether a value of an answer is what SQL computed; numbers of SQL come as decimals."""
    if isinstance(told, int | float) and not isinstance(told, bool):
        return float(computed) == told
    return str(computed) == str(told)
