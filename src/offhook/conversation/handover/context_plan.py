"""What the next assistant knows of the conversation that it takes over (vapi-wire §2.4, §7)."""

from __future__ import annotations

from collections.abc import Sequence

from offhook.conversation.context import Context
from offhook.language.language_model import Message
from offhook.schema.tools.destination import ContextEngineeringPlanLastNMessages, TransferDestinationAssistant
from offhook.schema.tools.handoff import Successors

Messages = list[Message]


def arrange(
    destination: Successors, context: Context, following: Sequence[Message]
) -> tuple[Messages, Messages]:
    """The messages that stand before the conversation, and the conversation, as the next assistant sees them.

    Of a transferCall tool's destination `transferMode` tells how, of any other `contextEngineeringPlan`.
    `context` is that of the assistant that leaves, `following` the prompt of the one that comes."""
    before, after = [m.copy() for m in context.system], [m.copy() for m in following]
    history = context.history()
    if isinstance(destination, TransferDestinationAssistant):
        mode = destination.transfer_mode
        if mode == "delete-history":
            return after, []
        if mode == "swap-system-message-in-history":
            return after, history
        if mode == "swap-system-message-in-history-and-remove-transfer-tool-messages":
            return after, _without_last_tools(history)
        return before, [*history, *after]
    plan = destination.context_engineering_plan
    kind = plan.type if plan is not None else "all"
    if kind == "none":
        return after, []
    if isinstance(plan, ContextEngineeringPlanLastNMessages):
        return after, _last(history, int(plan.max_messages))
    if kind == "userAndAssistantMessages":
        return after, _spoken_only(history)
    # `previousAssistantMessages` leaves out what the leaving assistant itself has said and heard.
    return after, context.inherited() if kind == "previousAssistantMessages" else history


def _last(history: Messages, most: int) -> Messages:
    """The last messages; a tool's result whose call is not among them is left out."""
    kept = history[len(history) - most :] if most else []
    while kept and kept[0].get("role") == "tool":
        kept = kept[1:]
    return kept


def _spoken_only(history: Messages) -> Messages:
    """What was said, without tools."""
    return [
        {"role": message["role"], "content": message["content"]}
        for message in history
        if message.get("role") in ("user", "assistant") and message.get("content")
    ]


def _without_last_tools(history: Messages) -> Messages:
    """Without the call that led to the hand-over, and its result."""
    last = max((index for index, message in enumerate(history) if message.get("tool_calls")), default=None)
    if last is None:
        return history
    asked = {call["id"] for call in history[last]["tool_calls"]}
    kept: Messages = []
    for index, message in enumerate(history):
        if index == last:
            if message.get("content"):
                kept.append({"role": "assistant", "content": message["content"]})
        elif message.get("tool_call_id") not in asked:
            kept.append(message)
    return kept
