"""The call.endpointing.request that asks the owner how long to wait (vapi-wire §4.4, §4.5)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from offhook.webhooks.client import AskFailed
from tests.calls.house import open_house
from tests.calls.test_whole_call import QUESTION, ended
from tests.virtual import run_virtual

JUDGE = {"url": "http://judge.test/turns", "secret": "s3cret"}


@pytest.mark.parametrize("server", [JUDGE, None])
def test_who_is_asked_and_what(tmp_path: Path, server: dict[str, Any] | None) -> None:
    async def answer(message: dict[str, Any]) -> dict[str, Any]:
        return {"timeoutSeconds": 0.1}

    async def story() -> None:
        async with open_house(tmp_path) as house:
            smart = {"provider": "custom-endpointing-model", **({"server": server} if server else {})}
            house.assistant["startSpeakingPlan"] = {"smartEndpointingPlan": smart}
            house.answering = answer
            phone = await house.phone()
            call = await phone.dial().connect()
            await call.hears_the_end()
            await call.says(QUESTION)
            await call.hears_the_end()
            call.hang_up()
            await ended(house)

        (asked,) = house.asked
        assert asked.receiver.url == (JUDGE["url"] if server else "http://owner.test/hook")
        assert asked.message["type"] == "call.endpointing.request"
        assert asked.message["messagesOpenAIFormatted"][-1] == {"role": "user", "content": QUESTION}
        assert asked.message["messages"][-1]["message"] == QUESTION
        assert asked.message["call"]["id"] == house.call_id

    run_virtual(story())


ODD: list[dict[str, Any] | None] = [
    {},
    {"timeoutSeconds": "1"},
    {"timeoutSeconds": -1},
    {"timeoutSeconds": 16},
    {"timeoutSeconds": True},
    None,
]


@pytest.mark.parametrize("given", ODD)
def test_an_answer_of_another_shape_leaves_the_judgement_here(
    tmp_path: Path, given: dict[str, Any] | None
) -> None:
    async def answer(message: dict[str, Any]) -> dict[str, Any]:
        if given is None:
            raise AskFailed("timeout", "nothing came")
        return given

    async def story() -> None:
        async with open_house(tmp_path) as house:
            smart = {"provider": "custom-endpointing-model", "server": JUDGE}
            house.assistant["startSpeakingPlan"] = {"smartEndpointingPlan": smart}
            house.answering = answer
            phone = await house.phone()
            call = await phone.dial().connect()
            await call.hears_the_end()
            await call.says(QUESTION)
            await call.hears_the_end()
            call.hang_up()
            await ended(house)

        assert "We are open until five." in house.report["transcript"]

    run_virtual(story())
