"""The picture of summarize_sales shows what the tool answers, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.pictures.answers import group, result, sales
from tests.pictures.viewer import NOTHING, Viewer
from tests.support import Retailer

PERIOD = {"start_date": "2026-06-01", "end_date": "2026-11-20"}
MONEY = ("net_revenue", "average_basket", "margin")


async def answer_of(demo: Retailer, **arguments: Any) -> dict[str, Any]:
    async with demo.client("seattle") as client:
        answered = await client.call_tool("summarize_sales", PERIOD | arguments)
    assert answered.structured_content is not None
    return answered.structured_content


def as_shown(metric: str, value: Any) -> str:
    """A figure in American English, worked out without the browser."""
    if value is None:
        return NOTHING
    number = float(value)
    sign = "-" if number < 0 else ""
    if metric in MONEY:
        return f"{sign}${abs(number):,.2f}"
    return f"{number:,.1f}%" if metric.endswith("_rate") else f"{number:,.10g}"


@pytest.mark.parametrize(("dimension", "kind"), [("month", "svg"), ("day", "svg"), ("category", ".row")])
async def test_the_table_holds_the_answers_numbers(dimension: str, kind: str, demo: Retailer, viewer: Viewer) -> None:
    metrics = ["units_sold", "net_revenue", "average_basket"]
    answer = await answer_of(demo, group_by=[dimension], metrics=metrics, compare_to="same_period_last_year", limit=400)
    shown = await viewer.show("summarize_sales", result(answer), arguments={"metrics": metrics})

    heads, *rows = await shown.table()
    told = ["net_revenue", "units_sold", "average_basket"]
    assert heads == [
        dimension.capitalize(),
        *(
            cell
            for name in ("Net revenue", "Units sold", "Average basket")
            for cell in (name, f"{name} before", "Change")
        ),
    ]
    assert len(rows) == len(answer["rows"]) > 5
    for cells, row in zip(rows, answer["rows"], strict=True):
        assert cells[1::3] == [as_shown(metric, row["figures"].get(metric)) for metric in told]
        assert cells[2::3] == [as_shown(metric, row["comparison"].get(metric)) for metric in told]
        changes = [row["change_percent"].get(metric) for metric in told]
        assert [cell == NOTHING for cell in cells[3::3]] == [change is None for change in changes]
    totals = answer["totals"]["figures"]
    assert await shown.frame.locator("dd.value").all_text_contents() == [as_shown(m, totals[m]) for m in told]
    # Drawn first is what was asked for first.
    assert await shown.frame.locator("h1").text_content() == f"Units sold by {dimension}"
    assert await shown.frame.locator(f".chart {kind}").count() >= 1


async def test_another_figure_can_be_chosen(demo: Retailer, viewer: Viewer) -> None:
    answer = await answer_of(demo, group_by=["category"], metrics=["net_revenue", "margin_rate"])
    shown = await viewer.show("summarize_sales", result(answer))
    await shown.frame.get_by_label("Figure").select_option("Margin rate")

    assert await shown.frame.locator("h1").text_content() == "Margin rate by category"
    await shown.frame.locator(".chart").press("Home")
    first = answer["rows"][0]
    spoken = await shown.frame.locator("[role=status]").text_content()
    assert spoken == f"{first['key']}: margin rate {as_shown('margin_rate', first['figures']['margin_rate'])}."


async def test_amounts_are_read_as_they_came_in_the_hosts_language(viewer: Viewer) -> None:
    """Beyond what a floating point number can hold to the cent."""
    answer = sales(["category"], group("Tools", "123456789012345678.91"), currency="EUR")
    shown = await viewer.show("summarize_sales", result(answer), context={"theme": "light", "locale": "de-DE"})
    assert (await shown.table())[1][1].replace("\u00a0", " ") == "123.456.789.012.345.678,91 €"
    await shown.tell("host-context-changed", {"locale": "en-US"})
    await shown.frame.get_by_text("Jan 1").first.wait_for()
    assert (await shown.table())[1][1] == "€123,456,789,012,345,678.91"


async def test_what_is_lost_points_the_other_way(viewer: Viewer) -> None:
    answer = sales(["brand"], group("Earns", "300.00"), group("Loses", "-100.00"))
    shown = await viewer.show("summarize_sales", result(answer))
    bars = await shown.frame.locator(".track i.now").evaluate_all(
        "bars => bars.map(bar => [bar.style.left, bar.style.width])"
    )
    assert bars == [["25%", "75%"], ["0%", "25%"]]

    months = sales(["month"], group("2026-01-01", "300.00"), group("2026-02-01", "-100.00"))
    shown = await viewer.show("summarize_sales", result(months))
    [earned, lost] = await shown.frame.locator("rect.now").evaluate_all(
        "columns => columns.map(column => ['y', 'height'].map(name => Number(column.getAttribute(name))))"
    )
    assert earned[1] == pytest.approx(3 * lost[1])
    assert earned[0] + earned[1] == pytest.approx(lost[0])


async def test_names_of_groups_are_for_people(viewer: Viewer) -> None:
    cases = {
        ("day", "2026-11-20"): "Fri, Nov 20, 2026",
        ("week", "2026-11-16"): "Week of Mon, Nov 16, 2026",
        ("month", "2026-11-01"): "November 2026",
        ("quarter", "2026-10-01"): "Q4 2026",
        ("hour", "09"): "09:00",
        ("customer_tier", "gold"): "gold",
        ("payment_method", "credit_card"): "credit card",
    }
    shown = await viewer.show("summarize_sales", None)
    for (dimension, key), name in cases.items():
        await shown.tell("tool-result", result(sales([dimension], group(key, "1.00"))))
        await shown.frame.get_by_role("rowheader", name=name, exact=True).wait_for()
    weekday = sales(["weekday"], group("1", "1.00", label="Monday"))
    await shown.tell("tool-result", result(weekday))
    await shown.frame.get_by_role("rowheader", name="Monday", exact=True).wait_for()
    two = sales(["month", "customer_tier"], group("2026-11-01", "1.00", second_key="gold"))
    await shown.tell("tool-result", result(two))
    await shown.frame.get_by_role("rowheader", name="November 2026 · gold", exact=True).wait_for()


async def test_a_point_is_told_with_share_change_and_doubt(viewer: Viewer) -> None:
    compared = {
        "comparison": {"net_revenue": "200.00"},
        "change": {"net_revenue": "50.00"},
        "change_percent": {"net_revenue": 25.0},
        "share_percent": 25.0,
        "few_events": True,
    }
    answer = sales(["month"], group("2026-01-01", "250.00", **compared), compared=True)
    shown = await viewer.show("summarize_sales", result(answer))
    await shown.frame.locator(".chart").press("Home")
    assert await shown.frame.locator("[role=status]").text_content() == (
        "January 2026: net revenue $250.00, 25.0% of the total, before $200.00, change +25.0%, "
        "of fewer than 5 receipts."
    )
    text = await shown.text()
    assert "Compared with Jan 1 \u2013 Mar 31, 2025" in text
    assert "may be mere chance" in text


async def test_it_says_what_is_missing(viewer: Viewer) -> None:
    empty = await viewer.show("summarize_sales", result(sales(["category"])))
    assert "Nothing was sold or returned in this period." in await empty.text()
    cut = sales(
        ["brand"],
        group("A", "1.00"),
        has_more=True,
        truncated={"field": "rows", "left_out": 7, "advice": "Ask for fewer."},
    )
    text = await (await viewer.show("summarize_sales", result(cut))).text()
    assert "There are more groups than are drawn here" in text
    assert "7 groups were left out" in text


async def test_totals_alone_need_no_chart(viewer: Viewer) -> None:
    shown = await viewer.show("summarize_sales", result(sales([], compared=True)))
    assert await shown.frame.locator("dd").all_text_contents() == ["$1,000.00", "+25.0%", "before $800.00"]
    assert await shown.frame.locator(".chart, button, select").count() == 0
