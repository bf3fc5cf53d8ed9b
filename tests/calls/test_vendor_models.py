"""Whole calls in which a vendor's model answers, at a fake that the vendor's own client takes for it; and
keys, which stay where they belong whatever a vendor says of them."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from offhook.conversation.active_assistant import EngineFactory, Engines
from offhook.engines.registry import OrgCredentials, served
from offhook.engines.vendors import VENDORS
from offhook.schema.assistants.assistant import Assistant
from offhook.speech.engine_request import Account
from offhook.speech.remote import CallContext
from tests.calls.house import House, open_house
from tests.calls.test_whole_call import ended
from tests.engines.making import registry_of
from tests.fakes import anthropic_messages, gemini, openai_chat, openai_responses
from tests.machine import PATIENCE
from tests.speech.servers import HttpServer, answer, http_server, in_pieces, outside

CANARY = "canary-5f1e0c77-key"
QUESTION = "When are you open?"
SAID = "We are open until five."
REASONING = {"model": "gpt-5.2", "reasoningEffort": "low"}


async def call(
    folder: Path,
    vendor: AbstractAsyncContextManager[HttpServer],
    key: str,
    model: dict[str, Any],
    *,
    stays: bool = False,
) -> House:
    """A greeting, a question, its answer; or as far as it gets. `stays`: the caller does not hang up then."""
    async with (
        asyncio.timeout(PATIENCE),
        open_house(folder, settle=None) as house,
        vendor as server,
        outside(allow_private=False) as reach,
    ):
        account = Account(key, server.url + ("/v1" if model["provider"] == "openai" else ""))
        registry = registry_of(reach, **{model["provider"]: account})

        def engines(context: CallContext, credentials: OrgCredentials, org: str) -> EngineFactory:
            usual = house.engines_of(context, credentials, org)

            async def build(assistant: Assistant) -> Engines:
                thinking = await registry.model(assistant, credentials, context, org)
                return replace(await usual(assistant), model=thinking)

            return build

        object.__setattr__(house.services, "engines", engines)
        house.assistant["model"] = model
        phone = await house.phone()
        caller = await phone.dial().connect()
        over = asyncio.create_task(ended(house))

        async def talk() -> None:
            await caller.hears_the_end(20)
            await caller.says(QUESTION)
            await caller.hears(20)
            await caller.hears_the_end(20)

        talking = asyncio.create_task(talk())
        await asyncio.wait({over} if stays else {over, talking}, return_when=asyncio.FIRST_COMPLETED)
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)
        caller.hang_up()
        await over
    return house


@pytest.mark.parametrize(
    ("vendor", "key", "model"),
    [
        (anthropic_messages.served(anthropic_messages.Fake(SAID)), anthropic_messages.KEY, "anthropic"),
        (gemini.served(gemini.Fake(SAID)), gemini.KEY, "google"),
        (openai_chat.served(openai_chat.Fake(SAID)), openai_chat.KEY, "openai"),
        (openai_responses.served(openai_responses.Fake(SAID)), openai_chat.KEY, "openai responses"),
    ],
    ids=["anthropic", "google", "openai", "openai responses"],
)
async def test_a_call_that_a_vendors_model_answers(tmp_path: Path, vendor: Any, key: str, model: str) -> None:
    provider, _, responses = model.partition(" ")
    names = {"anthropic": "claude-sonnet-5", "google": "gemini-3-flash-preview", "openai": "gpt-4o"}
    settings = {"provider": provider, "model": names[provider], **(REASONING if responses else {})}
    house = await call(tmp_path, vendor, key, settings)
    assert house.report["endedReason"] == "customer-ended-call"
    assert house.report["transcript"].splitlines()[1:] == [f"User: {QUESTION}", f"AI: {SAID}"]


def quoting(status: str) -> Any:
    """A server that says which key it was sent, as a refusal or (no status) in its answer."""
    error = {"error": {"type": "t", "code": 400, "message": f"Incorrect API key provided: {CANARY}."}}
    body = json.dumps({"type": "error", **error}).encode()
    if status:
        return http_server(answer(body, status, "application/json"))
    return http_server(in_pieces([b"data: " + body + b"\n\n"], 0.0, "text/event-stream"))


KEYED = [name for name in served("model") if VENDORS[name].keyed]
OWN_WIRES = ("openai", "anthropic", "google")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("provider", "status"),
    [
        *((provider, "401 Unauthorized") for provider in KEYED),
        *((provider, status) for provider in OWN_WIRES for status in ("500 Internal Server Error", "")),
    ],
)
async def test_a_key_is_in_nothing_that_is_told(
    tmp_path: Path, provider: str, status: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    house = await call(tmp_path, quoting(status), CANARY, {"provider": provider, "model": "any"}, stays=True)
    told = json.dumps([house.row, *(one.body for one in house.sent)], default=str)
    assert house.report["endedReason"].startswith(f"pipeline-error-{provider}-")
    assert "Incorrect API key provided: ***" in told
    assert CANARY not in told + caplog.text
    assert all(CANARY.encode() not in one.read_bytes() for one in tmp_path.rglob("*") if one.is_file())
