"""Whole calls with the engines that people have: Deepgram hears, OpenAI thinks, ElevenLabs speaks. Fakes
stand in for the vendors, each judged by the vendor's own client; all else is the node's, in real time."""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from offhook.conversation.active_assistant import EngineFactory, Engines
from offhook.engines.registry import EngineRegistry, OrgCredentials
from offhook.planes.call_plane import engines_of
from offhook.schema.assistants.assistant import Assistant
from offhook.speech.engine_request import Account
from offhook.speech.remote import CallContext
from tests.calls.house import House, open_house
from tests.calls.phone import PhoneCall
from tests.calls.test_whole_call import ended
from tests.engines.making import registry_of
from tests.fakes import deepgram, elevenlabs, openai_chat
from tests.machine import PATIENCE
from tests.speech.servers import outside

FIRST = "Hello."
ASKED = "How late are you open?"
ANSWER = "Until five."
QUICK = {"transcriptionEndpointingPlan": {"onPunctuationSeconds": 0.1}, "waitSeconds": 0.1}
VENDORS: dict[str, Any] = {
    "firstMessage": FIRST,
    "transcriber": {"provider": "deepgram", "model": "nova-3"},
    "model": {"provider": "openai", "model": "gpt-4o"},
    "voice": {"provider": "11labs", "voiceId": elevenlabs.VOICE},
    "startSpeakingPlan": QUICK,
}
OTHERS = {
    "transcriber": {"provider": "deepgram", "model": "nova-2"},
    "voice": {"provider": "11labs", "voiceId": elevenlabs.VOICE, "model": "eleven_flash_v2_5"},
}


@dataclass
class World:
    """The vendors; `assistant` is laid over the usual one, `accounts` are those of other vendors."""

    ears: deepgram.Fake = field(default_factory=lambda: deepgram.Fake([ASKED] * 5))
    mind: openai_chat.Fake = field(default_factory=lambda: openai_chat.Fake(ANSWER))
    mouth: elevenlabs.Fake = field(default_factory=elevenlabs.Fake)
    assistant: dict[str, Any] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    keys: dict[str, str] = field(
        default_factory=lambda: {
            "deepgram": deepgram.KEY,
            "openai": openai_chat.KEY,
            "11labs": elevenlabs.KEY,
        }
    )


@asynccontextmanager
async def node_of(folder: Path, world: World) -> AsyncIterator[House]:
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(open_house(folder, settle=None))
        ears = await stack.enter_async_context(deepgram.served(world.ears))
        mind = await stack.enter_async_context(openai_chat.served(world.mind))
        mouth = await stack.enter_async_context(elevenlabs.served(world.mouth))
        reach = await stack.enter_async_context(outside(allow_private=False))
        urls = {"deepgram": ears.url, "openai": mind.url + "/v1", "11labs": mouth.url}
        accounts = {name: Account(world.keys[name], url) for name, url in urls.items()} | world.accounts
        accounts["groq"] = Account(world.keys["openai"], urls["openai"])
        registry: EngineRegistry = registry_of(reach, **accounts)
        vendors = engines_of(registry)

        def engines(context: CallContext, credentials: OrgCredentials, org: str) -> EngineFactory:
            of_vendors = vendors(context, credentials, org)

            async def build(assistant: Assistant) -> Engines:
                """The platform's own speak last words."""
                return (
                    house.usual_engines(assistant) if assistant.voice is None else await of_vendors(assistant)
                )

            return build

        object.__setattr__(house.services, "engines", engines)
        house.assistant.update(VENDORS | world.assistant)
        yield house


async def visit(folder: Path, world: World) -> tuple[House, PhoneCall]:
    """The greeting, a question, its answer, goodbye; a call that ends by itself is not asked anything."""
    async with asyncio.timeout(PATIENCE), node_of(folder, world) as house:
        phone = await house.phone()
        call = await phone.dial().connect()
        over = asyncio.create_task(ended(house))
        talk = asyncio.create_task(_talk(call))
        await asyncio.wait({over, talk}, return_when=asyncio.FIRST_COMPLETED)
        talk.cancel()
        await asyncio.gather(talk, return_exceptions=True)
        call.hang_up()
        await over
    return house, call


