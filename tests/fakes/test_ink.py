"""Cartesia's own client against the fake: what it takes for Cartesia, ours may be tested with."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from cartesia import AsyncCartesia
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.fakes.deepgram import silence, speech
from tests.fakes.ink import KEY, Fake, served
from tests.machine import PATIENCE

ASKED = "How late are you open?"


async def heard(fake: Fake, way: str, model: str, key: str = KEY) -> list[Any]:
    """What comes of half a second of speech and a second of silence."""
    found: list[Any] = []
    async with served(fake), AsyncCartesia(api_key=key, base_url=fake.url) as client:
        client.websocket_base_url = fake.url.replace("http", "ws")
        door: Any = getattr(client.stt, way)
        asked = {"model": model, "encoding": "pcm_s16le", "sample_rate": 8000}
        async with asyncio.timeout(PATIENCE), door.websocket(**asked) as socket:
            await socket.send_raw(speech(0.5) + silence(1.0))
            if way == "manual_finalize":
                await socket.send_raw("finalize")
                await socket.send_raw("close")
            try:
                while not found or found[-1].type not in ("turn.end", "done"):
                    found.append(await socket.recv())
            except ConnectionClosed:
                pass
    return found


async def test_it_reads_turns() -> None:
    found = await heard(Fake([ASKED]), "auto_finalize", "ink-2")
    kinds = [one.type for one in found]
    assert kinds == ["connected", "turn.start", "turn.update", "turn.eager_end", "turn.end"]
    assert (found[2].transcript, found[-1].transcript) == ("How late", ASKED)


async def test_it_reads_words() -> None:
    found = await heard(Fake([ASKED]), "manual_finalize", "ink-whisper")
    assert [one.type for one in found] == ["transcript", "flush_done", "done"]
    assert (found[0].text, found[0].is_final) == (ASKED, True)


@pytest.mark.parametrize(("given", "status"), [({"key": "wrong"}, 401), ({"model": "ink-gone"}, 400)])
async def test_it_knows_its_refusals(given: dict[str, str], status: int) -> None:
    with pytest.raises(InvalidStatus) as raised:
        await heard(Fake(), "auto_finalize", **({"model": "ink-2"} | given))
    assert raised.value.response.status_code == status
