"""The words of a destination, filled where its owner wrote it; whoever goes there later takes them as they
are, since a server's answer may name a destination as well, and what a server said is no template."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from offhook.json_document import DestinationDocument

Fill = Callable[[str], str]

LONGEST_CALLER_ID: Final = 40
_CONTENT: Final = 1000  # characters of a custom message's own `content`


def filled(destination: DestinationDocument, fill: Fill, fill_message: Fill | None = None) -> dict[str, Any]:
    """The destination with the templates of its message, its callerId and its plan's messages filled.
    `fill_message`: for the message to the caller, which may tell of what a model wants; who is told to be
    calling is no model's choice."""
    result = {**destination, **_message(destination, fill_message or fill)}
    if isinstance(caller_id := destination.get("callerId"), str):
        result["callerId"] = caller = fill(caller_id)
        if len(caller) > LONGEST_CALLER_ID:
            del result["callerId"]  # a number that is cut is another's
    plan = destination.get("transferPlan")
    if isinstance(plan, Mapping):
        result["transferPlan"] = filled_plan = {**plan, **_message(plan, fill)}
        fallback = plan.get("fallbackPlan")
        if isinstance(fallback, Mapping):
            filled_plan["fallbackPlan"] = {**fallback, **_message(fallback, fill)}
    return result


def _message(holder: DestinationDocument, fill: Fill) -> dict[str, Any]:
    message = holder.get("message")
    if isinstance(message, str):
        return {"message": fill(message)}
    if not isinstance(message, Mapping):
        return {}
    result = dict(message)
    if isinstance(content := message.get("content"), str):
        result["content"] = fill(content)[:_CONTENT]
    if isinstance(contents := message.get("contents"), list):
        result["contents"] = [
            {**each, "text": fill(each["text"])} if isinstance(each.get("text"), str) else each
            for each in contents
        ]
    return {"message": result}
