"""The clock of tests, beside threads."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tests.virtual import story


@story
async def test_time_stands_still_while_a_thread_works() -> None:
    loop = asyncio.get_running_loop()
    may_end = threading.Event()
    loop.call_later(1.0, may_end.set)
    await asyncio.to_thread(int)
    assert not may_end.is_set()
    await asyncio.sleep(2.0)
    assert await asyncio.to_thread(may_end.is_set)


@pytest.mark.parametrize("limit", [(), (300.0,)], ids=["Python 3.11", "later ones"])
def test_threads_end_with_a_loop_of_any_python(limit: tuple[float, ...]) -> None:
    @story
    async def tell() -> None:
        await asyncio.to_thread(int)
        await asyncio.get_running_loop().shutdown_default_executor(*limit)
        with pytest.raises(RuntimeError):
            await asyncio.to_thread(int)
        await asyncio.sleep(1.0)  # goes on, though none has come back

    tell()
