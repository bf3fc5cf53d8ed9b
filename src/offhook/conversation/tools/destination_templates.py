"""The words of a destination, filled where its owner wrote it; whoever goes there later takes them as they
are, since a server's answer may name a destination as well, and what a server said is no template."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from offhook.schema.assistants.spoken import Spoken
from offhook.schema.tools.destination import SaidDestination, TransferFallbackPlan, TransferPlan

Fill = Callable[[str], str]
D = TypeVar("D", bound=SaidDestination)

LONGEST_CALLER_ID: Final = 40
_CONTENT: Final = 1000  # characters of a custom message's own `content`


def filled(destination: D, fill: Fill, fill_message: Fill | None = None) -> D:
    """The destination with the templates of its message, its callerId and its plans' messages filled.
    `fill_message`: for the message to the caller, which may tell of what a model wants; who is told to be
    calling is no model's choice. A callerId that is too long is left out: one that is cut is another's."""
    changes: dict[str, Any] = {}
    if destination.message is not None:
        changes["message"] = _message(destination.message, fill_message or fill)
    plan = getattr(destination, "transfer_plan", None)
    if plan is not None:
        changes["transfer_plan"] = _plan(plan, fill)
    caller_id = getattr(destination, "caller_id", None)
    if caller_id is None:
        return destination.model_copy(update=changes)
    caller = fill(caller_id)
    fits = len(caller) <= LONGEST_CALLER_ID
    result = destination.model_copy(update={**changes, "caller_id": caller if fits else None})
    if not fits:
        result.model_fields_set.discard("caller_id")
    return result


def _plan(plan: TransferPlan, fill: Fill) -> TransferPlan:
    changes: dict[str, Any] = {}
    if plan.message is not None:
        changes["message"] = _message(plan.message, fill)
    if plan.fallback_plan is not None:
        changes["fallback_plan"] = _fallback(plan.fallback_plan, fill)
    return plan.model_copy(update=changes)


def _fallback(plan: TransferFallbackPlan, fill: Fill) -> TransferFallbackPlan:
    return plan.model_copy(update={"message": _message(plan.message, fill)})


def _message(message: Spoken, fill: Fill) -> Spoken:
    if isinstance(message, str):
        return fill(message)
    changes: dict[str, Any] = {}
    if message.content is not None:
        changes["content"] = fill(message.content)[:_CONTENT]
    if message.contents is not None:
        changes["contents"] = [each.model_copy(update={"text": fill(each.text)}) for each in message.contents]
    return message.model_copy(update=changes)
