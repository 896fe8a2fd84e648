"""Work that runs beside a block: a task that ends with it, and steps that are repeated until then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any


@asynccontextmanager
async def background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run work while the block runs, and cancel it at the block's end; what it raised before is raised there."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def repeat(step: Callable[[], Awaitable[None]], pause: Callable[[], float], *, pause_first: bool = False) -> None:
    """Take a step again and again, until cancelled.

    Args:
        step: Handles the errors that it expects; any other ends the repetition.
        pause: Seconds between the end of a step and the next one; asked each time.
        pause_first: Whether to pause before the first step, too.
    """
    if pause_first:
        await asyncio.sleep(pause())
    while True:
        await step()
        await asyncio.sleep(pause())
