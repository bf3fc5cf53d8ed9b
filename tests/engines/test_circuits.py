"""An engine that fails again and again is left out for a while."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from offhook.engines.circuits import FAILURES, MOST_CIRCUITS, OPEN_SECONDS, Circuit, Circuits
from offhook.engines.registry import EngineRegistry
from offhook.language.language_model import ModelError
from offhook.speech.engine_protocols import EngineError
from offhook.speech.engine_request import Account, EngineNode
from offhook.speech.workers import Workers
from tests.engines.making import assistant_with, registry_of
from tests.fakes.openai_chat import KEY, Fake, broken, served
from tests.language.vendor_talk import MESSAGES, SAID, text_of
from tests.speech.servers import answer, http_server, outside
from tests.virtual import run_virtual

MODEL = {"provider": "openai", "model": "gpt-4o", "fallbackModels": ["gpt-4.1"]}
TIMED_OUT = ModelError("openai", "the server took too long")


async def models_asked(fake: Fake, registry: EngineRegistry, org: str = "org-1") -> list[str]:
    """In one call: which were asked until one answered."""
    fake.asked.clear()
    made = await registry.model(assistant_with(model=MODEL), org=org)
    await made.start()
    assert text_of([one async for one in made.respond(MESSAGES, ())]) == SAID
    return [str(body["model"]) for body in fake.asked]


async def test_the_next_one_goes_first_while_it_fails() -> None:
    fake = Fake()
    async with served(fake) as server, outside() as reach:
        node = EngineNode(Workers(1), reach, {"openai": Account(KEY, server.url + "/v1")})
        registry = EngineRegistry(node)
        for _ in range(FAILURES):
            fake.refusals = [broken(), broken()]
            assert await models_asked(fake, registry) == ["gpt-4o", "gpt-4o", "gpt-4.1"]
        assert await models_asked(fake, registry) == ["gpt-4.1"]
        assert await models_asked(fake, registry, "org-2") == ["gpt-4o"]


async def test_one_that_works_in_between_is_not_left_out() -> None:
    fake = Fake()
    async with served(fake) as server, outside() as reach:
        node = EngineNode(Workers(1), reach, {"openai": Account(KEY, server.url + "/v1")})
        registry = EngineRegistry(node)
        for _ in range(2 * FAILURES):
            fake.refusals = [broken(), broken()]
            await models_asked(fake, registry)
            assert (await models_asked(fake, registry))[0] == "gpt-4o"


def test_after_a_while_it_is_tried_and_one_failure_is_enough() -> None:
    async def story() -> None:
        circuit = Circuit()
        for _ in range(FAILURES):
            assert not circuit.open
            circuit.failed(TIMED_OUT)
        assert circuit.open
        await asyncio.sleep(OPEN_SECONDS + 0.1)
        assert not circuit.open
        circuit.failed(TIMED_OUT)
        assert circuit.open
        circuit.worked()
        assert not circuit.open

    run_virtual(story())


async def test_what_one_assistant_has_set_wrong_counts_for_nobody() -> None:
    circuit = Circuit()
    for _ in range(2 * FAILURES):
        circuit.failed(ModelError("openai", "no", "400-bad-request-validation-failed"))
    assert not circuit.open


async def test_a_voice_that_there_is_not_counts_for_no_other() -> None:
    def voice(voice_id: str, other: dict[str, Any]) -> dict[str, Any]:
        return {"provider": "11labs", "voiceId": voice_id, "fallbackPlan": {"voices": [other]}}

    async with http_server(answer(b"", "404 Not Found")) as server, outside() as reach:
        registry = registry_of(reach, **{"11labs": Account("k", server.url), "cartesia": Account("k")})
        gone = assistant_with(voice=voice("gone", {"provider": "11labs", "voiceId": "gone"}))
        for _ in range(FAILURES):
            with pytest.raises(EngineError):
                await (await registry.voice(gone)).start()
        for voice_id, provider in (("gone", "cartesia"), ("another", "11labs")):
            spare = {"provider": "cartesia", "voiceId": "c"}
            made = await registry.voice(assistant_with(voice=voice(voice_id, spare)))
            assert made.provider == provider


async def test_only_so_many_are_remembered() -> None:
    circuits = Circuits()
    first = circuits.of(("0", "model", "openai", ""))
    for number in range(MOST_CIRCUITS):
        circuits.of((str(number + 1), "model", "openai", ""))
    assert circuits.of(("0", "model", "openai", "")) is not first
