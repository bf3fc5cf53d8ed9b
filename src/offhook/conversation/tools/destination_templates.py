"""The words of a destination, filled where its owner wrote it; whoever goes there later takes them as they
are, since a server's answer may name a destination as well, and what a server said is no template."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from offhook.json_document import DestinationDocument

Fill = Callable[[str], str]

LONGEST_CALLER_ID: Final = 40
_CONTENT: Final = 1000  # characters of a custom message's own `content`
_CALLER_ID: Final = "callerId"
_PLANS: Final = ("transferPlan", "fallbackPlan")


def filled(destination: DestinationDocument, fill: Fill, fill_message: Fill | None = None) -> dict[str, Any]:
    """The destination with the templates of its message, its callerId and its plans' messages filled.
    `fill_message`: for the message to the caller, which may tell of what a model wants; who is told to be
    calling is no model's choice. A callerId that is too long is left out: one that is cut is another's."""
    result = _with_words(destination, fill, fill_message or fill)
    if isinstance(caller_id := destination.get(_CALLER_ID), str):
        result[_CALLER_ID] = caller = fill(caller_id)
        if len(caller) > LONGEST_CALLER_ID:
            del result[_CALLER_ID]
    return result


def _with_words(holder: DestinationDocument, fill: Fill, fill_message: Fill) -> dict[str, Any]:
    """Whatever has a message, and the plans in it."""
    plans = {name: plan for name in _PLANS if isinstance(plan := holder.get(name), Mapping)}
    return {
        **holder,
        **_message(holder, fill_message),
        **{name: _with_words(plan, fill, fill) for name, plan in plans.items()},
    }


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
