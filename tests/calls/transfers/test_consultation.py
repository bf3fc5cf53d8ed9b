"""The assistant that speaks with the operator: what it knows, what it may do, how it ends undecided."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from offhook.calls.record.call_record import CallRecord
from offhook.calls.transfers.consultation import assistant_document, history
from offhook.conversation.active_assistant import Engines
from offhook.conversation.transcript import ConversationTranscript
from offhook.language.language_model import ToolCall
from offhook.schema.tools.destination import TransferPlan
from offhook.speech.engine_protocols import EngineError
from tests.calls.documents import an_assistant, record_of
from tests.calls.house import House, open_house
from tests.calls.test_whole_call import ended
from tests.calls.transfers.line import check, send_on, sip
from tests.calls.transfers.operator import open_operator
from tests.calls.transfers.test_warm import announced, consult
from tests.scripted import ScriptedModel, ScriptedTranscriber, ScriptedVoice
from tests.virtual import run_virtual


def record(**more: Any) -> CallRecord:
    """A call in which four things were said."""
    transcript = ConversationTranscript()
    transcript.add_system("Be brief.", 0)
    for at, words in enumerate(["Hello.", "Ann here."]):
        transcript.add_user(words, at, at + 0.3)
        transcript.add_bot(at + 0.4).extend(f"Answer {at + 1}.", at + 0.8)
    return record_of("call-1", "org-1", {}, "sip-1", {}, 0.0, 0.0, transcript=transcript, **more)


def plan(**more: Any) -> TransferPlan:
    return TransferPlan.model_validate({"mode": "warm-transfer-experimental", **more})


@pytest.mark.parametrize(
    ("context", "lines"),
    [
        (None, ["Caller: Hello.", "Assistant: Answer 1.", "Caller: Ann here.", "Assistant: Answer 2."]),
        (
            {"type": "all"},
            ["Caller: Hello.", "Assistant: Answer 1.", "Caller: Ann here.", "Assistant: Answer 2."],
        ),
        ({"type": "lastNMessages", "maxMessages": 1}, ["Assistant: Answer 2."]),
        ({"type": "lastNMessages", "maxMessages": 0}, []),
        ({"type": "none"}, []),
    ],
)
def test_it_knows_as_much_of_the_call_as_the_plan_lets_on(context: Any, lines: list[str]) -> None:
    given = plan(**({"contextEngineeringPlan": context} if context else {}))

    assert history(given, record()).splitlines() == (["The call so far:", *lines] if lines else [])


def test_what_it_does_not_name_is_as_with_the_first_assistant() -> None:
    own = {"voice": {"provider": "vapi", "voiceId": "Elliot"}, "transcriber": {"provider": "vapi"}}
    asked = {"name": "Second", "model": {"provider": "openai", "model": "m"}, "maxDurationSeconds": 30}
    made = assistant_document(plan(transferAssistant=asked), record(assistant=an_assistant(own)))

    assert (made["voice"], made["transcriber"]) == (own["voice"], own["transcriber"])
    assert (made["name"], made["maxDurationSeconds"], made["silenceTimeoutSeconds"]) == ("Second", 30, 30)
    assert [tool["function"]["name"] for tool in made["model"]["tools"]] == [
        "transferSuccessful",
        "transferCancel",
    ]
    assert asked["model"] == {"provider": "openai", "model": "m"}


def second(house: House, engines: Engines) -> None:
    """The caller's assistant has the usual engines, the one for the operator these."""
    built: list[Engines] = []

    def build(assistant: Any) -> Engines:
        built.append(house.usual_engines(assistant) if not built else engines)
        return built[-1]

    house.build = build


@pytest.mark.parametrize(
    ("answer", "more", "reason", "status"),
    [
        ([ToolCall("1", "endCall", {})], {}, "error-warm-transfer-assistant-cancelled", "cancelled"),
        (
            [ToolCall("1", "transferCall", {"destination": "+14155550123"})],
            {},
            "error-warm-transfer-assistant-cancelled",
            "cancelled",
        ),
        (EngineError("voice", "scripted", "out of breath"), {}, "error-transfer-failed", "failed"),
    ],
    ids=["hangs up", "transfers", "breaks"],
)
def test_how_it_ends_without_a_decision(
    tmp_path: Path, answer: Any, more: Any, reason: str, status: str
) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house, open_operator(house) as operator:
            house.emergency = None
            broken = isinstance(answer, EngineError)
            voice = ScriptedVoice(fails_at="Never", failure=answer if broken else None)
            model = ScriptedModel(("Never mind.",) if broken else (answer,))
            second(house, Engines(ScriptedTranscriber(), model, voice))
            call = await (await house.phone()).dial().connect()
            await call.hears_the_end()
            tools = [
                {"type": "endCall"},
                {"type": "transferCall", "destinations": [{"type": "number", "number": "+14155550123"}]},
            ]
            given = consult(**more)
            given["transferAssistant"]["model"]["tools"] = tools
            send_on(house, sip(given))
            await operator.connected()
            await announced(operator)
            (engines,) = house.engines.values()
            engines[1].transcriber.words.append("Hello?")
            await operator.says(1.0)
            assert await call.ended() == "BYE from the node"
            await ended(house)
        check(house, f"call.in-progress.{reason}", status)

    run_virtual(story())


def test_engines_that_do_not_start(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house, open_operator(house) as operator:
            failure = EngineError("transcriber", "scripted", "deaf")
            second(
                house, Engines(ScriptedTranscriber(failure=failure), ScriptedModel(("",)), ScriptedVoice())
            )
            call = await (await house.phone()).dial().connect()
            await call.hears_the_end()
            send_on(house, sip(consult()))
            await call.ended()
            await ended(house)
        assert operator.invites == []
        assert "cannot speak" in house.report["call"]["endedMessage"]
        check(house, "call.in-progress.error-transfer-failed", "failed")

    run_virtual(story())


def test_its_own_tools_are_run_for_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house, open_operator(house) as operator:
            asked = [ToolCall("1", "lookUp", {"name": "Ann"})]
            model = ScriptedModel((asked, [ToolCall("2", "transferSuccessful", {})]))
            second(house, Engines(ScriptedTranscriber(), model, ScriptedVoice()))
            call = await (await house.phone()).dial().connect()
            await call.hears_the_end()
            given = consult()
            given["transferAssistant"]["model"]["tools"] = [
                {
                    "type": "function",
                    "function": {"name": "lookUp"},
                    "server": {"url": "http://owner.test/tool"},
                }
            ]

            async def answer(message: Any) -> dict[str, Any]:
                return {"results": [{"toolCallId": "1", "result": "a customer"}]}

            house.answering = answer
            send_on(house, sip(given))
            await operator.connected()
            await announced(operator)
            (engines,) = house.engines.values()
            engines[1].transcriber.words.append("Who is it?")
            await operator.says(1.0)
            await asyncio.sleep(4)
            operator.hang_up()
            await ended(house)
        assert [one.message["type"] for one in house.asked] == ["tool-calls"]
        check(house, "assistant-forwarded-call", "completed")

    run_virtual(story())
