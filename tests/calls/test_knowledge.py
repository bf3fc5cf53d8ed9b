"""A server of the owner's that knows what the model does not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from offhook.calls.world.knowledge import (
    MOST_CHARACTERS,
    MOST_DOCUMENTS,
    Found,
    Informed,
    found_in,
    question,
    with_documents,
)
from offhook.language.language_model import Finished, Message, Text, ToolCall
from offhook.language.providers.extractive import ExtractiveModel
from offhook.schema.server import Server
from offhook.schema.webhooks.answers import KnowledgeBaseAnswer
from offhook.schema.webhooks.server_message import ServerMessageKnowledgeBaseRequest
from offhook.webhooks.client import AskFailed
from tests.calls.house import ASSISTANT, House, open_house, virtual
from tests.calls.test_whole_call import ended
from tests.scripted import ScriptedModel

ASKED: list[Message] = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "Can I return it?"},
]
MONTH, HOLIDAYS = "You have thirty days.", "In the holidays you have sixty days."


def documents(*contents: Any) -> dict[str, Any]:
    return {"documents": [{"content": content, "similarity": 0.5} for content in contents]}


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (documents(MONTH), Found(documents=(MONTH,))),
        (
            {
                "documents": [
                    {"content": "least"},
                    {"content": MONTH, "similarity": 0.5, "uuid": "u1"},
                    {"content": HOLIDAYS, "similarity": 1},
                ]
            },
            Found(documents=(HOLIDAYS, MONTH, "least")),
        ),
        ({"message": {"role": "assistant", "content": " Yes. "}, **documents(MONTH)}, Found("Yes.")),
        (
            {"message": {"type": "custom-message", "contents": [{"type": "text", "text": "Yes."}]}},
            Found("Yes."),
        ),
        ({"message": "Yes."}, Found("Yes.")),
        ({"message": {"role": "assistant", "content": " "}}, Found()),
        ({"message": {"content": 5}, "documents": "none"}, Found()),
        (documents(5, None, "", MONTH, "half \ud83d"), Found(documents=(MONTH, "half ?"))),
        ({"documents": [MONTH, None, {"text": MONTH}]}, Found()),
        ({"documents": [{"content": "a", "similarity": "high"}]}, Found(documents=("a",))),
        (documents(*"x" * 50), Found(documents=("x",) * MOST_DOCUMENTS)),
        (documents("x" * 10_000, "y" * 10_000, "z"), Found(documents=("x" * 10_000, "y" * 6000))),
        ({"message": "x" * MOST_CHARACTERS}, Found("x" * (MOST_CHARACTERS // 4))),
        ({}, Found()),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_what_a_server_may_answer(answer: Mapping[str, Any], found: Found) -> None:
    assert found_in(KnowledgeBaseAnswer.of(answer)) == found


def test_documents_stand_before_what_the_caller_said_last() -> None:
    shown = with_documents(ASKED, (MONTH, HOLIDAYS))

    assert [message["role"] for message in shown] == ["system", "system", "user"]
    assert MONTH in shown[1]["content"]
    assert HOLIDAYS in shown[1]["content"]
    assert with_documents(ASKED, ()) is ASKED


def test_the_question_is_what_the_model_is_going_to_be_sent() -> None:
    properties = question(ASKED).properties()

    assert properties["messagesOpenAIFormatted"] == ASKED
    assert properties["messages"][1] == {
        "role": "user",
        "content": "Can I return it?",
        "message": "Can I return it?",
    }


def answering(answer: Mapping[str, Any] | None) -> tuple[Any, list[ServerMessageKnowledgeBaseRequest]]:
    asked: list[ServerMessageKnowledgeBaseRequest] = []

    async def ask(server: Server, body: ServerMessageKnowledgeBaseRequest) -> KnowledgeBaseAnswer | None:
        asked.append(body)
        return None if answer is None else KnowledgeBaseAnswer.of(answer)

    return ask, asked


async def said(model: Any, messages: Sequence[Message]) -> str:
    replies = [reply async for reply in model.respond(messages, ())]
    assert isinstance(replies[-1], Finished)
    return "".join(reply.text for reply in replies if isinstance(reply, Text))


async def test_words_of_the_server_s_own_are_said_and_no_model_is_asked() -> None:
    model = ScriptedModel(("Never said.",))
    ask, _ = answering({"message": {"content": MONTH}})

    assert await said(Informed(model, Server(), ask), ASKED) == MONTH
    assert model.requests == []


@pytest.mark.parametrize(
    "last",
    [{"role": "tool", "tool_call_id": "c1", "content": "nine"}, {"role": "system", "content": "Go on."}],
)
async def test_only_what_the_caller_says_is_looked_up(last: Message) -> None:
    ask, asked = answering(documents(MONTH))

    assert await said(Informed(ScriptedModel(("Yes.",)), Server(), ask), [*ASKED, last]) == "Yes."
    assert asked == []


async def test_the_local_model_answers_from_documents() -> None:
    ask, _ = answering(documents("Our parking garage is behind the house."))
    model = Informed(ExtractiveModel(), Server(), ask)

    said_ = await said(model, [{"role": "user", "content": "Where can I find parking?"}])

    assert "behind the house" in said_


async def test_a_reply_that_is_given_up_gives_up_the_question() -> None:
    given_up = asyncio.Event()

    async def ask(server: Server, body: ServerMessageKnowledgeBaseRequest) -> KnowledgeBaseAnswer | None:
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()
        return None

    reply = asyncio.create_task(said(Informed(ScriptedModel(("x",)), Server(), ask), ASKED))
    await asyncio.sleep(0)
    reply.cancel()
    await asyncio.gather(reply, return_exceptions=True)
    assert given_up.is_set()


SERVER = {"url": "http://facts.test/search", "secret": "of the facts", "timeoutSeconds": 60}


async def visit(folder: Path, answer: Any, says: ScriptedModel | None = None) -> tuple[House, list[Message]]:
    """One question; what the model was shown of it."""
    async with open_house(folder) as house:
        tools = [{"type": "function", "function": {"name": "look_up"}}]
        base = {"provider": "custom-knowledge-base", "server": SERVER}
        model = {"provider": "vapi", "model": "m", "knowledgeBase": base, "tools": tools}
        house.directory.assistants["assistant-1"] = {**ASSISTANT, "model": model}
        house.answers = ([ToolCall("c1", "look_up", {})], "That is so.")

        async def answering(message: dict[str, Any]) -> Mapping[str, Any]:
            if message["type"] != "knowledge-base-request":
                return {"results": [{"result": "ok"}]}
            return await answer() if callable(answer) else answer

        house.answering = answering
        phone = await house.phone()
        call = await phone.dial().connect()
        await call.hears_the_end()
        await call.says("Can I return it?")
        await call.hears_the_end(pause=3)
        call.hang_up()
        await ended(house)
        (engines,) = next(iter(house.engines.values()))
        assert isinstance(engines.model, ScriptedModel)
        return house, engines.model.requests[0]


@virtual
async def test_a_call_s_knowledge_base_is_asked_once_for_each_thing_said(tmp_path: Path) -> None:
    house, shown = await visit(tmp_path, documents(MONTH))

    facts = [one for one in house.asked if one.message["type"] == "knowledge-base-request"]
    assert [one.receiver.url for one in facts] == [SERVER["url"]]
    assert facts[0].receiver.secret == "of the facts"
    assert facts[0].seconds == 8
    assert facts[0].message["messages"][-1]["content"] == "Can I return it?"
    assert facts[0].message["call"]["id"] == house.call_id
    assert MONTH in shown[-2]["content"]
    assert house.report["transcript"].endswith("AI: That is so.\n")


async def fails() -> Mapping[str, Any]:
    raise AskFailed("timeout", "no whole answer within 8 s")


@pytest.mark.parametrize("answer", [fails, {}, {"documents": 5}])
def test_a_server_that_is_of_no_use_keeps_nobody_from_answering(tmp_path: Path, answer: Any) -> None:
    @virtual
    async def story() -> None:
        house, shown = await visit(tmp_path, answer)
        assert [message["role"] for message in shown] == ["assistant", "user"]
        assert house.report["transcript"].endswith("AI: That is so.\n")

    story()
