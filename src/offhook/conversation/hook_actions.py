"""Doing what a hook says: one action after the other, each when the one before has been heard."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from offhook.conversation.audio.playout_queue import Utterance
from offhook.conversation.audio.synthesis import Mouth
from offhook.conversation.context import Said
from offhook.conversation.reply import Reply
from offhook.conversation.tools.destination_templates import filled
from offhook.conversation.tools.tool_run import ToolRun, ToolStage, heard_out
from offhook.conversation.tools.toolbox import Toolbox, definition_of
from offhook.conversation.transcript import Transcript
from offhook.language.base import Message, ToolCall
from offhook.schema.base import JsonObject, document
from offhook.schema.hook import (
    HookAction,
    MessageAddHookAction,
    SayHookAction,
    ToolCallHookAction,
    TransferHookAction,
)
from offhook.schema.tool import FunctionTool

log = logging.getLogger(__name__)

CALL_ID = "hook-function-call"
"""What the API names a call that no model has made."""


class ActionStage(ToolStage, Protocol):
    """What actions need of the conversation."""

    rng: random.Random
    transcript: Transcript

    @property
    def mouth(self) -> Mouth: ...

    @property
    def over(self) -> bool: ...

    def speak(self, text: str) -> Utterance | None:
        """Say `text` after what is being said; None if nothing is said any more."""
        ...

    def prompt(self, messages: Sequence[Message]) -> Reply | None:
        """Let the model say something, shown `messages` besides; None if nothing is said any more."""
        ...

    def add_message(self, message: Message, respond: bool) -> None: ...

    def send_on(self, destination: Mapping[str, Any]) -> None: ...


async def perform(
    actions: Sequence[HookAction], stage: ActionStage, moot: Callable[[], bool] = lambda: False
) -> None:
    """`moot`: is there no reason any more for what is left?"""
    for action in actions:
        if stage.over or moot():
            return
        match action:
            case SayHookAction():
                await _say(action, stage)
            case MessageAddHookAction():
                respond = action.trigger_response_enabled is not False
                stage.add_message(document(action.message), respond)
            case TransferHookAction():
                if action.destination is not None:
                    destination = document(action.destination)
                    stage.send_on(filled(destination, lambda text: stage.render(text, {})))
            case ToolCallHookAction() | FunctionTool():
                await _run(action, stage)


async def conclude(actions: Sequence[HookAction], reason: str, stage: ActionStage) -> None:
    """At the end of the call, when nobody hears anything any more: tools and messages."""
    for action in actions:
        if isinstance(action, MessageAddHookAction):
            stage.add_message(document(action.message), respond=False)
        elif isinstance(action, ToolCallHookAction | FunctionTool) and (tool := _tool(action)) is not None:
            (call,) = stage.note_calls([_call(tool, reason)])
            outcome = await stage.world.run_tool(tool, call)
            stage.note_result(call, outcome.result or outcome.error or "")


# speaking


async def _say(action: SayHookAction, stage: ActionStage) -> None:
    exact = action.exact
    if isinstance(exact, list):
        exact = stage.rng.choice(exact) if exact else None
    if exact is not None:
        await heard_out(stage.speak(stage.render(exact, {})))
    elif action.prompt:
        reply = stage.prompt(_messages(action.prompt, stage))
        if reply is not None:
            await asyncio.wait([reply.task])
            await heard_out(reply.unheard())


def _messages(prompt: str | list[JsonObject], stage: ActionStage) -> list[Message]:
    given: list[JsonObject] = [{"role": "system", "content": prompt}] if isinstance(prompt, str) else prompt
    known = {"transcript": stage.transcript.to_text(), "messages": stage.context.history()}
    return [
        {"role": str(one.get("role", "system")), "content": stage.render(text, known)}
        for one in given
        if isinstance(text := one.get("content", one.get("message")), str)
    ]


# tools


async def _run(action: ToolCallHookAction | FunctionTool, stage: ActionStage) -> None:
    """The model is told of the call and its result, and is not asked to say anything about it."""
    tool = _tool(action)
    if tool is None:
        log.warning("a hook names no tool, or one that does not exist")
        return
    call = _call(tool)
    run = ToolRun(stage, _Aside(stage), stage.context.say(), [call], Toolbox([tool]))
    await run.run()


def _tool(action: ToolCallHookAction | FunctionTool) -> Mapping[str, Any] | None:
    if isinstance(action, FunctionTool):
        return document(action)
    return document(action.tool) if action.tool is not None else None


def _call(tool: Mapping[str, Any], reason: str | None = None) -> ToolCall:
    """Nobody chooses arguments: the owner's values stand where the tool's parameters are described, and
    beside them the reason for which the call ends."""
    parameters = (tool.get("function") or {}).get("parameters") or {}
    properties = parameters.get("properties") or {}
    if reason is not None:
        properties = {**properties, "callEndedReason": {"type": "string", "value": reason}}
    fixed = any("value" in each for each in properties.values() if isinstance(each, Mapping))
    arguments = {**parameters, "properties": properties} if fixed else {}
    return ToolCall(CALL_ID, definition_of(tool).name, arguments)


class _Aside:
    """What a hook's tool says, outside of any reply."""

    superseded = False

    def __init__(self, stage: ActionStage) -> None:
        self._stage = stage

    def utter(self, text: str, said: Said | None, interruptible: bool = True) -> Utterance:
        return self._stage.mouth.say(text, said=said, interruptible=interruptible)

    def unheard(self) -> Utterance | None:
        return None
