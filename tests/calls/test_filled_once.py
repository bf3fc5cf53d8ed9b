"""Which words of a number and of its server's answers are templates, and which are not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.calls.house import Document, open_house
from tests.calls.test_whole_call import ended
from tests.virtual import run_virtual

SIP = {"type": "sip", "sipUri": "sip:desk@10.0.0.9"}
TEMPLATE = "Sorry, {{customer.name}}."
FILLED = "Sorry, Caller."


def action(do: Document) -> list[Document]:
    return [{"on": "call.ringing", "do": [do]}]


@pytest.mark.parametrize(
    ("number", "answer", "words"),
    [
        ({}, {"error": TEMPLATE}, TEMPLATE),
        ({}, {"destination": {**SIP, "message": TEMPLATE}}, TEMPLATE),
        ({"hooks": action({"type": "say", "exact": TEMPLATE})}, {}, FILLED),
        (
            {"hooks": action({"type": "transfer", "destination": {**SIP, "message": TEMPLATE}})},
            {},
            FILLED,
        ),
        ({"fallbackDestination": {**SIP, "message": TEMPLATE}}, {"error": "no"}, FILLED),
        ({}, {"assistant": {"firstMessage": TEMPLATE}}, FILLED),
        (
            {},
            {
                "assistantId": "assistant-1",
                "assistantOverrides": {
                    "firstMessage": "{{a}}",
                    "variableValues": {"a": "{{customer.name}}"},
                },
            },
            "{{customer.name}}",
        ),
    ],
)
def test_the_owner_s_words_are_filled_and_the_server_s_are_not(
    tmp_path: Path, number: Document, answer: Document, words: str
) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            house.number.update({"assistantId": None, **number})

            async def says(message: Document) -> Mapping[str, Any]:
                return answer

            house.answering = says
            call = await (await house.phone()).dial().connect()
            await asyncio.sleep(8)
            if call.is_up:
                call.hang_up()
            await ended(house)
            assert house.report["transcript"].splitlines()[0] == f"AI: {words}"

    run_virtual(story())


def test_a_caller_s_header_is_no_template(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            house.assistant["firstMessage"] = "Hello {{branch}}, {{secret}}."
            house.assistant["variableValues"] = {"secret": "s"}
            call = await (await house.phone()).dial().connect([("X-Branch", "{{secret}}")])
            await call.hears_the_end()
            call.hang_up()
            await ended(house)
            assert house.report["transcript"].splitlines()[0] == "AI: Hello {{secret}}, s."

    run_virtual(story())
