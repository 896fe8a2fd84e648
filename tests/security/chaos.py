"""The chaos driver: many stores' calls on few connections, most of them disturbed, and a tally of what came out.

A call is drawn from the seed and its number: a store, reads and writes, perhaps mischief inside its
transaction, perhaps a disturbance from outside. What it may never do is answer with another store's
row or keep a row in another store; the tally counts both, whoever is to blame.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg

from server.db.connection import NO_CONTEXT, StoreConnection
from server.db.operator import admin_connection
from server.errors import DatabaseError, DatabaseUnavailableError, QueryTimeoutError, RetailError
from tests.security.chaos_world import Store, StoreRow, Tally, World, value

# Name and weight; "calm" and "nothing" are calls that others disturb.
_OUTSIDE = {"calm": 56, "cancelled": 15, "cancelled twice": 12, "timed out": 14, "backend killed": 3}
_INSIDE = {
    "nothing": 49,
    "sql error": 7,
    "statement timeout": 4,
    "transaction timeout": 2,
    "cursor left open": 7,
    "savepoint rolled back": 7,
    "other store in savepoint": 4,
    "context replayed": 8,
    "context planted for the next": 3,
    "other setting changed": 4,
    "read without context": 5,
}

# Each stays with the connection: what the next borrower finds may cost it its answer, never bring it another's.
_OTHER_SETTINGS = (
    ("search_path", "pg_temp, retail"),
    ("row_security", "off"),
    ("role", "retail_owner"),
    ("session_authorization", "retail_owner"),
    ("default_transaction_read_only", "on"),
    ("default_transaction_isolation", "serializable"),
    ("plan_cache_mode", "force_generic_plan"),
    ("TimeZone", "Asia/Kolkata"),
    ("statement_timeout", "1s"),
)
_CONTEXTS_KEPT = 4
_WORKERS = 12

_PID = value("select pg_backend_pid()::text as value")
_GET_SETTING = value("select current_setting($1, true) as value")
_SET_FOR_SESSION = value("select set_config($1, $2, false) as value")
_SET_FOR_TRANSACTION = value("select set_config($1, $2, true) as value")
_SLEEP = value("select pg_sleep(0.05)::text as value")
_FAIL = value("select (1 / 0)::text as value")
_KILL = """
select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and application_name = 'retail-mcp'
order by random() limit 1
"""


class _Undo(Exception):
    """Rolls a savepoint back."""


class Chaos:
    """One run.

    Args:
        world: The stores and the ways into them.
        seed: Decides every call; what happens at the same moment is up to the machine.
    """

    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._seed = seed
        self._admin: Any = None
        self._killing = asyncio.Lock()
        self.tally = Tally(contexts={store: [] for store in world.stores})

    async def run(self, calls: int) -> Tally:
        """Make the calls, a dozen at a time, and wait until every connection is back."""
        numbers = iter(range(calls))

        async def worker() -> None:
            for number in numbers:
                await self._disturbed_call(number)

        async with admin_connection(self._world.admin_url) as self._admin:
            await asyncio.gather(*(worker() for _ in range(_WORKERS)))
        return self.tally

    async def _disturbed_call(self, number: int) -> None:
        draw = random.Random(f"{self._seed}/{number}")
        disturbance = _drawn(draw, _OUTSIDE)
        entered = asyncio.Event()
        call = asyncio.create_task(self._call(draw, entered))
        # What happens outside is drawn apart, or the call's own draws would depend on the moment.
        outside = random.Random(f"{self._seed}/{number}/outside")
        if disturbance == "timed out":
            try:
                await asyncio.wait_for(asyncio.shield(call), outside.expovariate(1 / 0.01))
            except TimeoutError:
                self._count_if(call.cancel(), disturbance)
            except (RetailError, asyncpg.PostgresError, asyncpg.InterfaceError):
                pass  # The call's own end, looked at below.
        elif disturbance == "cancelled twice":
            # In the store, so that it has a rollback to make, which the second one disturbs.
            waiting = asyncio.create_task(entered.wait())
            await asyncio.wait({call, waiting}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            await _turns(outside, 12)
            if call.cancel():
                await _turns(outside, 12)
                self._count_if(call.cancel(), disturbance)
        elif disturbance != "calm":
            await _pause(outside)
            if disturbance == "backend killed":
                await self._kill()
            else:
                self._count_if(call.cancel(), disturbance)
        await asyncio.wait({call})
        self._note_end(call)

    def _note_end(self, call: asyncio.Task[None]) -> None:
        if call.cancelled():
            self.tally.refused["CancelledError"] += 1
        elif (error := call.exception()) is None:
            self.tally.done["calls completed"] += 1
        elif isinstance(error, DatabaseError):
            self.tally.refused[error.sqlstate] += 1
        elif isinstance(error, RetailError):
            self.tally.refused[type(error).__name__] += 1
        else:
            self.tally.surprises.append(repr(error))

    def _count_if(self, happened: bool, what: str) -> None:
        self.tally.done[what] += happened

    async def _kill(self) -> None:
        async with self._killing:
            self._count_if(bool(await self._admin.fetchval(_KILL)), "backend killed")

    async def _call(self, draw: random.Random, entered: asyncio.Event) -> None:
        world, tally = self._world, self.tally
        store = draw.choice(world.stores)
        mischief = _drawn(draw, _INSIDE)
        if mischief == "read without context":
            await self._read_without_context(draw)
            return
        if mischief == "context planted for the next":
            await self._plant(draw, store)
            return
        serials: list[str] = []
        async with world.enter(store, draw.random() < 0.5, draw.random() < 0.5) as scope:
            entered.set()
            work = _Work(self, scope.db, store, draw)
            await work.some()
            (captured,) = await scope.db.all(_GET_SETTING, world.context_setting)
            assert captured.value is not None
            tally.contexts[store] = [captured.value, *tally.contexts[store]][:_CONTEXTS_KEPT]
            if mischief != "nothing":
                await work.do(mischief)
                await work.some()
            serials = work.serials
        for serial in serials:
            tally.kept[serial] = store

    async def _read_without_context(self, draw: random.Random) -> None:
        self.tally.done["read without context"] += 1
        found = await self._world.database.fetch(draw.choice(self._world.reads))
        # Whosesoever they are, nobody had a right to them.
        self.tally.foreign["read without context"] += len(found)

    async def _plant(self, draw: random.Random, store: Store) -> None:
        if planted := self.foreign_context(draw, store):
            await self._world.database.fetch(_SET_FOR_SESSION, self._world.context_setting, planted)
            self.tally.done["context planted for the next"] += 1

    def foreign_context(self, draw: random.Random, store: Store) -> str | None:
        """A context captured in another store's transaction, once there is one."""
        found = [context for other in self._world.stores if other != store for context in self.tally.contexts[other]]
        return draw.choice(found) if found else None

    @property
    def world(self) -> World:
        """The stores and the ways into them."""
        return self._world


