"""What a caller tells the local model is in the report, as variables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from offhook.conversation.active_assistant import Engines
from offhook.language.providers.extractive import ExtractiveModel
from tests.calls.house import ASSISTANT, open_house, virtual
from tests.calls.test_variables import asked
from tests.scripted import ScriptedTranscriber, ScriptedVoice


class Local(ExtractiveModel):
    """`running`: as the house asks of models that answer slowly."""

    running = 0


PROMPT = "You are the receptionist of Harbor Dental.\n- Opening hours: from eight to six."
TOLD = ("I want to book a table for two tomorrow at seven.", "Ann Lee.", "four one five, 555 0192")


async def booked(folder: Path, **more: Any) -> dict[str, Any]:
    """The variables of the report of a call in which a table is booked."""
    async with open_house(folder) as house:
        messages = [{"role": "system", "content": PROMPT}]
        house.directory.assistants["assistant-1"] = {
            **ASSISTANT,
            "model": {"provider": "vapi", "model": "m", "messages": messages},
            **more,
        }
        house.build = lambda _: Engines(ScriptedTranscriber(), Local(), ScriptedVoice())
        await asked(house, *TOLD)
        variables: dict[str, Any] = house.report["artifact"]["variableValues"]
        return variables


@virtual
async def test_what_was_told_is_in_the_report(tmp_path: Path) -> None:
    variables = await booked(tmp_path)
    assert variables["callerName"] == "Ann Lee"
    assert variables["callerNumber"] == "4155550192"
    assert variables["callerMatter"] == TOLD[0]


@virtual
async def test_a_variable_of_the_owner_s_is_not_replaced(tmp_path: Path) -> None:
    variables = await booked(tmp_path, variableValues={"callerName": "Mrs. Lee"})
    assert variables["callerName"] == "Mrs. Lee"
    assert variables["callerNumber"] == "4155550192"
