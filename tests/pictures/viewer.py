"""A window in which a host page shows a picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import BrowserContext, Frame, Page, Route

from docs.picture import host_page

# Nobody answers there: the page is handed to the browser, and any other request is noted and refused.
HOST_URL = "http://127.0.0.1/host"
# What stands for a figure that there is none of.
NOTHING = "\u2013"
LIGHT = {"theme": "light", "locale": "en-US"}


@dataclass
class Shown:
    """A picture on the host's page."""

    page: Page
    frame: Frame

    async def text(self) -> str:
        """What can be read in the picture."""
        return await self.frame.locator("#picture").inner_text()

    async def table(self) -> list[list[str]]:
        """The cells of its table, heads first; also where it is there for screen readers alone."""
        return await self.frame.locator("tr").evaluate_all(
            "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
        )

    async def received(self, method: str | None = None) -> list[dict[str, Any]]:
        """What the picture told the host, or what of it has this method."""
        messages: list[dict[str, Any]] = await self.page.evaluate("received")
        return [message for message in messages if method is None or message.get("method") == method]

    async def tell(self, method: str, params: dict[str, Any]) -> None:
        """Send it a notification of the host."""
        await self.page.evaluate("([method, params]) => tell(method, params)", [method, params])


@dataclass
class Viewer:
    """Shows pictures, and notes every request, error and complaint of the browser."""

    context: BrowserContext
    pages: dict[str, str]
    complaints: list[str] = field(default_factory=list)

    async def show(
        self,
        tool: str,
        result: dict[str, Any] | None,
        *,
        arguments: dict[str, Any] | None = None,
        context: dict[str, Any] | None = None,
        width: int = 840,
    ) -> Shown:
        """Show a tool's picture with a result of it; without one, what is seen while it is awaited."""
        html = host_page(self.pages[tool], arguments or {}, result, context or LIGHT)
        page = await self.context.new_page()
        await page.set_viewport_size({"width": width, "height": 900})
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

        async def serve(route: Route) -> None:
            if route.request.url == HOST_URL:
                await route.fulfill(body=html, content_type="text/html")
            else:
                self.complaints.append(f"request to {route.request.url}")
                await route.abort()

        await page.route("**/*", serve)
        await page.goto(HOST_URL)
        await page.locator("iframe[data-sized]").wait_for()
        shown = Shown(page, page.frames[1])
        if result is not None:
            await shown.frame.locator("#picture:not([aria-busy])").wait_for()
        return shown
