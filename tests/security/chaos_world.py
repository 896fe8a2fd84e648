"""What the chaos driver drives, and the tally that it keeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import BaseModel, TypeAdapter

from server.db.connection import StoreConnection
from server.db.pool import Database
from server.db.queries import Query


@dataclass(frozen=True)
class Store:
    """A store of the run; its number is written into every row of it, beside and apart from store_id."""

    store_id: str
    number: int

    @property
    def marker(self) -> str:
        """The number as the queries return it."""
        return str(self.number)


class StoreRow(BaseModel):
    """Row of every query of the run: whose it is by its key, and by what is written in it."""

    store_id: str
    marker: str


class Value(BaseModel):
    """Row of a query about the session."""

    value: str | None


def rows(sql: str) -> Query[StoreRow]:
    """A query for rows of stores."""
    return Query("chaos", sql, StoreRow, TypeAdapter(list[StoreRow]))


def value(sql: str) -> Query[Value]:
    """A query for something of the session."""
    return Query("chaos", sql, Value, TypeAdapter(list[Value]))


class Entered(Protocol):
    """What a way into a store yields."""

    @property
    def db(self) -> StoreConnection:
        """The connection, in a transaction."""


@dataclass(frozen=True)
class World:
    """What the driver drives.

    Attributes:
        reads: Queries without parameters.
        writes: Queries that store one row: $1 store id, $2 number, $3 serial, a UUID as text. Some name the store by
            $1, others take it from the context, where nothing but the context keeps the row in its store.
        context_setting: Name of the setting that holds the context.
        enter: Opens a transaction in a store; third argument: as the principal that has all stores.
        switch: Sets another store's context inside such a transaction.
    """

    database: Database
    admin_url: str
    stores: tuple[Store, ...]
    reads: tuple[Query[StoreRow], ...]
    writes: tuple[Query[StoreRow], ...]
    context_setting: str
    enter: Callable[[Store, bool, bool], AbstractAsyncContextManager[Entered]]
    switch: Callable[[StoreConnection, Store], Awaitable[None]]


@dataclass
class Tally:
    """What a run did and what came of it.

    Attributes:
        done: Disturbances that took effect, by name, and undisturbed work, by kind.
        refused: Errors that calls ended with, by type and SQLSTATE.
        foreign: Rows of another store in answers, by what the call had done before.
        empty: Answers without any row, which no store can give.
        surprises: Errors that are not the server's own.
        kept: Serials of rows whose transaction was acknowledged, with the store.
        dropped: Serials of rows that were rolled back before the call went on.
        contexts: Contexts captured in each store's transactions, the latest few.
    """

    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    foreign: Counter[str] = field(default_factory=Counter)
    empty: int = 0
    surprises: list[str] = field(default_factory=list)
    kept: dict[str, Store] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)
    contexts: dict[Store, list[str]] = field(default_factory=dict)
