"""Answers with what the demo data lacks: hostile and endless names, negative figures, nothing at all."""

from __future__ import annotations

from typing import Any

HOSTILE = "<img src=x onerror=\"document.title='owned'\"></script><script>document.title='owned'</script>"
ENDLESS = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 4


def result(answer: dict[str, Any]) -> dict[str, Any]:
    """The result of a call that answered this."""
    return {"content": [], "structuredContent": answer}


def product(name: str, **figures: Any) -> dict[str, Any]:
    """A row of list_low_stock."""
    return {
        "product_id": "00000000-0000-0000-0000-000000000001",
        "sku": "SKU-1",
        "product_name": name,
        "brand": None,
        "category": None,
        "current_stock": 3,
        "reorder_point": 9,
        "minimum_stock": 5,
        "maximum_stock": 49,
        "units_sold": 12,
        "daily_velocity": 0.4,
        "days_of_supply": 7.5,
        "lead_time_days": 5,
        "will_run_out_before_delivery": False,
        "suggested_order_quantity": 46,
        "supplier_name": None,
        "last_sold_date": None,
    } | figures


def low_stock(*rows: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """An answer of list_low_stock."""
    return {
        "store_id": "seattle",
        "sales_period": {"start_date": "2026-10-22", "end_date": "2026-11-20", "time_zone": "America/Los_Angeles"},
        "low_products": len(rows),
        "out_of_stock_products": 0,
        "total_matches": len(rows),
        "rows": list(rows),
        "has_more": False,
        "next_cursor": None,
    } | fields


def sales(group_by: list[str], *rows: dict[str, Any], compared: bool = False, **fields: Any) -> dict[str, Any]:
    """An answer of summarize_sales about net revenue."""
    totals = {"figures": {"net_revenue": "1000.00"}}
    if compared:
        totals |= {
            "comparison": {"net_revenue": "800.00"},
            "change": {"net_revenue": "200.00"},
            "change_percent": {"net_revenue": 25.0},
        }
        fields["comparison_period"] = {"start_date": "2025-01-01", "end_date": "2025-03-31", "time_zone": "UTC"}
    return {
        "store_id": "seattle",
        "currency": "USD",
        "period": {"start_date": "2026-01-01", "end_date": "2026-03-31", "time_zone": "UTC"},
        "group_by": group_by,
        "totals": totals,
        "rows": list(rows),
        "has_more": False,
        "next_cursor": None,
    } | fields


def group(key: str, net_revenue: str, **fields: Any) -> dict[str, Any]:
    """A row of summarize_sales."""
    return {"key": key, "figures": {"net_revenue": net_revenue}} | fields
