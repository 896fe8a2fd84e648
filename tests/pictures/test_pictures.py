"""What pictures share: how they talk with a host, and what they show in every case."""

from __future__ import annotations

import json
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe

from tests.pictures.answers import ENDLESS, HOSTILE, group, low_stock, product, result, sales
from tests.pictures.conftest import TOOLS
from tests.pictures.viewer import Viewer
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


@each_tool
async def test_it_speaks_with_the_host(tool: str, viewer: Viewer) -> None:
    shown = await viewer.show(tool, ANSWERS[tool])
    await shown.page.evaluate("ask(7, 'ping'); ask(8, 'ui/resource-teardown'); ask(9, 'tools/call')")
    await shown.page.wait_for_timeout(100)

    greeting, initialized, *others = await shown.received()
    assert greeting["jsonrpc"] == "2.0"
    assert greeting["method"] == "ui/initialize"
    assert greeting["params"]["protocolVersion"] == "2026-01-26"
    assert greeting["params"]["appCapabilities"] == {"availableDisplayModes": ["inline", "fullscreen"]}
    assert set(greeting["params"]["appInfo"]) == {"name", "version"}
    assert initialized == {"jsonrpc": "2.0", "method": "ui/notifications/initialized"}
    sizes = [message["params"] for message in others if message.get("method") == "ui/notifications/size-changed"]
    assert sizes[-1]["height"] == pytest.approx(await shown.frame.evaluate("document.body.offsetHeight"), abs=1)
    answers = {message["id"]: message for message in others if "id" in message}
    assert len(sizes) + len(answers) == len(others)
    assert answers[7]["result"] == answers[8]["result"] == {}
    assert answers[9]["error"]["code"] == -32601


@each_tool
async def test_it_waits_for_an_answer_of_the_host_and_says_why_there_is_none(tool: str, viewer: Viewer) -> None:
    shown = await viewer.show(tool, None)
    forged = {"jsonrpc": "2.0", "method": "ui/notifications/tool-result", "params": ANSWERS[tool]}
    await shown.frame.evaluate("message => window.postMessage(message, '*')", forged)
    await shown.page.wait_for_timeout(100)
    assert "Waiting for the figures." in await shown.text()

    await shown.tell("tool-cancelled", {"reason": "the user stopped it"})
    await shown.frame.get_by_text("The question was taken back").wait_for()
    refused = {"isError": True, "content": [{"type": "text", "text": f"No such store. {HOSTILE}"}]}
    await shown.tell("tool-result", refused)
    await shown.frame.get_by_text(f"No such store. {HOSTILE}").wait_for()
    await shown.tell("tool-result", {"content": [{"type": "text", "text": "Nothing structured."}]})
    await shown.frame.get_by_text("The answer holds no figures to draw.").wait_for()
    text = json.dumps(ANSWERS[tool]["structuredContent"])
    await shown.tell("tool-result", {"content": [{"type": "text", "text": text}]})
    await shown.frame.locator(".chart").wait_for()


@each_tool
async def test_the_keyboard_does_everything(tool: str, viewer: Viewer) -> None:
    shown = await viewer.show(tool, ANSWERS[tool])
    hidden = await shown.table()
    keyboard = shown.page.keyboard
    await shown.frame.get_by_role("button").focus()
    await keyboard.press("Tab")
    told = []
    for key in ("ArrowRight", "ArrowDown", "End", "ArrowRight", "ArrowLeft", "Home", "ArrowUp"):
        await keyboard.press(key)
        marked = await shown.frame.locator(".chosen").evaluate_all("parts => parts.map(part => part.dataset.index)")
        told.append((marked, await shown.frame.locator("[role=status]").text_content()))
    assert [marked for marked, _ in told] == [["0"], ["1"], ["2"], ["2"], ["1"], ["0"], ["0"]]
    first, second, third = (text for _, text in told[:3])
    assert len({first, second, third}) == 3
    assert [text for _, text in told] == [first, second, third, third, second, first, first]

    await keyboard.press("Shift+Tab")
    await keyboard.press("Enter")
    assert await shown.frame.locator(".chart").count() == 0
    assert await shown.table() == hidden
    await keyboard.press("Enter")
    assert await shown.frame.locator(".chart").count() == 1


@each_tool
async def test_it_looks_like_its_host(tool: str, viewer: Viewer) -> None:
    """Where the host says how; a locale that does not exist is the browser's."""
    shown = await viewer.show(tool, ANSWERS[tool], context={"theme": "light", "locale": "not a locale"})
    # A message of the host arrives some time after it was sent.
    background = "wanted => getComputedStyle(document.body).backgroundColor === wanted"
    await shown.frame.wait_for_function(background, arg="rgb(255, 255, 255)")

    await shown.tell("host-context-changed", {"theme": "dark"})
    await shown.frame.wait_for_function(background, arg="rgb(31, 30, 29)")
    variables = {"--color-background-primary": "light-dark(#fefefe, #010203)"}
    await shown.tell("host-context-changed", {"styles": {"variables": variables}})
    await shown.frame.wait_for_function(background, arg="rgb(1, 2, 3)")


@each_tool
async def test_everybody_can_use_it(tool: str, viewer: Viewer) -> None:
    """By the rules of axe-core, contrast included: both views in both themes, and with a point chosen."""
    shown = await viewer.show(tool, ANSWERS[tool])
    await shown.frame.locator(".chart").press("ArrowRight")
    for _ in ("chart", "table"):
        for theme in ("light", "dark"):
            await shown.tell("host-context-changed", {"theme": theme})
            found = await Axe().run(shown.frame)
            assert found.violations_count == 0, f"{theme}: {found.generate_report()}"
        await shown.frame.get_by_role("button").click()


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
    assert await shown.frame.locator("script").count() == 1
    assert "owned" not in await shown.frame.evaluate("document.title")


@each_tool
async def test_nothing_sticks_out(tool: str, viewer: Viewer) -> None:
    answers = {
        "list_low_stock": low_stock(product(ENDLESS, current_stock=-2), product("Hammer", current_stock=900)),
        "summarize_sales": sales(["product"], group("A", "-123456789012.34", label=ENDLESS), group("B", "99.00")),
    }
    shown = await viewer.show(tool, result(answers[tool]))
    for width in (360, 800):
        await shown.page.set_viewport_size({"width": width, "height": 900})
        for _ in ("chart", "table"):
            overhang = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert await shown.frame.evaluate(overhang) == 0
            await shown.frame.get_by_role("button").click()
