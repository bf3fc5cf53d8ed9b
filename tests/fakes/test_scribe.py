"""ElevenLabs' own client against the fake: what it takes for ElevenLabs, ours may be tested with."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import Any

import pytest
from elevenlabs.realtime.connection import RealtimeEvents
from elevenlabs.realtime.scribe import AudioFormat, CommitStrategy, ScribeRealtime
from elevenlabs.types import (
    CommittedTranscriptPayload,
    CommittedTranscriptWithTimestampsPayload,
    PartialTranscriptPayload,
)

from tests.fakes.deepgram import silence, speech
from tests.fakes.scribe import KEY, Fake, served
from tests.machine import PATIENCE

# The SDK still uses what the library calls old.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
ASKED = "How late are you open?"


async def heard(fake: Fake, key: str = KEY, until: RealtimeEvents | None = None) -> list[tuple[str, Any]]:
    """What comes of half a second of speech and a second of silence."""
    found: list[tuple[str, Any]] = []
    over = asyncio.Event()
    last = until or RealtimeEvents.COMMITTED_TRANSCRIPT_WITH_TIMESTAMPS

    def note(event: RealtimeEvents) -> Any:
        def keep(data: Any = None) -> None:
            found.append((event.value, data))
            if event is last:
                over.set()

        return keep

    async with served(fake), asyncio.timeout(PATIENCE):
        client = ScribeRealtime(api_key=key, base_url=fake.url.replace("http", "ws"))
        options: Any = {
            "model_id": "scribe_v2_realtime", "audio_format": AudioFormat.PCM_8000, "sample_rate": 8000,
            "commit_strategy": CommitStrategy.VAD, "vad_silence_threshold_secs": 0.5,
            "include_timestamps": True,
        }  # fmt: skip
        connection: Any = await client.connect(options)
        for event in RealtimeEvents:
            connection.on(event, note(event))
        if until is None:
            await connection.send({"audio_base_64": b64encode(speech(0.5) + silence(1.0)).decode()})
        await over.wait()
        await connection.close()
    return found


async def test_it_commits_what_was_said_twice() -> None:
    found = await heard(Fake([ASKED]))
    payloads = {kind: data for kind, data in found if isinstance(data, dict)}
    assert PartialTranscriptPayload.model_validate(payloads["partial_transcript"]).text == "How late"
    assert CommittedTranscriptPayload.model_validate(payloads["committed_transcript"]).text == ASKED
    last: Any = CommittedTranscriptWithTimestampsPayload.model_validate(
        payloads["committed_transcript_with_timestamps"]
    )
    assert [one.text for one in last.words if one.type == "word"] == ASKED.split()


async def test_it_knows_its_refusals() -> None:
    found = await heard(Fake(), key="wrong", until=RealtimeEvents.AUTH_ERROR)
    assert "Invalid API key." in [data.get("error") for _, data in found if isinstance(data, dict)]
