"""Finds out whether the audit log is what was sealed.

Everything is computed here again from the rows themselves: functions in the database are as easy to change
as rows are. What nobody can see from the database alone is a log that was rewritten altogether, seals
included; for that a digest that was kept elsewhere is compared.
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from server.db.driver import InsufficientPrivilegeError
from server.operations.admin.audit import CLUSTER, DROPPED_MONTHS, ENTRIES, FIXED_OUTPUT, LOGS, MONTHS, SEALS

Fault = Literal["changed", "removed", "inserted"]
SEAL = "seal"
_FINGERPRINT = 4


@dataclass(frozen=True, slots=True)
class Finding:
    """Entries, one after the other, of which the same can be said.

    Attributes:
        log: Their log: row_change, tool_call, operation, or seal.
        first: Id of the first.
        last: Id of the last.
        fault: What happened to them since they were written or sealed.
    """

    log: str
    first: int
    last: int
    fault: Fault

    def __str__(self) -> str:
        ids = str(self.first) if self.first == self.last else f"{self.first} to {self.last}"
        return f"audit.{self.log} {ids}: {self.fault}"


@dataclass(slots=True)
class Verification:
    """What was found.

    Attributes:
        findings: Faults; none when all is well.
        entries: Entries that were looked at, by log.
        unsealed: How many of them are under no seal yet, and could be removed without a trace.
        seals: Number of seals.
        seal_id: The newest seal; None where there is none.
        digest: Its digest in hex.
        missing_digests: Digests kept elsewhere that this log does not lead up to.
    """

    findings: list[Finding] = field(default_factory=list)
    entries: Counter[str] = field(default_factory=Counter)
    unsealed: int = 0
    seals: int = 0
    seal_id: int | None = None
    digest: str | None = None
    missing_digests: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return not self.findings and not self.missing_digests


@dataclass(slots=True)
class _Faults:
    """Ids with a fault, of one log."""

    changed: set[int] = field(default_factory=set)
    removed: set[int] = field(default_factory=set)
    inserted: set[int] = field(default_factory=set)

    def findings(self, log: str) -> Iterator[Finding]:
        # An entry that is gone from its month and has turned up in another was changed.
        moved = self.removed & self.inserted
        changed = self.changed | moved
        by_fault: tuple[tuple[Fault, set[int]], ...] = (
            ("changed", changed),
            ("removed", self.removed - changed),
            ("inserted", self.inserted - changed),
        )
        for fault, ids in by_fault:
            for first, last in _stretches(ids):
                yield Finding(log, first, last, fault)


async def verify(connection: Any, digests: Iterable[str] = ()) -> Verification:
    """Read the whole log and hold it against its hashes, its seals and digests that were kept elsewhere.

    Args:
        connection: An admin connection.
        digests: In hex, of seals at any earlier time.
    """
    result = Verification()
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(FIXED_OUTPUT)
        here = await _cluster(connection)
        seals = await connection.fetch(SEALS)
        dropped = {(row["log"], row["month"]) for row in await connection.fetch(DROPPED_MONTHS)}
        result.findings += _check_chain(seals).findings(SEAL)
        result.seals = len(seals)
        if seals:
            result.seal_id, result.digest = seals[-1]["seal_id"], seals[-1]["row_hash"].hex()
        for log in LOGS:
            own = [seal for seal in seals if seal["log"] == log]
            faults = _Faults()
            months = {row[0] for row in await connection.fetch(MONTHS[log])} | {seal["month"] for seal in own}
            for month in sorted(months):
                # Operations are never dropped: they say what was.
                gone = log != "operation" and (log, month) in dropped
                await _check_month(connection, log, month, own, here, faults, result, gone=gone)
            result.findings += faults.findings(log)
    known = {seal["row_hash"].hex() for seal in seals}
    result.missing_digests = [digest for digest in digests if digest not in known]
    return result


async def _cluster(connection: Any) -> int:
    try:
        async with connection.transaction():
            return int(await connection.fetchval(CLUSTER))
    except InsufficientPrivilegeError:
        # As audit.seal_entries() has it.
        return 0


def _check_chain(seals: list[Any]) -> _Faults:
    faults = _Faults()
    before: Any = None
    for seal in seals:
        seal_id = seal["seal_id"]
        expected = before["seal_id"] + 1 if before is not None else 1
        faults.removed.update(range(expected, seal_id))
        if hashlib.sha256(seal["image"].encode()).digest() != seal["row_hash"]:
            faults.changed.add(seal_id)
        if seal_id == expected and seal["previous_hash"] != (before["row_hash"] if before is not None else b""):
            faults.changed.add(before["seal_id"] if before is not None else seal_id)
        before = seal
    return faults


async def _check_month(
    connection: Any,
    log: Any,
    month: date,
    seals: list[Any],
    here: int,
    faults: _Faults,
    result: Verification,
    *,
    gone: bool,
) -> None:
    """Compare a month's entries with those of the log's seals that are over them; what was dropped is gone whole."""
    over_month = [seal for seal in seals if seal["month"] == month]
    sealed_parts = sorted((part.lower, part.upper) for seal in over_month for part in seal["ids"])
    digests: dict[int, bytes] = {}
    unsealed: dict[int, tuple[int, int]] = {}
    async for row in connection.cursor(ENTRIES[log], month, prefetch=1000):
        entry = row["id"]
        digest = hashlib.sha256(row["image"].encode()).digest()
        result.entries[log] += 1
        if entry in digests:
            faults.inserted.add(entry)
        if digest != row["row_hash"]:
            faults.changed.add(entry)
        digests[entry] = digest
        part = bisect_right(sealed_parts, (entry, math.inf)) - 1
        if part < 0 or entry >= sealed_parts[part][1]:
            unsealed[entry] = (row["xid"], entry)

    gone = gone and len(unsealed) == len(digests)
    for seal in over_month:
        _check_seal(seal, digests, faults, gone=gone)

    # The newest entries wait for their seal; none can come before what is sealed, by the numbers of this cluster.
    reached = max(((seal["to_xid"], seal["to_id"]) for seal in seals if seal["cluster"] == here), default=(0, 0))
    inserted = {entry for entry, place in unsealed.items() if place <= reached}
    faults.inserted |= inserted
    result.unsealed += len(unsealed) - len(inserted)


def _check_seal(seal: Any, digests: dict[int, bytes], faults: _Faults, *, gone: bool) -> None:
    sealed = [entry for part in seal["ids"] for entry in range(part.lower, part.upper)]
    missing = {entry for entry in sealed if entry not in digests}
    if not gone:
        faults.removed |= missing
    changed = {
        entry
        for number, entry in enumerate(sealed)
        if entry not in missing
        and digests[entry][:_FINGERPRINT] != seal["fingerprints"][number * _FINGERPRINT : (number + 1) * _FINGERPRINT]
    }
    faults.changed |= changed
    if missing or changed:
        return
    digest = hashlib.sha256(b"".join(digests[entry] for entry in sealed)).digest()
    if digest != seal["rows_digest"]:
        # Four bytes in agreement and the rest not: no single entry can be named.
        faults.changed.update(sealed)


def _stretches(ids: set[int]) -> Iterator[tuple[int, int]]:
    """Ids that follow each other, as first and last."""
    first = last = None
    for entry in sorted(ids):
        if last is None or entry != last + 1:
            if first is not None and last is not None:
                yield first, last
            first = entry
        last = entry
    if first is not None and last is not None:
        yield first, last