async def _talk(call: PhoneCall) -> None:
    await call.hears_the_end(20)
    await call.says("", 0.6)
    await call.hears(20)
    await call.hears_the_end(20)


def lines(house: House) -> list[str]:
    return [line for line in house.report["transcript"].splitlines() if line]


WHOLE = [f"AI: {FIRST}", f"User: {ASKED}", f"AI: {ANSWER}"]


async def test_a_call_with_the_engines_that_people_have(tmp_path: Path) -> None:
    world = World()
    house, _ = await visit(tmp_path, world)
    assert lines(house) == WHOLE
    assert house.report["endedReason"] == "customer-ended-call"
    assert (world.ears.connections, world.mouth.connections) == (1, 1)
    assert world.mouth.texts == [FIRST, ANSWER]


async def test_a_call_that_flux_hears(tmp_path: Path) -> None:
    world = World(assistant={"transcriber": {"provider": "deepgram", "model": "flux-general-en"}})
    house, _ = await visit(tmp_path, world)
    assert lines(house) == WHOLE


async def test_only_what_was_heard_of_an_interrupted_sentence_is_told(tmp_path: Path) -> None:
    said = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    plan = {"numWords": 0, "voiceSeconds": 0.1}
    world = World(
        assistant={"firstMessage": said, "firstMessageInterruptionsEnabled": True, "stopSpeakingPlan": plan}
    )
    async with asyncio.timeout(PATIENCE), node_of(tmp_path, world) as house:
        phone = await house.phone()
        call = await phone.dial().connect()
        await call.hears(20)
        begun = call.heard_at[-1]
        await call.until(lambda: call.loop.time() - begun > 1.2, 20)
        await call.says("", 0.6)
        await call.hears_the_end(20, pause=1.0)
        call.hang_up()
        await ended(house)
    told = house.report["artifact"]["messages"][0]["message"]
    heard = first_sound(call) * 1000 / elevenlabs.CHARACTER_MS  # characters, by the voice's own times
    assert said.startswith(told)
    assert len(told) - 1 <= heard
    assert heard <= len(said[: said.index(" ", len(told) + 1)]) + 1


def first_sound(call: PhoneCall) -> float:
    """Seconds until it is silent for 0.2 s."""
    samples = struct.unpack(f"<{len(call.heard) // 2}h", call.heard)
    loud = [at for at, one in enumerate(samples) if abs(one) > 1000]
    end = next((at for at, then in pairwise(loud) if then - at > 1600), loud[-1])
    return (end - loud[0]) / 8000


def refused(status: int) -> deepgram.Refusal:
    return deepgram.Refusal(status, "NO", "No.")


EARS: dict[str, tuple[dict[str, Any], str]] = {
    "key": ({"refusals": [refused(401)]}, "returning-401-invalid-credentials"),
    "429": ({"refusals": [refused(429)]}, "transcriber-failed"),
    "5xx": ({"refusals": [refused(503)] * 2}, "returning-502-network-error"),
    "hang": ({"hangs": 1}, "transcriber-failed"),
    "mute": ({"mute": 2}, "transcriber-failed"),
    "closed": ({"closes_after": 1, "closings": 4}, "transcriber-failed"),
}
MOUTH: dict[str, tuple[dict[str, Any], str]] = {
    "key": ({"told": [elevenlabs.Refused("invalid_api_key", "No.")] * 2}, "invalid-api-key"),
    "429": ({"told": [elevenlabs.Refused("system_busy", "No.")] * 2}, "system-busy-and-requested-upgrade"),
    "5xx": ({"refusals": [(503, "internal", "No.")] * 4}, "503-server-error"),
    "hang": ({"mute": 2}, "voice-failed"),
    "closed": ({"closes_after": 1, "closings": 2}, "voice-failed"),
}


