from __future__ import annotations

import asyncio
from typing import Any

import pytest

from offhook.conversation.tools.rejection import rejected
from offhook.language.language_model import Message, ToolCall
from offhook.language.template import render as liquid
from tests.conversation.stage import on_stage
from tests.conversation.test_conversation import plays
from tests.conversation.tools.test_acting import asks, said, settles, with_tools
from tests.documents import a_tool

MESSAGES: list[Message] = [
    {"role": "user", "content": "Hello."},
    {"role": "assistant", "content": "Shall I transfer you?"},
    {"role": "user", "content": "Yes, please."},
    {"role": "assistant", "content": None},
]
RECENTLY = """{% assign recent = messages | last: 3 | where: 'role', 'user' | reverse %}
    {% assign mentioned = false %}
    {% for each in recent %}
      {% if each.content contains 'WORD' %}{% assign mentioned = true %}{% break %}{% endif %}
    {% endfor %}
    {% if mentioned %}false{% else %}true{% endif %}"""
"""Has the caller not said it in the last three messages? As in the API's own examples."""
YES: dict[str, Any] = {"type": "regex", "regex": r"(?i)\byes\b", "target": {"role": "user"}}
NEVER: dict[str, Any] = {"type": "regex", "regex": "never", "target": {"role": "user"}}


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([], False),
        ([YES], True),
        ([YES | {"negate": True}], False),
        ([YES, NEVER], False),
        ([YES, NEVER | {"negate": True}], True),
        ([{"type": "regex", "regex": "yes"}], False),
        ([{"type": "regex", "regex": "Hello", "target": {"position": 0}}], True),
        ([{"type": "regex", "regex": "Hello", "target": {"role": "user", "position": -2}}], True),
        ([{"type": "regex", "regex": "Hello", "target": {"position": 99}}], False),
        ([{"type": "regex", "regex": "(a+)+"}], False),
        ([{"type": "group", "operator": "OR", "conditions": [NEVER, YES]}], True),
        ([{"type": "group", "operator": "AND", "conditions": [NEVER, YES]}], False),
        ([{"type": "liquid", "liquid": "{% if messages.size > 3 %}true{% else %}false{% endif %}"}], True),
        ([{"type": "regex", "regex": "(?=a)b", "negate": True}], False),
        ([{"type": "liquid", "liquid": "yes"}], False),
        ([{"type": "liquid", "liquid": RECENTLY.replace("WORD", "transfer")}], True),
        ([{"type": "liquid", "liquid": RECENTLY.replace("WORD", "please")}], False),
    ],
)
async def test_when_all_conditions_hold_the_call_is_rejected(
    conditions: list[dict[str, Any]], expected: bool
) -> None:
    tool = a_tool({"type": "endCall", "rejectionPlan": {"conditions": conditions}})
    assert await rejected(tool, MESSAGES, lambda text, variables: liquid(text, variables, 0.0)) is expected


async def test_a_tool_without_a_plan_is_never_rejected() -> None:
    assert not await rejected(a_tool({"type": "endCall"}), MESSAGES, lambda text, variables: text)


async def test_others_have_their_turn_between_two_conditions() -> None:
    filled: list[str] = []
    turns: list[int] = []

    async def another_call() -> None:
        while len(filled) < 40:
            turns.append(len(filled))
            await asyncio.sleep(0)

    def render(text: str, variables: object) -> str:
        filled.append(text)
        return "true"

    other = asyncio.create_task(another_call())
    liquids = [{"type": "liquid", "liquid": "{{ messages.size }}"}] * 20
    plan = {"conditions": [*liquids, {"type": "group", "operator": "AND", "conditions": liquids}]}
    assert await rejected(a_tool({"type": "endCall", "rejectionPlan": plan}), MESSAGES, render)
    await other

    assert set(range(40)) <= set(turns)


@plays
async def test_a_rejected_call_is_news_to_the_model() -> None:
    goodbye = {"type": "regex", "regex": "(?i)bye", "target": {"role": "user"}, "negate": True}
    document = with_tools({"type": "endCall", "rejectionPlan": {"conditions": [goodbye]}})
    async with on_stage([[ToolCall("c1", "endCall", {})], "What else?"], assistant=document) as stage:
        await asks(stage, "I have a question.")
        await settles(stage)
        assert stage.ended == []
        assert said(stage) == ["What else?"]
