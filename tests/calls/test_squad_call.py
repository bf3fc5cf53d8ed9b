"""A hand-over as the caller's phone hears it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from offhook.conversation.active_assistant import Engines
from offhook.frames import FRAME_SECONDS
from offhook.language.language_model import Text, ToolCall
from offhook.network import Address
from offhook.rtp.packet import parse
from tests.calls.house import ASSISTANT, House, open_house, virtual
from tests.calls.phone import PhoneCall
from tests.calls.test_whole_call import ended
from tests.scripted import ScriptedModel, ScriptedTranscriber, ScriptedVoice

WORDS = "Gladly, I am putting you through to them."
HANDOFF = {"type": "handoff", "destinations": [{"type": "assistant", "assistantName": "Sales"}]}


def squad() -> dict[str, Any]:
    desk = {**ASSISTANT, "name": "Desk", "model": {"provider": "vapi", "model": "m", "tools": [HANDOFF]}}
    return {"members": [{"assistant": desk}, {"assistant": {**ASSISTANT, "name": "Sales"}}]}


class Packets:
    """What arrives at the phone: when, sequence number, timestamp, source."""

    def __init__(self, call: PhoneCall) -> None:
        self.taken: list[tuple[float, int, int, int]] = []
        hear = call._hear

        def heard(data: bytes, source: Address) -> None:
            packet = parse(data)
            if packet is not None and packet.payload_type == 0:
                self.taken.append((call.loop.time(), packet.sequence, packet.timestamp, packet.ssrc))
            hear(data, source)

        call._hear = heard  # type: ignore[method-assign]  # looked on, not replaced


async def handed_over(house: House, words: str, latency: float) -> tuple[PhoneCall, Packets]:
    """The desk says `words` and hands over to Sales, whose voice takes `latency` seconds."""
    house.number.update(assistantId=None, squadId="s1")
    house.directory.squads["s1"] = squad()
    answer: list[Any] = [*([Text(words)] if words else []), ToolCall("c1", "handoff_to_Sales", {})]

    def build(assistant: Any) -> Engines:
        desk = assistant.name == "Desk"
        voice = ScriptedVoice(latency=0.1 if desk else latency)
        return Engines(ScriptedTranscriber(), ScriptedModel([answer]), voice)

    house.build = build
    phone = await house.phone()
    call = phone.dial()
    packets = Packets(call)
    await call.connect()
    await call.hears_the_end()
    await call.says("I want to buy something.")
    await call.hears_the_end(pause=2 + latency)
    call.hang_up()
    await ended(house)
    assert [one["newAssistant"]["name"] for one in house.messages("assistant.started")] == ["Desk", "Sales"]
    return call, packets


def longest_pause(times: list[float]) -> float:
    return max((after - before for before, after in pairwise(times)), default=0.0)


@pytest.mark.parametrize(("words", "latency"), [(WORDS, 1.0), ("", 3.0)])
def test_packets_flow_without_a_hole(tmp_path: Path, words: str, latency: float) -> None:
    @virtual
    async def story() -> None:
        async with open_house(tmp_path) as house:
            _, packets = await handed_over(house, words, latency)

        times, sequences, timestamps, sources = zip(*packets.taken, strict=True)
        assert len(times) > 5 / FRAME_SECONDS
        assert longest_pause(list(times)) == pytest.approx(FRAME_SECONDS, abs=0.005)
        assert {(after - before) & 0xFFFF for before, after in pairwise(sequences)} == {1}
        assert {(after - before) & 0xFFFFFFFF for before, after in pairwise(timestamps)} == {160}
        assert len(set(sources)) == 1

    story()


@virtual
async def test_the_next_voice_is_heard_as_soon_as_the_last_one_is_done(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        call, _ = await handed_over(house, WORDS, 1.0)

    question = max(after for before, after in pairwise(call.heard_at) if after - before > 1)
    spoken = [at for at in call.heard_at if at >= question]
    assert len(spoken) > 3 / FRAME_SECONDS  # both assistants
    assert longest_pause(spoken) <= 3 * FRAME_SECONDS
