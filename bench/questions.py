"""What a busy store is asked, and how an answer is known to be one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

Answer = Mapping[str, Any]

# What no other tool tells: nine of ten receipts of a weekday and payment method are below this amount.
AD_HOC_SQL = """
select extract(isodow from local_date)::int as weekday, payment_method, count(*) as receipts,
  round(avg(net_revenue), 2) as average, percentile_cont(0.9) within group (order by net_revenue) as ninth_tenth
from sales
where transaction_date > (select max(transaction_date) from sales) - interval '7 days'
group by 1, 2
order by 1, 2
"""


@dataclass(frozen=True)
class Question:
    """What is asked of the store.

    Attributes:
        name: What the table says.
        tool: The tool that answers it.
        is_answer: Whether a structured result is what was asked for.
        days: Length of the period, which ends with the last day of the receipts; None for a tool without a period.
        arguments: All the others.
    """

    name: str
    tool: str
    is_answer: Callable[[Answer], bool]
    days: int | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def asked(self, last: date) -> dict[str, Any]:
        """The arguments, of a store whose last receipts are of a day."""
        if self.days is None:
            return dict(self.arguments)
        first = last - timedelta(days=self.days - 1)
        return {**self.arguments, "start_date": str(first), "end_date": str(last)}


def _adds_up(rows: Iterable[Answer], whole: Answer, figure: str) -> bool:
    return Decimal(whole[figure]) == sum(Decimal(row[figure]) for row in rows) > 0


def _sales(answer: Answer) -> bool:
    """All groups are there, and make the whole."""
    revenues = [row["figures"] for row in answer["rows"]]
    return not answer["has_more"] and _adds_up(revenues, answer["totals"]["figures"], "net_revenue")


def _months(answer: Answer) -> bool:
    return len(answer["rows"]) in (12, 13) and _sales(answer)


def _compared(answer: Answer) -> bool:
    return _sales(answer) and all("comparison" in row for row in answer["rows"])


def _ranking(answer: Answer) -> bool:
    return [row["rank"] for row in answer["rows"]] == list(range(1, 11))


def _returns(answer: Answer) -> bool:
    return _adds_up(answer["rows"], answer["totals"], "units_returned")


def _pairs(answer: Answer) -> bool:
    lifts = [row["lift"] for row in answer["rows"]]
    return len(lifts) == 10 and lifts == sorted(lifts, reverse=True)


def _activity(answer: Answer) -> bool:
    figures = answer["activity"]
    return 0 < figures["buyers"] == figures["new_customers"] + figures["returning_customers"]


def _segments(answer: Answer) -> bool:
    return len(answer["segments"]) == 11 and sum(row["customers"] for row in answer["segments"]) > 0


def _cohorts(answer: Answer) -> bool:
    return len(answer["cohorts"]) == 12 and answer["cohort_table"]["customers"] > 0


def _page(answer: Answer) -> bool:
    return 0 < len(answer["rows"]) <= answer["total_matches"]


def _stock(answer: Answer) -> bool:
    return answer["more_groups"] == 0 and _adds_up(
        (row["figures"] for row in answer["groups"]), answer["totals"], "retail_value"
    )


# Those whose latency has a target.
FROM_ROLLUPS = ("a year by month", "a year by category", "a year's top products")
_MONTH_AND_CATEGORY = {"group_by": ["month", "category"], "compare_to": "previous_period", "limit": 400}
_CATEGORY_AND_PAYMENT = {"group_by": ["category", "payment_method"], "limit": 400}
QUESTIONS = (
    Question(FROM_ROLLUPS[0], "summarize_sales", _months, 365, {"group_by": ["month"]}),
    Question(FROM_ROLLUPS[1], "summarize_sales", _sales, 365, {"group_by": ["category"]}),
    Question(FROM_ROLLUPS[2], "list_top_products", _ranking, 365),
    Question("a year by month and category, compared", "summarize_sales", _compared, 365, _MONTH_AND_CATEGORY),
    Question("a year, stores compared", "compare_stores", lambda answer: len(answer["rows"]) == 1, 365),
    Question("30 days by category and payment", "summarize_sales", _sales, 30, _CATEGORY_AND_PAYMENT),
    Question("returns, 30 days", "summarize_returns", _returns, 30),
    Question("best pairs, 30 days", "list_bought_together", _pairs, 30),
    Question("customers: activity, 30 days", "summarize_customers", _activity, 30, {"view": "activity"}),
    Question("customers: segments", "summarize_customers", _segments, None, {"view": "segments"}),
    Question("customers: cohorts", "summarize_customers", _cohorts, None, {"view": "cohorts"}),
    Question("customers at risk", "search_customers", _page, None, {"segment": "at_risk"}),
    Question("low stock", "list_low_stock", _page),
    Question("stock by category", "summarize_inventory", _stock, None, {"limit": 50}),
)
SQL_QUESTIONS = (
    Question(
        "SQL: 7 days by weekday and payment",
        "run_query",
        lambda answer: answer["row_count"] == len(answer["rows"]) > 7,
        None,
        {"sql": AD_HOC_SQL},
    ),
    Question("SQL: tables and columns", "get_schema", lambda answer: len(answer["tables"]) == 5),
)


def best_customer(customer_id: str) -> Question:
    """The rhythm of one customer who buys often."""
    return Question(
        "best customer", "get_customer", lambda answer: answer["orders"] > 1, None, {"customer_id": customer_id}
    )
