"""May the model call this tool now? (`rejectionPlan`: when all of its conditions hold, it may not.)"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Iterator, Sequence

from offhook.conversation.text.patterns import Pattern, compile_pattern
from offhook.language.extraction import Render
from offhook.language.language_model import Message
from offhook.schema.tools.tool import (
    AnyTool,
    GroupCondition,
    LiquidCondition,
    MessageTarget,
    RegexCondition,
    RejectionCondition,
)

DEEPEST = 8
"""Groups within groups that are looked into."""
MOST_CONDITIONS = 50
"""With those in groups."""

log = logging.getLogger(__name__)


async def rejected(tool: AnyTool, messages: Sequence[Message], render: Render) -> bool:
    """`messages`: the conversation so far. Templates see them as `messages` and answer `true` or `false`.
    Other calls have their turn between two conditions."""
    conditions = (tool.rejection_plan.conditions if tool.rejection_plan is not None else None) or ()
    if sum(1 for _ in itertools.islice(_all(conditions, DEEPEST), MOST_CONDITIONS + 1)) > MOST_CONDITIONS:
        log.warning("a rejectionPlan with more than %d conditions is left out", MOST_CONDITIONS)
        return False
    for each in conditions:
        if not await _holds(each, messages, render, DEEPEST):
            return False
    return bool(conditions)


def _all(conditions: Sequence[RejectionCondition], depth: int) -> Iterator[RejectionCondition]:
    for condition in conditions:
        yield condition
        if depth and isinstance(condition, GroupCondition):
            yield from _all(condition.conditions, depth - 1)


async def _holds(
    condition: RejectionCondition, messages: Sequence[Message], render: Render, depth: int
) -> bool:
    await asyncio.sleep(0)
    if isinstance(condition, RegexCondition):
        pattern = compile_pattern(condition.regex)
        # One that is refused holds nothing, negated or not: a tool must not be lost for a mistake in it.
        return pattern is not None and _found(pattern, condition.target, messages) is not bool(
            condition.negate
        )
    if isinstance(condition, LiquidCondition):
        return render(condition.liquid, {"messages": list(messages)}).strip() == "true"
    if not condition.conditions or depth == 0:
        return False
    decides = condition.operator == "OR"
    for part in condition.conditions:
        if await _holds(part, messages, render, depth - 1) is decides:
            return decides
    return not decides


def _found(pattern: Pattern, target: MessageTarget | None, messages: Sequence[Message]) -> bool:
    """Is it in the message that `target` names: the one at `position` (the last) of those of `role` (any)? In
    a message that is not there nothing is."""
    role = target.role if target is not None else None
    given = target.position if target is not None else None
    texts = [
        message.get("content") or "" for message in messages if role is None or message.get("role") == role
    ]
    position = -1 if given is None else int(given)
    if not -len(texts) <= position < len(texts):
        return False
    return pattern.found_in(str(texts[position]))
