"""The picture of list_low_stock shows what the tool answers, and nothing else."""

from __future__ import annotations

from tests.pictures.answers import low_stock, product, result
from tests.pictures.viewer import NOTHING, Viewer
from tests.support import Retailer

FIGURES = (
    "current_stock",
    "minimum_stock",
    "reorder_point",
    "maximum_stock",
    "units_sold",
    "days_of_supply",
    "lead_time_days",
    "suggested_order_quantity",
)


async def test_the_table_holds_the_answers_numbers(demo: Retailer, viewer: Viewer) -> None:
    async with demo.client("seattle") as client:
        answered = await client.call_tool("list_low_stock", {"limit": 12})
    answer = answered.structured_content
    assert answer is not None
    shown = await viewer.show("list_low_stock", result(answer))

    _, *rows = await shown.table()
    assert len(rows) == 12
    for cells, row in zip(rows, answer["rows"], strict=True):
        assert [cells[0], cells[1], cells[3]] == [row["product_name"], row["sku"], row["supplier_name"] or NOTHING]
        numbers = [None if cell == NOTHING else float(cell.replace(",", "")) for cell in cells[4:]]
        assert numbers == [None if row[name] is None else round(row[name], 2) for name in FIGURES]
    totals = await shown.frame.locator("dd.value").all_text_contents()
    assert totals == [str(answer[name]) for name in ("low_products", "out_of_stock_products", "total_matches")]


async def test_bars_are_parts_of_the_maximum(viewer: Viewer) -> None:
    answer = low_stock(
        product("a quarter", current_stock=25, reorder_point=50, minimum_stock=10, maximum_stock=100),
        product("none", current_stock=-4, maximum_stock=100),
        product("too many", current_stock=200, reorder_point=50, maximum_stock=100),
    )
    shown = await viewer.show("list_low_stock", result(answer))
    drawn = await shown.frame.locator(".track").evaluate_all(
        """tracks => tracks.map(track => [
            track.querySelector('i')?.style.width ?? null, track.querySelector('b:last-child').style.left,
        ])"""
    )
    assert drawn == [["25%", "50%"], [None, "9%"], ["100%", "25%"]]


async def test_a_product_without_a_maximum_has_no_order(viewer: Viewer) -> None:
    open_ended = product("open", current_stock=5, reorder_point=10, maximum_stock=None, suggested_order_quantity=None)
    shown = await viewer.show("list_low_stock", result(low_stock(open_ended)))

    text = await shown.frame.locator(".row.stock").inner_text()
    assert "no order suggested" in text
    assert "5 on hand" in text
    _, cells = await shown.table()
    assert (cells[7], cells[11]) == (NOTHING, NOTHING)


async def test_the_most_pressing_fact_is_said_in_words(viewer: Viewer) -> None:
    late = {"will_run_out_before_delivery": True}
    answer = low_stock(
        product("gone", current_stock=0, **late),
        product("late", current_stock=20, **late),
        product("below", current_stock=4),
        product("at the point", current_stock=9),
        product("listed for its days", current_stock=30, days_of_supply=1),
        product("unsold", current_stock=4, days_of_supply=None),
    )
    shown = await viewer.show(
        "list_low_stock", result(answer), arguments={"max_days_of_supply": 7, "category": "Tools"}
    )

    assert [cells[2] for cells in (await shown.table())[1:]] == [
        "Out of stock",
        "Runs out before a delivery",
        "Below minimum",
        "To be reordered",
        "Above reorder point",
        "Below minimum",
    ]
    text = await shown.text()
    assert "Stock that lasts 7 days at most" in text
    assert "seattle, Tools" in text
    assert "lasts 1 day\n" in text
    assert "did not sell" in text


async def test_it_says_what_is_missing(viewer: Viewer) -> None:
    assert "No product is that low." in await (await viewer.show("list_low_stock", result(low_stock()))).text()
    page = low_stock(product("Hammer"), total_matches=1234, has_more=True)
    text = await (await viewer.show("list_low_stock", result(page))).text()
    assert "The 1 most urgent of 1,234 are drawn here" in text
