"""Deepgram's own client against the fake: what it takes for Deepgram, ours may be tested with."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from deepgram import DeepgramClient
from deepgram.environment import DeepgramClientEnvironment
from deepgram.listen.v1.types import ListenV1Metadata, ListenV1Results, ListenV1SpeechStarted
from deepgram.listen.v2.types import ListenV2Connected, ListenV2TurnInfo
from websockets.exceptions import InvalidStatus

from tests.fakes.deepgram import KEY, Fake, Refusal, served, silence, speech

# The SDK still names what the library calls old.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

NOVA: Mapping[str, Any] = {
    "model": "nova-3", "encoding": "linear16", "sample_rate": 8000, "interim_results": "true",
    "punctuate": "true", "vad_events": "true",
}  # fmt: skip
FLUX: Mapping[str, Any] = {"model": "flux-general-en", "encoding": "linear16", "sample_rate": 8000}


def _client(url: str, key: str) -> Any:
    socket = url.replace("http", "ws")
    where = DeepgramClientEnvironment(base=url, production=socket, agent=socket, agent_rest=url)
    return DeepgramClient(api_key=key, environment=where)


async def heard(fake: Fake, version: str, asked: Mapping[str, Any], key: str = KEY) -> list[Any]:
    """What comes of half a second of speech and a second of silence."""

    def listen() -> list[Any]:
        with getattr(_client(fake.url, key).listen, version).connect(**asked) as socket:
            socket.send_media(speech(0.5) + silence(1.0))
            socket.send_close_stream()
            return list(socket)

    async with served(fake):
        return await asyncio.to_thread(listen)


async def test_it_reads_results_with_the_times_of_words() -> None:
    messages = await heard(Fake(["How late are you open?"]), "v1", NOVA)
    started, interim, final, *_, end = messages
    assert isinstance(started, ListenV1SpeechStarted)
    assert isinstance(interim, ListenV1Results)
    assert (interim.is_final, interim.channel.alternatives[0].transcript) == (False, "How late")
    assert isinstance(final, ListenV1Results)
    best = final.channel.alternatives[0]
    assert (final.is_final, final.speech_final, best.transcript) == (True, True, "How late are you open?")
    assert [(one.punctuated_word, one.start) for one in best.words][:2] == [("How", 0.0), ("late", 0.1)]
    assert isinstance(end, ListenV1Metadata)
    assert end.duration == pytest.approx(1.5)


async def test_without_punctuation_words_are_plain() -> None:
    messages = await heard(Fake(["How late?"]), "v1", {**NOVA, "punctuate": "false"})
    finals = [one for one in messages if isinstance(one, ListenV1Results) and one.is_final]
    assert finals[0].channel.alternatives[0].transcript == "how late"


async def test_it_reads_turns() -> None:
    asked = {**FLUX, "eager_eot_threshold": "0.5"}
    connected, *turns = await heard(Fake(["How late are you open?"]), "v2", asked)
    assert isinstance(connected, ListenV2Connected)
    assert all(isinstance(one, ListenV2TurnInfo) for one in turns)
    assert [one.event for one in turns] == ["StartOfTurn", "Update", "EagerEndOfTurn", "EndOfTurn"]
    assert turns[-1].transcript == "How late are you open?"
    assert turns[-1].words[-1].word == "open?"


@pytest.mark.parametrize(
    ("fake", "given", "status"),
    [
        (Fake(), {"key": "wrong"}, 401),
        (Fake(), {"asked": {**NOVA, "model": "nova-gone"}}, 400),
        (Fake(), {"asked": {**NOVA, "model": "flux-general-en"}}, 400),
        (Fake(), {"asked": {**NOVA, "keywords": "offhook"}}, 400),
        (Fake(), {"asked": {**NOVA, "utterance_end_ms": "500"}}, 400),
        (Fake(refusals=[Refusal(429, "TOO_MANY_REQUESTS", "Too many requests.")]), {}, 429),
        (Fake(refusals=[Refusal(503, "SERVICE_UNAVAILABLE", "Try again.")]), {}, 503),
    ],
)
async def test_it_knows_its_refusals(fake: Fake, given: Mapping[str, Any], status: int) -> None:
    with pytest.raises(InvalidStatus) as raised:
        await heard(fake, "v1", given.get("asked", NOVA), given.get("key", KEY))
    assert raised.value.response.status_code == status
    assert b"err_msg" in (raised.value.response.body or b"")
