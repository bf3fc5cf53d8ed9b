"""May the model call this tool now? (`rejectionPlan`: when all of its conditions hold, it may not.)"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Iterator, Sequence

from offhook.conversation.text.patterns import Pattern, compile_pattern
from offhook.json_document import ToolDocument, ToolMessageDocument, Variables
from offhook.language.language_model import Message

Render = Callable[[str, Variables], str]
DEEPEST = 8
"""Groups within groups that are looked into."""
MOST_CONDITIONS = 50
"""With those in groups."""

log = logging.getLogger(__name__)


async def rejected(tool: ToolDocument, messages: Sequence[Message], render: Render) -> bool:
    """`messages`: the conversation so far. Templates see them as `messages` and answer `true` or `false`.
    Other calls have their turn between two conditions."""
    conditions = (tool.get("rejectionPlan") or {}).get("conditions") or ()
    if sum(1 for _ in itertools.islice(_all(conditions, DEEPEST), MOST_CONDITIONS + 1)) > MOST_CONDITIONS:
        log.warning("a rejectionPlan with more than %d conditions is left out", MOST_CONDITIONS)
        return False
    for each in conditions:
        if not await _holds(each, messages, render, DEEPEST):
            return False
    return bool(conditions)


def _all(conditions: Sequence[ToolMessageDocument], depth: int) -> Iterator[ToolMessageDocument]:
    for condition in conditions:
        yield condition
        if depth:
            yield from _all(condition.get("conditions") or (), depth - 1)


async def _holds(
    condition: ToolMessageDocument, messages: Sequence[Message], render: Render, depth: int
) -> bool:
    await asyncio.sleep(0)
    kind = condition.get("type")
    if kind == "regex":
        pattern = compile_pattern(str(condition.get("regex", "")))
        # One that is refused holds nothing, negated or not: a tool must not be lost for a mistake in it.
        return pattern is not None and _found(pattern, condition, messages) is not bool(
            condition.get("negate")
        )
    if kind == "liquid":
        return render(str(condition.get("liquid", "")), {"messages": list(messages)}).strip() == "true"
    parts = condition.get("conditions") or ()
    if kind != "group" or not parts or depth == 0:
        return False
    decides = condition.get("operator") == "OR"
    for part in parts:
        if await _holds(part, messages, render, depth - 1) is decides:
            return decides
    return not decides


def _found(pattern: Pattern, condition: ToolMessageDocument, messages: Sequence[Message]) -> bool:
    """Is it in the message that `target` names: the one at `position` (the last) of those of `role` (any)? In
    a message that is not there nothing is."""
    target = condition.get("target") or {}
    role = target.get("role")
    texts = [
        message.get("content") or "" for message in messages if role is None or message.get("role") == role
    ]
    position = int(target.get("position", -1))
    if not -len(texts) <= position < len(texts):
        return False
    return pattern.found_in(str(texts[position]))
