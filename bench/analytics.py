"""Questions about a year of one busy store: through the server, and the same statements by asyncpg."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.calls import unbounded
from bench.cases import STORE, Call, Case
from bench.database import Cluster, Retailer, kept_retailer, temporary_retailer
from bench.load import Sample, measure, warm_up
from bench.options import BenchOptions
from bench.questions import QUESTIONS, SQL_QUESTIONS, best_customer
from bench.recording import record
from bench.targets import asyncpg_target, http_target
from seed.demo import load_demo
from seed.options import DemoOptions
from server.db.operator import admin_connection

_IS_LOADED = "select exists (select from retail.sales_transactions)"
_RECEIPTS = """
select count(*), (max(t.transaction_date) at time zone s.time_zone)::date
from retail.sales_transactions t
join retail.stores s on s.store_id = t.store_id
where t.store_id = $1
group by s.time_zone
"""
_A_CUSTOMER = """
select customer_id::text from retail.customers where store_id = $1 order by purchase_count desc, customer_id limit 1
"""


@dataclass(frozen=True)
class AnalyticFigure:
    """One question, one client.

    Attributes:
        case: The question.
        transactions: Receipts of the store.
        p50_ms: Median latency over HTTP; like all that follows the median of the rounds.
        p95_ms: 95th percentile of it.
        asyncpg_p50_ms: Of the same statements by asyncpg, in the same transaction and store context.
        asyncpg_p95_ms: 95th percentile of it.
        p95_ratio: The one as a multiple of the other in the same round.
        cpu_ms: CPU time of the server per call, that of the database not included.
        errors: Calls that failed, of both.
        rounds: What each round gave: asyncpg, server.
    """

    case: str
    transactions: int
    p50_ms: float
    p95_ms: float
    asyncpg_p50_ms: float
    asyncpg_p95_ms: float
    p95_ratio: float
    cpu_ms: float
    errors: int
    rounds: list[tuple[Sample, Sample]]


def one_store(options: BenchOptions) -> DemoOptions:
    """All receipts in one store."""
    return DemoOptions(
        stores=1,
        customers=max(options.analytic_transactions // 20, 1),
        products=options.products,
        transactions=options.analytic_transactions,
    )


async def measure_analytics(
    cluster: Cluster, options: BenchOptions, directory: Path, tell: Callable[[str], None]
) -> list[AnalyticFigure]:
    """Load one busy store into a database of its own, unless one was kept, and ask it."""
    async with AsyncExitStack() as stack:
        if options.analytic_database is None:
            retailer = await stack.enter_async_context(temporary_retailer(cluster))
        else:
            retailer = await kept_retailer(cluster, options.analytic_database)
        async with admin_connection(retailer.admin_url) as connection:
            is_loaded = await connection.fetchval(_IS_LOADED)
        if not is_loaded:
            tell(f"One store: {options.analytic_transactions:,} transactions")
            loaded = await load_demo(retailer.admin_url, one_store(options))
            tell(f"{loaded.transactions_per_second:,.0f} transactions per second")
        return await _ask(retailer, options, directory, tell)


async def _ask(
    retailer: Retailer, options: BenchOptions, directory: Path, tell: Callable[[str], None]
) -> list[AnalyticFigure]:
    """Each round goes from asyncpg straight to the server, question by question."""
    token = await retailer.token(STORE)
    async with admin_connection(retailer.admin_url) as connection:
        transactions, last = await connection.fetchrow(_RECEIPTS, STORE)
        customer_id = await connection.fetchval(_A_CUSTOMER, STORE)
    found = []
    async with (
        asyncpg_target(retailer, token, 1) as baseline,
        asyncpg_target(retailer, token, 1, for_sql=True) as baseline_for_sql,
        http_target(unbounded(retailer), token, 1, directory) as server,
    ):
        asked = [(question, baseline) for question in (*QUESTIONS, best_customer(customer_id))]
        for question, beside in [*asked, *((question, baseline_for_sql) for question in SQL_QUESTIONS)]:
            arguments = question.asked(last)
            (statements,) = await record(retailer, token, question.tool, [arguments])
            case = Case(question.name, question.tool, [Call(arguments, statements)], question.is_answer)
            for target in (beside, server):
                await warm_up(target, case, 1)
            rounds = []
            for number in range(options.rounds):
                tell(f"Round {number + 1} of {options.rounds}: {question.name}")
                seconds = options.seconds_per_case / options.rounds
                rounds.append((await measure(beside, case, 1, seconds), await measure(server, case, 1, seconds)))
            found.append(_figure(question.name, transactions, rounds))
    return found


def _figure(name: str, transactions: int, rounds: list[tuple[Sample, Sample]]) -> AnalyticFigure:
    return AnalyticFigure(
        case=name,
        transactions=transactions,
        p50_ms=median(mine.p50_ms for _, mine in rounds),
        p95_ms=median(mine.p95_ms for _, mine in rounds),
        asyncpg_p50_ms=median(its.p50_ms for its, _ in rounds),
        asyncpg_p95_ms=median(its.p95_ms for its, _ in rounds),
        p95_ratio=median(mine.p95_ms / its.p95_ms for its, mine in rounds),
        cpu_ms=median(mine.cpu_ms_per_call for _, mine in rounds),
        errors=sum(sample.errors for pair in rounds for sample in pair),
        rounds=rounds,
    )
