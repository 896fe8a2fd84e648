"""What pictures share: how they talk with a host, and what they show in every case."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe

from tests.pictures.answers import ENDLESS, HOSTILE, group, low_stock, product, result, sales
from tests.pictures.conftest import TOOLS
from tests.pictures.viewer import LIGHT, Viewer
from tests.support import Retailer

ANSWERS: dict[str, dict[str, Any]] = {
    "list_low_stock": result(low_stock(product("Hammer"), product("Saw", current_stock=0), product("Nail"))),
    "summarize_sales": result(
        sales(["month"], group("2026-01-01", "300.00"), group("2026-02-01", "-50.00"), group("2026-03-01", "750.00"))
    ),
}
each_tool = pytest.mark.parametrize("tool", TOOLS)


async def test_tools_name_pictures_that_load_nothing(demo: Retailer) -> None:
    async with demo.client("seattle") as client:
        named = {tool.name: tool.meta["ui"] for tool in await client.list_tools() if "ui" in (tool.meta or {})}
        assert set(named) == set(TOOLS)
        for ui in named.values():
            [content] = await client.read_resource(ui["resourceUri"])
            assert content.mime_type == "text/html;profile=mcp-app"
            # No domain is asked for, so that the host allows none.
            assert content.meta["ui"] == {"prefersBorder": True}
            assert content.text.startswith("<!doctype html>")
            assert content.text.count("</script>") == content.text.count("<script") == 1


async def test_whoever_may_not_call_the_tool_does_not_see_its_picture(demo: Retailer) -> None:
    async with demo.client("seattle", role="auditor") as client:
        assert [resource for resource in await client.list_resources() if str(resource.uri).startswith("ui:")] == []


@each_tool
async def test_it_greets_the_host_and_tells_its_size(tool: str, viewer: Viewer) -> None:
    shown = await viewer.show(tool, ANSWERS[tool])

    greeting, initialized, *others = await shown.received()
    assert greeting["jsonrpc"] == "2.0"
    assert greeting["method"] == "ui/initialize"
    assert greeting["params"]["protocolVersion"] == "2026-01-26"
    assert greeting["params"]["appCapabilities"] == {"availableDisplayModes": ["inline", "fullscreen"]}
    assert {"name", "version"} == set(greeting["params"]["appInfo"])
    assert initialized == {"jsonrpc": "2.0", "method": "ui/notifications/initialized"}
    assert {message["method"] for message in others} == {"ui/notifications/size-changed"}
    height = await shown.frame.evaluate("document.documentElement.scrollHeight")
    await shown.page.wait_for_timeout(50)
    sizes = await shown.received("ui/notifications/size-changed")
    assert abs(sizes[-1]["params"]["height"] - height) <= 2


@each_tool
async def test_it_answers_the_hosts_requests(tool: str, viewer: Viewer) -> None:
    shown = await viewer.show(tool, ANSWERS[tool])
    await shown.page.evaluate("ask(7, 'ping'); ask(8, 'ui/resource-teardown'); ask(9, 'tools/call')")
    await shown.page.wait_for_timeout(100)

    answers = {message["id"]: message for message in await shown.received() if message.get("id", 0) >= 7}
    assert answers[7]["result"] == answers[8]["result"] == {}
    assert answers[9]["error"]["code"] == -32601


@each_tool
async def test_it_waits_and_then_shows_a_late_answer(tool: str, viewer: Viewer) -> None:
    shown = await viewer.show(tool, None)
    assert "Waiting for the figures." in await shown.text()

    await shown.tell("tool-result", ANSWERS[tool])
    await shown.frame.locator(".chart").wait_for()
    assert "Waiting" not in await shown.text()


@each_tool
async def test_it_says_why_there_is_nothing_to_see(tool: str, viewer: Viewer) -> None:
    shown = await viewer.show(tool, None)
    await shown.tell("tool-cancelled", {"reason": "the user stopped it"})
    await shown.frame.get_by_text("The question was taken back").wait_for()
    await shown.tell("tool-result", {"isError": True, "content": [{"type": "text", "text": f"No such store. {HOSTILE}"}]})
    await shown.frame.get_by_text(f"No such store. {HOSTILE}").wait_for()
    await shown.tell("tool-result", {"content": [{"type": "text", "text": "Nothing structured."}]})
    await shown.frame.get_by_text("The answer holds no figures to draw.").wait_for()


@each_tool
async def test_nobody_but_the_host_is_listened_to(tool: str, viewer: Viewer) -> None:
    shown = await viewer.show(tool, None)
    await shown.frame.evaluate(
        "message => window.postMessage(message, '*')",
        {"jsonrpc": "2.0", "method": "ui/notifications/tool-result", "params": ANSWERS[tool]},
    )
    await shown.page.wait_for_timeout(100)
    assert "Waiting for the figures." in await shown.text()


@each_tool
async def test_the_keyboard_walks_through_the_points(tool: str, viewer: Viewer) -> None:
    shown = await viewer.show(tool, ANSWERS[tool])
    spoken = shown.frame.locator("[role=status]")
    keyboard = shown.page.keyboard
    await shown.frame.locator("button").focus()
    await keyboard.press("Tab")
    told = []
    for key in ("ArrowRight", "ArrowDown", "End", "ArrowRight", "ArrowLeft", "Home", "ArrowUp"):
        await keyboard.press(key)
        marked = await shown.frame.locator(".chosen").evaluate_all("parts => parts.map(part => part.dataset.index)")
        told.append((marked, await spoken.text_content()))

    assert [marked for marked, _ in told] == [["0"], ["1"], ["2"], ["2"], ["1"], ["0"], ["0"]]
    first, second, third = told[0][1], told[1][1], told[2][1]
    assert len({first, second, third}) == 3
    assert [text for _, text in told] == [first, second, third, third, second, first, first]


@each_tool
async def test_the_button_changes_between_chart_and_table(tool: str, viewer: Viewer) -> None:
    shown = await viewer.show(tool, ANSWERS[tool])
    hidden = await shown.table()
    button = shown.frame.get_by_role("button")

    await button.focus()
    await shown.page.keyboard.press("Enter")
    assert await shown.frame.locator(".chart").count() == 0
    assert await shown.table() == hidden
    assert await button.text_content() == "Show as chart"
    await shown.page.keyboard.press("Enter")
    assert await shown.frame.locator(".chart").count() == 1


@each_tool
async def test_it_follows_the_hosts_theme_and_colours(tool: str, viewer: Viewer) -> None:
    shown = await viewer.show(tool, ANSWERS[tool])
    background = "getComputedStyle(document.body).backgroundColor"
    assert await shown.frame.evaluate(background) == "rgb(255, 255, 255)"

    await shown.tell("host-context-changed", {"theme": "dark"})
    assert await shown.frame.evaluate(background) == "rgb(31, 30, 29)"
    await shown.tell(
        "host-context-changed",
        {"styles": {"variables": {"--color-background-primary": "light-dark(#fefefe, #010203)"}}},
    )
    assert await shown.frame.evaluate(background) == "rgb(1, 2, 3)"


@each_tool
@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_everybody_can_use_it(tool: str, theme: str, viewer: Viewer) -> None:
    """By the rules of axe-core, contrast included; in both views and with a point chosen."""
    shown = await viewer.show(tool, ANSWERS[tool], context={"theme": theme, "locale": "en-US"})
    for step in ("the chart", "a point chosen", "the table"):
        if step == "a point chosen":
            await shown.frame.locator(".chart").press("ArrowRight")
        elif step == "the table":
            await shown.frame.get_by_role("button").click()
        found = await Axe().run(shown.frame)
        assert found.violations_count == 0, f"{step}: {found.generate_report()}"


@each_tool
async def test_names_are_text_whatever_they_hold(tool: str, viewer: Viewer) -> None:
    answers = {
        "list_low_stock": low_stock(product(HOSTILE, sku=HOSTILE, supplier_name=HOSTILE), store_id=HOSTILE),
        "summarize_sales": sales(["product"], group(HOSTILE, "1.00", label=HOSTILE), store_id=HOSTILE),
    }
    shown = await viewer.show(tool, result(answers[tool]), arguments={"category": HOSTILE, "brand": HOSTILE})
    await shown.frame.locator(".chart").press("ArrowRight")
    assert HOSTILE in await shown.text()
    await shown.frame.get_by_role("button").click()
    assert (await shown.table())[1][0] == HOSTILE
    assert await shown.frame.locator("img").count() == 0
    assert "owned" not in await shown.frame.evaluate("document.title")


@each_tool
@pytest.mark.parametrize("width", [360, 800])
async def test_nothing_sticks_out(tool: str, width: int, viewer: Viewer) -> None:
    answers = {
        "list_low_stock": low_stock(product(ENDLESS, current_stock=-2), product("Hammer", current_stock=900)),
        "summarize_sales": sales(["product"], group("A", "-123456789012.34", label=ENDLESS), group("B", "99.00")),
    }
    shown = await viewer.show(tool, result(answers[tool]), width=width)
    overhang = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await shown.frame.evaluate(overhang) == 0
    await shown.frame.get_by_role("button").click()
    assert await shown.frame.evaluate(overhang) == 0


@each_tool
async def test_without_a_locale_that_exists_the_browsers_is_used(tool: str, viewer: Viewer) -> None:
    shown = await viewer.show(tool, ANSWERS[tool], context=LIGHT | {"locale": "not a locale"})
    await shown.frame.locator(".chart").wait_for()
