"""Generated rows as the tests read them: per table, each row a mapping from column to cell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from seed.generate import generate
from seed.options import DemoOptions
from seed.tables import Batch

PACIFIC = ZoneInfo("America/Los_Angeles")
AS_OF = date(2026, 10, 5)
SMALL = DemoOptions(customers=400, products=240, transactions=3_000, days=200, as_of=AS_OF)

Rows = dict[str, list[dict[str, Any]]]


def collect(batches: Iterable[Batch]) -> Rows:
    tables: Rows = defaultdict(list)
    for batch in batches:
        tables[batch.table.name] += [dict(zip(batch.table.columns, row, strict=True)) for row in batch.rows]
    return tables


def digest(options: DemoOptions) -> str:
    seen = sha256()
    for batch in generate(options):
        seen.update(batch.table.name.encode())
        seen.update(batch.table.copy_text(batch.rows))
    return seen.hexdigest()


def moment(cell: str) -> datetime:
    return datetime.fromisoformat(cell)


def local_date(receipt: dict[str, Any]) -> date:
    return moment(receipt["transaction_date"]).astimezone(PACIFIC).date()
