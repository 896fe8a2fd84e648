"""Work beside a block ends with it, and steps are repeated until then."""

from __future__ import annotations

import asyncio

import pytest

from server.process.background import background, repeat


async def test_work_ends_with_the_block() -> None:
    cancelled = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(ZeroDivisionError):
        async with background(work()):
            await asyncio.sleep(0)
            raise ZeroDivisionError
    assert cancelled.is_set()


async def test_a_fault_of_the_work_is_not_lost() -> None:
    async def work() -> None:
        raise KeyError("work")

    with pytest.raises(KeyError):
        async with background(work()):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(("pause_first", "expected"), [(False, ["step", "pause"]), (True, ["pause", "step"])])
async def test_steps_and_pauses_take_turns(pause_first: bool, expected: list[str]) -> None:
    happened: list[str] = []
    enough = asyncio.Event()

    async def step() -> None:
        happened.append("step")
        if len(happened) > 10:
            enough.set()

    def pause() -> float:
        happened.append("pause")
        return 0

    async with background(repeat(step, pause, pause_first=pause_first)):
        await asyncio.wait_for(enough.wait(), 30)
    assert happened[:10] == expected * 5
