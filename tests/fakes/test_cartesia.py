"""Cartesia's own client against the fake: what it takes for Cartesia, ours may be tested with."""

from __future__ import annotations

from typing import Any

import pytest
from cartesia import AsyncCartesia
from websockets.exceptions import InvalidStatus

from tests.fakes.cartesia import KEY, RATE, VOICE, WORD_SECONDS, Fake, served, sound

FORMAT: Any = {"container": "raw", "encoding": "pcm_s16le", "sample_rate": RATE}


async def spoken(fake: Fake, key: str = KEY, **asked: Any) -> list[Any]:
    async with served(fake), AsyncCartesia(api_key=key, base_url=fake.url) as client:
        client.websocket_base_url = fake.url.replace("http", "ws")
        async with client.tts.websocket_connect() as socket:
            context = socket.context(
                model_id="sonic-3",
                voice={"mode": "id", "id": VOICE},
                output_format=FORMAT,
                add_timestamps=True,
                **asked,
            )
            await context.push("We are open. ")
            await context.push("", flush=True)
            await context.push("Until five. ")
            await context.no_more_inputs()
            return [one async for one in context.receive()]


async def test_it_speaks_with_flushes_and_times() -> None:
    messages = await spoken(Fake())
    kinds = [one.type for one in messages]
    assert kinds == ["chunk", "timestamps"] * 3 + ["flush_done"] + ["chunk", "timestamps"] * 2 + ["done"]
    assert messages[0].audio == sound(WORD_SECONDS)
    assert messages[3].word_timestamps.words == ["are"]
    assert [one.flush_id for one in messages if one.type == "chunk"] == [1, 1, 1, 2, 2]


async def test_it_knows_its_refusals() -> None:
    with pytest.raises(InvalidStatus) as raised:
        await spoken(Fake(), key="wrong")
    assert raised.value.response.status_code == 401
    (error,) = await spoken(Fake(told=[(402, "Payment required", "No credits are left.")]))
    assert (error.type, error.status_code, error.title) == ("error", 402, "Payment required")
