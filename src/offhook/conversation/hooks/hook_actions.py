"""Doing what a hook says: one action after the other, each when the one before has been heard."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from offhook.conversation.audio.spoken_utterance import SpokenUtterance
from offhook.conversation.audio.synthesis import Synthesis
from offhook.conversation.background import BackgroundTasks
from offhook.conversation.context import Said
from offhook.conversation.course import Course
from offhook.conversation.interjections import Interjections
from offhook.conversation.tools.destination_templates import filled
from offhook.conversation.tools.tool_context import ToolContext
from offhook.conversation.tools.tool_run import ToolRun, heard_out
from offhook.conversation.tools.toolbox import Toolbox, definition_of, given_parameters
from offhook.conversation.transcript import ConversationTranscript
from offhook.language.language_model import Message, ToolCall, message_of
from offhook.schema.assistants.hook import (
    HookAction,
    MessageAddHookAction,
    SayHookAction,
    ToolCallHookAction,
    TransferHookAction,
)
from offhook.schema.base import JsonObject
from offhook.schema.tools.tool import AnyTool, FunctionTool

log = logging.getLogger(__name__)

CALL_ID = "hook-function-call"
"""What the API names a call that no model has made."""


@dataclass(frozen=True, slots=True)
class HookContext:
    """What hooks work with. `busy`: is anybody speaking, or a reply being made?"""

    course: Course
    tools: ToolContext
    interjections: Interjections
    synthesis: Synthesis
    transcript: ConversationTranscript
    tasks: BackgroundTasks
    busy: Callable[[], bool]


async def perform(
    actions: Sequence[HookAction], context: HookContext, moot: Callable[[], bool] = lambda: False
) -> None:
    """`moot`: is there no reason any more for what is left?"""
    render = context.tools.render
    for action in actions:
        if context.course.over or moot():
            return
        match action:
            case SayHookAction():
                await _say(action, context)
            case MessageAddHookAction():
                respond = action.trigger_response_enabled is not False
                context.interjections.add(message_of(action.message), respond)
            case TransferHookAction():
                if action.destination is not None:
                    context.interjections.send_on(filled(action.destination, lambda text: render(text, {})))
            case ToolCallHookAction() | FunctionTool():
                await _run(action, context)


async def conclude(actions: Sequence[HookAction], reason: str, context: HookContext) -> None:
    """At the end of the call, when nobody hears anything any more: tools and messages."""
    for action in actions:
        if isinstance(action, MessageAddHookAction):
            context.interjections.add(message_of(action.message), respond=False)
        elif isinstance(action, ToolCallHookAction | FunctionTool) and (tool := _tool(action)) is not None:
            (call,) = context.tools.writer.calls([_call(tool, reason)])
            outcome = await context.tools.world.run_tool(tool, call)
            context.tools.writer.result(call, outcome.result or outcome.error or "")


# speaking


async def _say(action: SayHookAction, context: HookContext) -> None:
    exact = action.exact
    if isinstance(exact, list):
        exact = context.tools.rng.choice(exact) if exact else None
    if exact is not None:
        await heard_out(context.interjections.say(context.tools.render(exact, {})))
    elif action.prompt:
        reply = context.interjections.prompt(_messages(action.prompt, context))
        if reply is not None:
            await asyncio.wait([reply.task])
            await heard_out(reply.unheard())


def _messages(prompt: str | list[JsonObject], context: HookContext) -> list[Message]:
    given: list[JsonObject] = [{"role": "system", "content": prompt}] if isinstance(prompt, str) else prompt
    known = {"transcript": context.transcript.to_text(), "messages": context.tools.context.history()}
    return [
        {"role": str(one.get("role", "system")), "content": context.tools.render(text, known)}
        for one in given
        if isinstance(text := one.get("content", one.get("message")), str)
    ]


# tools


async def _run(action: ToolCallHookAction | FunctionTool, context: HookContext) -> None:
    """The model is told of the call and its result, and is not asked to say anything about it."""
    tool = _tool(action)
    if tool is None:
        log.warning("a hook names no tool, or one that does not exist")
        return
    call = _call(tool)
    said = context.tools.context.say()
    await ToolRun(context.tools, _Aside(context.synthesis), said, [call], Toolbox([tool])).run()


def _tool(action: ToolCallHookAction | FunctionTool) -> AnyTool | None:
    return action if isinstance(action, FunctionTool) else action.tool


def _call(tool: AnyTool, reason: str | None = None) -> ToolCall:
    """Nobody chooses arguments: the owner's values stand where the tool's parameters are described, and
    beside them the reason for which the call ends."""
    parameters = given_parameters(tool)
    properties = parameters.get("properties") or {}
    if reason is not None:
        properties = {**properties, "callEndedReason": {"type": "string", "value": reason}}
    fixed = any("value" in each for each in properties.values() if isinstance(each, Mapping))
    arguments = {**parameters, "properties": properties} if fixed else {}
    return ToolCall(CALL_ID, definition_of(tool).name, arguments)


class _Aside:
    """What a hook's tool says, outside of any reply."""

    abandoned = False

    def __init__(self, synthesis: Synthesis) -> None:
        self._synthesis = synthesis

    def utter(self, text: str, said: Said | None, interruptible: bool = True) -> SpokenUtterance:
        return self._synthesis.say(text, said=said, interruptible=interruptible)

    def unheard(self) -> SpokenUtterance | None:
        return None
