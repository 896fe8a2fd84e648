"""One record per tool: what the tests that ask every tool need to know of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from server.calls.principal import Role
from tests.tools.neighbours import Side

Arguments = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ToolRecord:
    """What is known of a tool.

    Attributes:
        kept: What the audit log keeps of each argument. "number": a number, date, id, truth value or choice, if it is
            valid. "identifier": what looks like one. "text": its length only. "outline": its length and the words that
            the server knows. Lists as "list of numbers" and so on.
        calls: Arguments of calls that name the ids, numbers and words of a store, for a product search with this query.
        widest: The question with the longest answer; what stands in angle brackets is looked up.
        role: A role that may call it.
        required: Arguments without which it cannot be called.
        naming: The parameter that names the store.
        absent: Arguments that name one thing which an empty store lacks; None for a tool that answers with nothing.
        empty: Arguments of lists that are empty in an empty store.
        foreign: Arguments that name things of a store by a field of `Side`, to be asked about another store.
        only_there: Arguments with words that only Redmond has.
        pages: Arguments of a list with two pages in either store.
        pages_alike: True for a list that pages like those, and of which the neighbours have too few rows.
        few_in_demo: True for a list that the demo data fill too little to be cut for its size.
        unchanged: Arguments of a list that stays the same whatever another store does; by default `pages`.
        repeats: The parameter whose values an answer repeats as not found.
        about_people: The parameter that takes the name of whoever asked.
        names_nothing: True if no answer holds a word of the store.
        same_for_all: True if every role that has it gets the same answer.
        needs_no_store: True if a caller of several stores need not choose one.
    """

    kept: dict[str, str]
    calls: Callable[[Side, str], list[Arguments]]
    widest: Arguments
    role: Role = "manager"
    required: Arguments = field(default_factory=dict)
    naming: str = "store_id"
    absent: Arguments | None = None
    empty: tuple[Arguments, ...] = ()
    foreign: tuple[Arguments, ...] = ()
    only_there: tuple[Arguments, ...] = ()
    pages: Arguments | None = None
    pages_alike: bool = False
    few_in_demo: bool = False
    unchanged: Arguments | None = None
    repeats: str | None = None
    about_people: str | None = None
    names_nothing: bool = False
    same_for_all: bool = False
    needs_no_store: bool = False