def copies(fault: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, list) else value for name, value in fault.items()}


@pytest.mark.slow
@pytest.mark.parametrize("fault", EARS)
async def test_the_next_transcriber_takes_over_within_the_turn(tmp_path: Path, fault: str) -> None:
    plan = {"fallbackPlan": {"transcribers": [OTHERS["transcriber"]]}}
    world = World(
        ears=deepgram.Fake([ASKED] * 9, **copies(EARS[fault][0])),
        assistant={"transcriber": VENDORS["transcriber"] | plan},
    )
    house, _ = await visit(tmp_path, world)
    assert lines(house) == WHOLE
    assert house.report["endedReason"] == "customer-ended-call"
    assert dict(world.ears.queries[-1])["model"] == "nova-2"


@pytest.mark.slow
@pytest.mark.parametrize("fault", EARS)
async def test_without_another_transcriber_the_call_ends_with_an_apology(tmp_path: Path, fault: str) -> None:
    given, reason = EARS[fault]
    house, call = await visit(tmp_path, World(ears=deepgram.Fake([ASKED] * 9, **copies(given))))
    assert house.report["endedReason"] == f"pipeline-error-deepgram-{reason}"
    assert call.heard_at


@pytest.mark.slow
@pytest.mark.parametrize("fault", MOUTH)
async def test_the_next_voice_takes_over_within_the_sentence(tmp_path: Path, fault: str) -> None:
    plan = {"fallbackPlan": {"voices": [OTHERS["voice"]]}}
    given = copies(MOUTH[fault][0])
    for name in ("told", "refusals"):
        given[name] = given.get(name, [])[: len(given.get(name, [])) // 2]
    given |= {"mute": min(given.get("mute", 0), 1), "closings": 1}
    world = World(
        mouth=elevenlabs.Fake(**given),
        assistant={"voice": VENDORS["voice"] | plan},
    )
    house, _ = await visit(tmp_path, world)
    assert lines(house) == WHOLE
    assert house.report["endedReason"] == "customer-ended-call"
    assert world.mouth.queries[-1]["model_id"] == "eleven_flash_v2_5"


@pytest.mark.slow
@pytest.mark.parametrize("fault", MOUTH)
async def test_without_another_voice_the_call_ends_with_an_apology(tmp_path: Path, fault: str) -> None:
    given, reason = MOUTH[fault]
    house, call = await visit(tmp_path, World(mouth=elevenlabs.Fake(**copies(given))))
    assert house.report["endedReason"] == f"pipeline-error-eleven-labs-{reason}"
    assert call.heard_at


async def test_a_voice_that_is_slow_is_waited_for(tmp_path: Path) -> None:
    house, _ = await visit(tmp_path, World(mouth=elevenlabs.Fake(slow=1.0)))
    assert lines(house) == WHOLE


async def test_a_key_is_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Each vendor quotes the key that it refuses."""
    keys = {
        "deepgram": "dg-canary-4711471147",
        "openai": "sk-canary-4711471147",
        "11labs": "xi-canary-4711471147",
    }
    for name in ("deepgram", "11labs"):
        refusal = deepgram.Refusal(401, "INVALID_AUTH", f"The key {keys['deepgram']} is not known.")
        told = elevenlabs.Refused("invalid_api_key", f"The key {keys['11labs']} is not known.")
        world = World(
            ears=deepgram.Fake([ASKED] * 5, refusals=[refusal] if name == "deepgram" else []),
            mouth=elevenlabs.Fake(told=[told] * 2 if name == "11labs" else []),
        )
        world.keys[name] = keys[name]
        with caplog.at_level(logging.DEBUG):
            house, _ = await visit(tmp_path / name, world)
        assert "pipeline-error" in house.report["endedReason"]
        assert "canary" not in str([one.body for one in house.sent]) + str(house.row)
    fakes = ("websockets.server",)
    assert "canary" not in "".join(one.getMessage() for one in caplog.records if one.name not in fakes)
