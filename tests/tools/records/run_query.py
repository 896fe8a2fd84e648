"""run_query."""

from __future__ import annotations

from tests.tools.neighbours import Side
from tests.tools.record import ToolRecord


def _queries(side: Side) -> list[str]:
    """SQL that asks for everything, and for this side's things by name."""
    return [
        *(f"select * from {table} order by 2" for table in ("stores", "customers", "products", "sales", "sale_items")),
        f"select count(*), max(product_name) from products where sku = '{side.sku}' or brand = '{side.brand}'",
        f"select * from sales where customer_id = '{side.customer_id}' or receipt_number = '{side.sale}' order by 2",
        "select store_id, count(*), sum(net_revenue), min(margin) from sale_items group by rollup (1) order by 1",
    ]


RECORD = ToolRecord(
    kept={"sql": "outline", "limit": "number", "store_id": "identifier"},
    calls=lambda side, _query: [{"sql": sql} for sql in _queries(side)],
    widest={"sql": "select * from products order by sku", "limit": 500},
)
