"""Silence and the length of a call, by themselves."""

from __future__ import annotations

import asyncio
import random

import pytest

from offhook.conversation.profile import profile_of
from offhook.conversation.time_limits import TimeLimits
from offhook.schema.assistants.assistant import Assistant
from tests.virtual import story


@story
async def test_who_takes_over_does_not_count_the_silence_of_before() -> None:
    ends: list[float] = []
    asked: list[str] = []
    now = asyncio.get_running_loop().time
    first = profile_of(Assistant.model_validate({}))
    limits = TimeLimits(
        first, random.Random(1), lambda: False, asked.append, lambda: ends.append(now()), lambda: None
    )
    limits.start()
    await asyncio.sleep(9)
    assert len(asked) == 1
    began = now()
    limits.adopt(profile_of(Assistant.model_validate({"silenceTimeoutSeconds": 5})))
    await asyncio.sleep(6)
    limits.close()
    assert ends == [pytest.approx(began + 5)]
