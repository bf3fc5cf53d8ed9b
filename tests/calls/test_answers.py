"""An owner's server answers with more than is known here, or with nothing in it, and the call goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.calls.house import Document, open_house
from tests.calls.test_whole_call import ended
from tests.virtual import run_virtual

PARAMETERS = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {},
    "additionalProperties": False,
}
FUNCTION = {"type": "function", "function": {"name": "book", "parameters": PARAMETERS, "unknown": 1}}
ASSISTANT = {
    "firstMessage": "Here.",
    "model": {"provider": "openai", "model": "gpt-4o", "tools": [FUNCTION], "reasoningEffort": ""},
    "voice": {"provider": "", "voiceId": ""},
    "invented": {"a": 1},
}
ZEROS: Document = {"error": "", "destination": {"type": ""}, "squadId": "", "squad": {"members": None}}


@pytest.mark.parametrize(
    "answer",
    [
        {"assistant": ASSISTANT},
        {**ZEROS, "assistant": ASSISTANT},
        {"messageResponse": {**ZEROS, "assistant": ASSISTANT}},
        {"messageResponse": None, "assistant": ASSISTANT, "assistantOverrides": {"hooks": [{}], "x": 1}},
        {**ZEROS, "assistantId": "assistant-1", "assistantOverrides": {"firstMessage": "Here.", "x": {}}},
        {"squad": {"members": [{"assistant": ASSISTANT, "x": 1}], "y": 1}, "assistantId": ""},
    ],
)
def test_the_assistant_answers(tmp_path: Path, answer: Document, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            house.number["assistantId"] = None

            async def says(message: Document) -> Mapping[str, Any]:
                return answer

            house.answering = says
            call = await (await house.phone()).dial().connect()
            await asyncio.sleep(3)
            call.hang_up()
            await ended(house)
            assert house.report["transcript"].splitlines()[0] == "AI: Here."
            assert house.report["endedReason"] == "customer-ended-call"

    run_virtual(story())
    assert "unknown or empty properties are left out" in caplog.text
