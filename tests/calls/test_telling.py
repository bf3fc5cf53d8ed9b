"""What owners are told besides the usual, on the virtual clock."""

from __future__ import annotations

from pathlib import Path

from offhook.conversation.active_assistant import Engines
from tests.calls.house import open_house, virtual
from tests.calls.test_whole_call import QUESTION, ended
from tests.scripted import ScriptedModel, ScriptedTranscriber, ScriptedVoice


@virtual
async def test_an_assistant_that_lets_the_caller_wait_is_told_of_once(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        slow = ScriptedModel(("Sorry, I had to look for it.",), latency=8)
        house.build = lambda assistant: Engines(ScriptedTranscriber(), slow, ScriptedVoice())
        phone = await house.phone()
        call = await phone.dial().connect()
        await call.hears_the_end()
        await call.says(QUESTION)
        await call.hears_the_end()
        await call.hears_the_end()  # first it was a word to wait
        call.hang_up()
        await ended(house)

    kinds = [one.type for one in house.sent]
    assert kinds.count("hang") == 1
    assert [one["newAssistant"]["name"] for one in house.messages("assistant.started")] == ["Front desk"]


@virtual
async def test_stored_tools_are_offered_to_the_model(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.directory.tools["t1"] = {"type": "function", "function": {"name": "look_up"}}
        house.assistant["model"] = {"provider": "vapi", "toolIds": ["t1", "gone"]}
        phone = await house.phone()
        call = await phone.dial().connect()
        await call.hears_the_end()
        await call.says(QUESTION)
        await call.hears_the_end()
        (engines,) = next(iter(house.engines.values()))
        call.hang_up()
        await ended(house)

    assert isinstance(engines.model, ScriptedModel)
    assert [tool.name for tool in engines.model.tools[0]] == ["look_up"]
