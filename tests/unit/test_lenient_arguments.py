"""Arguments as clients really send them are those that they mean."""

from __future__ import annotations

from typing import Any

import pytest

from server import tools
from server.middleware.lenient_arguments import read_arguments
from server.toolkit.answering import tool_of

SCHEMAS = {function.__name__: tool_of(function).parameters for function in tools.discover()}


@pytest.mark.parametrize(
    ("tool", "sent", "meant"),
    [
        # Lists and objects as JSON text, and a lone value for a list.
        ("get_products", {"products": '["CL-1", "CL-2"]'}, {"products": ["CL-1", "CL-2"]}),
        ("get_products", {"products": "CL-1"}, {"products": ["CL-1"]}),
        ("get_products", {"products": 4006381333931}, {"products": ["4006381333931"]}),
        ("get_products", {"products": [7, "A"]}, {"products": ["7", "A"]}),
        ("get_products", {"products": "[not json"}, {"products": ["[not json"]}),
        ("get_products", {"products": "[" * 100_000}, {"products": ["[" * 100_000]}),
        ("summarize_sales", {"group_by": '["month"]', "metrics": "tax"}, {"group_by": ["month"], "metrics": ["tax"]}),
        ("search_products", {"attributes": '{"color": "navy"}'}, {"attributes": {"color": "navy"}}),
        ("search_products", {"attributes": '["navy"]'}, {"attributes": '["navy"]'}),
        # A number where a text is declared, but no truth value and no choice.
        ("get_transaction", {"transaction": 3001}, {"transaction": "3001"}),
        ("get_transaction", {"transaction": True}, {"transaction": True}),
        ("search_products", {"mode": 5}, {"mode": 5}),
        # Days with one reading.
        ("summarize_sales", {"start_date": "2026-10-1"}, {"start_date": "2026-10-01"}),
        ("summarize_sales", {"start_date": "2026-10-01T00:00:00Z"}, {"start_date": "2026-10-01"}),
        ("summarize_sales", {"start_date": "2026-10-01 12:30:00.5+02:00"}, {"start_date": "2026-10-01"}),
        ("summarize_sales", {"start_date": "1.10.2026"}, {"start_date": "1.10.2026"}),
        ("summarize_sales", {"start_date": 20261001}, {"start_date": "20261001"}),
        # What the tool does not have, or cannot do without, stays.
        ("get_products", {"products": None, "other": None}, {"products": None, "other": None}),
        ("get_products", {"products": []}, {"products": []}),
    ],
)
def test_what_is_sent_is_what_is_meant(tool: str, sent: dict[str, Any], meant: dict[str, Any]) -> None:
    assert read_arguments(sent, SCHEMAS[tool]) == meant


@pytest.mark.parametrize("empty", [None, "", [], {}], ids=["null", "text", "list", "object"])
@pytest.mark.parametrize("tool", SCHEMAS)
def test_an_empty_value_is_none_for_every_argument_that_may_be_left_out(tool: str, empty: Any) -> None:
    required = SCHEMAS[tool].get("required", [])
    read = read_arguments(dict.fromkeys(SCHEMAS[tool]["properties"], empty), SCHEMAS[tool])
    assert set(read) == set(required)


@pytest.mark.parametrize("value", [0, False, 0.0, " "])
def test_what_is_not_empty_is_kept(value: Any) -> None:
    assert read_arguments({"in_stock": value}, SCHEMAS["search_products"]) == {"in_stock": value}
