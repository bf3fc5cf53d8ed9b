"""What a new type of tool takes: one file, one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from offhook.conversation.tools.tool_kinds import TOOL_KINDS
from offhook.language.language_model import Text, ToolCall
from tests.calls.house import open_house, virtual
from tests.calls.test_whole_call import ended
from tests.scripted import ScriptedModel

TRIAL = {"type": "slack.message.send"}


@pytest.mark.parametrize("served", [True, False])
@virtual
async def test_a_tool_is_a_file_and_a_line(
    served: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if served:
        monkeypatch.setitem(TOOL_KINDS, "slack.message.send", "tests.calls.trial_tool:TrialKind")
    async with open_house(tmp_path) as house:
        house.assistant["model"] = {"provider": "openai", "model": "gpt-x", "tools": [TRIAL]}
        name = "slack_message_send"
        house.answers = [[ToolCall("t1", name, {"text": "the 7 pm is free"})], [Text("It is done.")]]
        phone = await house.phone()
        call = await phone.dial().connect()
        await call.hears_the_end()
        await call.says("Tell them, please.")
        await call.hears_the_end()
        call.hang_up()
        await ended(house)
        ((engines,),) = [tuple(built) for built in house.engines.values()]

    model = engines.model
    assert isinstance(model, ScriptedModel)
    (definition,) = model.tools[0]
    heard = house.row["artifact"]["transcript"]
    if served:
        assert (definition.name, definition.description) == (name, "Put a message into the channel.")
        assert definition.parameters["required"] == ["text"]
        assert model.requests[-1][-1]["content"] == "Sent: the 7 pm is free (caller)"
        assert "AI: I am sending it." in heard
    else:
        assert (definition.name, definition.description) == (name, "")
        assert "are not served here" in model.requests[-1][-1]["content"]
    assert "AI: It is done." in heard
