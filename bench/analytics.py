"""Questions about a year of one busy store: through the server, and the same statements by asyncpg."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

from bench.calls import unbounded
from bench.cases import STORE, Call, Case
from bench.database import Cluster, Retailer, temporary_retailer
from bench.load import Sample, measure, warm_up
from bench.options import BenchOptions
from bench.recording import record
from bench.targets import asyncpg_target, http_target
from seed.demo import load_demo
from seed.options import DemoOptions
from server.admin.connection import admin_connection

_A_CUSTOMER = """
select customer_id::text from retail.customers where store_id = $1 order by purchase_count desc, customer_id limit 1
"""


@dataclass(frozen=True)
class Question:
    """What is asked of the store.

    Attributes:
        name: What the table says.
        tool: The tool that answers it.
        days: Length of the period, which ends with the last day of the receipts; None for a tool without a period.
        arguments: All the others.
    """

    name: str
    tool: str
    days: int | None
    arguments: Mapping[str, Any] = field(default_factory=dict)


# Those whose latency has a target.
FROM_ROLLUPS = ("a year by month", "a year by category", "a year's top products")
_MONTH_AND_CATEGORY = {"group_by": ["month", "category"], "compare_to": "previous_period", "limit": 400}
_QUESTIONS = (
    Question(FROM_ROLLUPS[0], "summarize_sales", 365, {"group_by": ["month"]}),
    Question(FROM_ROLLUPS[1], "summarize_sales", 365, {"group_by": ["category"]}),
    Question(FROM_ROLLUPS[2], "list_top_products", 365),
    Question("a year by month and category, compared", "summarize_sales", 365, _MONTH_AND_CATEGORY),
    Question("30 days by category and payment", "summarize_sales", 30, {"group_by": ["category", "payment_method"]}),
    Question("returns, 30 days", "summarize_returns", 30),
    Question("best pairs, 90 days", "list_bought_together", 90),
    Question("customers: activity, 30 days", "summarize_customers", 30, {"view": "activity"}),
    Question("customers: segments", "summarize_customers", None, {"view": "segments"}),
    Question("customers: cohorts", "summarize_customers", None, {"view": "cohorts"}),
    Question("customers at risk", "search_customers", None, {"segment": "at_risk"}),
    Question("low stock", "list_low_stock", None),
    Question("stock by category", "summarize_inventory", None),
)


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
    """Load one busy store into a database of its own and ask it."""
    async with temporary_retailer(cluster) as retailer:
        tell(f"One store: {options.analytic_transactions:,} transactions")
        await load_demo(retailer.admin_url, one_store(options))
        return await ask_analytics(retailer, options, directory, tell)


async def ask_analytics(
    retailer: Retailer, options: BenchOptions, directory: Path, tell: Callable[[str], None]
) -> list[AnalyticFigure]:
    """Ask a store that is loaded; each round goes from asyncpg straight to the server, question by question."""
    token = await retailer.token(STORE)
    last = one_store(options).as_of - timedelta(days=1)
    found = []
    async with admin_connection(retailer.admin_url) as connection:
        customer_id = await connection.fetchval(_A_CUSTOMER, STORE)
    a_customer = Question("best customer", "get_customer", None, {"customer_id": customer_id})
    async with (
        asyncpg_target(retailer, token, 1) as baseline,
        http_target(unbounded(retailer), token, 1, directory) as server,
    ):
        for question in (*_QUESTIONS, a_customer):
            asked = dict(question.arguments)
            if question.days is not None:
                asked |= {"start_date": str(last - timedelta(days=question.days - 1)), "end_date": str(last)}
            (statements,) = await record(retailer, token, question.tool, [asked])
            # What an answer says is the tests' to check; a store of this size has one to each question.
            case = Case(question.name, question.tool, [Call(asked, statements)], lambda answer: len(answer) > 1)
            for target in (baseline, server):
                await warm_up(target, case, 1)
            rounds = []
            for number in range(options.rounds):
                tell(f"Round {number + 1} of {options.rounds}: {question.name}")
                seconds = options.seconds_per_case / options.rounds
                rounds.append((await measure(baseline, case, 1, seconds), await measure(server, case, 1, seconds)))
            found.append(_figure(question.name, options.analytic_transactions, rounds))
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
        errors=sum(sample.errors for pair in rounds for sample in pair),
        rounds=rounds,
    )