class _Work:
    """What one call does inside its transaction."""

    def __init__(self, chaos: Chaos, db: StoreConnection, store: Store, draw: random.Random) -> None:
        self._chaos = chaos
        self._world = chaos.world
        self._tally = chaos.tally
        self._db = db
        self._store = store
        self._draw = draw
        self._before = "nothing"
        self.serials: list[str] = []

    @property
    def _raw(self) -> Any:
        # The tools have no way to cursors and savepoints; hostile SQL would have.
        return self._db._connection

    async def some(self) -> None:
        """One to three reads and writes, with pauses in which others run."""
        for _ in range(self._draw.randint(1, 3)):
            if self._draw.random() < 0.35:
                await self._write()
            else:
                await self._read(self._store)
            if self._draw.random() < 0.2:
                await asyncio.sleep(self._draw.random() * 0.002)

    async def do(self, mischief: str) -> None:
        """Something that no tool does, or that goes wrong."""
        self._before = mischief
        await {
            "sql error": self._sql_error,
            "statement timeout": self._statement_timeout,
            "transaction timeout": self._transaction_timeout,
            "cursor left open": self._cursor,
            "savepoint rolled back": self._savepoint,
            "other store in savepoint": self._other_store,
            "context replayed": self._replay,
            "other setting changed": self._other_setting,
        }[mischief]()

    async def _read(self, store: Store) -> None:
        found = await self._db.all(self._draw.choice(self._world.reads))
        self._check(found, store)

    def _check(self, found: list[StoreRow], store: Store) -> None:
        self._tally.done["reads answered"] += 1
        self._tally.empty += not found
        self._tally.foreign[self._before] += sum(
            row.store_id != store.store_id or row.marker != store.marker for row in found
        )

    async def _write(self) -> str | None:
        """Store one row, if the transaction may write; returns its serial."""
        (mode,) = await self._db.all(_GET_SETTING, "transaction_read_only")
        if mode.value == "on":
            await self._read(self._store)
            return None
        serial = str(UUID(int=self._draw.getrandbits(128)))
        query = self._draw.choice(self._world.writes)
        (row,) = await self._db.all(query, self._store.store_id, self._store.number, serial)
        self._check([row], self._store)
        self._tally.done["rows written"] += 1
        self.serials.append(serial)
        return serial

    async def _sql_error(self) -> None:
        try:
            await self._db.all(_FAIL)
        except DatabaseError as error:
            assert error.sqlstate == "22012"
            self._tally.done["sql error"] += 1
            if self._draw.random() < 0.5:
                raise
        # The transaction is over for the database, but not for this call: what it reads next is refused.

    async def _statement_timeout(self) -> None:
        await self._db.all(_SET_FOR_TRANSACTION, "statement_timeout", "1ms")
        await self._expect_timeout("statement timeout")

    async def _transaction_timeout(self) -> None:
        # Off and on again: a running limit is not shortened.
        await self._db.all(_SET_FOR_TRANSACTION, "transaction_timeout", "0")
        await self._db.all(_SET_FOR_TRANSACTION, "transaction_timeout", "5ms")
        await self._expect_timeout("transaction timeout")

    async def _expect_timeout(self, what: str) -> None:
        try:
            await self._db.all(_SLEEP)
        except (QueryTimeoutError, DatabaseUnavailableError):
            self._tally.done[what] += 1
            raise

    async def _cursor(self) -> None:
        cursor = await self._raw.cursor(self._draw.choice(self._world.reads).sql)
        self._check([StoreRow(**dict(await cursor.fetchrow()))], self._store)
        self._tally.done["cursor left open"] += 1

    async def _savepoint(self) -> None:
        kept = list(self.serials)
        async with self._rolled_back():
            await self._write()
        self._tally.dropped.update(set(self.serials) - set(kept))
        self.serials = kept
        self._tally.done["savepoint rolled back"] += 1

    async def _other_store(self) -> None:
        """In a savepoint, the other store's rows are the right ones; after it, they are foreign."""
        other = self._draw.choice([store for store in self._world.stores if store != self._store])
        async with self._rolled_back():
            await self._world.switch(self._db, other)
            await self._read(other)
        self._tally.done["other store in savepoint"] += 1

    @asynccontextmanager
    async def _rolled_back(self) -> AsyncIterator[None]:
        try:
            async with self._raw.transaction():
                yield
                raise _Undo
        except _Undo:
            return

    async def _replay(self) -> None:
        if not (context := self._chaos.foreign_context(self._draw, self._store)):
            return
        await self._db.all(_SET_FOR_SESSION, self._world.context_setting, context)
        self._tally.done["context replayed"] += 1
        try:
            await self._read(self._store)
        except DatabaseError as error:
            self._tally.done["replay refused"] += error.sqlstate == NO_CONTEXT
            if self._draw.random() < 0.5:
                raise
        else:
            self._tally.done["replay believed"] += 1

    async def _other_setting(self) -> None:
        name, setting = self._draw.choice(_OTHER_SETTINGS)
        self._tally.done["other setting changed"] += 1
        await self._db.all(_SET_FOR_SESSION, name, setting)


def _drawn(draw: random.Random, weights: dict[str, int]) -> str:
    return draw.choices(list(weights), list(weights.values()))[0]


async def _pause(draw: random.Random) -> None:
    """Wait for a few turns of the loop or a few milliseconds: between any two steps of a call."""
    if draw.random() < 0.4:
        await _turns(draw, 30)
    else:
        await asyncio.sleep(draw.expovariate(1 / 0.006))


async def _turns(draw: random.Random, most: int) -> None:
    for _ in range(draw.randint(1, most)):
        await asyncio.sleep(0)
