"""A real browser, and a host page in it that shows what the server hands out."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright

from tests.pictures.viewer import Viewer
from tests.support import Retailer

TOOLS = ("list_low_stock", "summarize_sales")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium of this machine; none is ever downloaded."""
    if CHROMIUM is None:
        pytest.skip("No Chromium is installed. On Debian: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
async def pages(demo: Retailer) -> dict[str, str]:
    """The picture that each tool names, as the server's resource hands it out."""
    found = {}
    async with demo.client("seattle") as client:
        for tool in await client.list_tools():
            if "ui" in (tool.meta or {}):
                [content] = await client.read_resource(tool.meta["ui"]["resourceUri"])
                found[tool.name] = content.text
    return found


@pytest.fixture
async def viewer(browser: Browser, pages: dict[str, str]) -> AsyncIterator[Viewer]:
    """A window on pictures; at the end, whatever it showed must have stayed by itself and free of errors."""
    context = await browser.new_context(viewport={"width": 840, "height": 900})
    viewer = Viewer(context, pages)
    yield viewer
    await context.close()
    assert viewer.complaints == []
