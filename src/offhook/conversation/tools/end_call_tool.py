"""The endCall tool."""

from __future__ import annotations

from offhook.conversation.own_words import GOODBYE
from offhook.conversation.tools.tool_run import ActingTool, ToolRun
from offhook.language.language_model import ToolCall
from offhook.schema.tools.tool import AnyTool


class EndCallKind(ActingTool):
    def description(self, tool: AnyTool, given: str) -> str:
        return given or "End the call. Use it when the conversation is over, after saying goodbye."

    async def act(self, run: ToolRun, tool: AnyTool, call: ToolCall) -> None:
        run.leave()
        message = run.pick(tool, "request-start", call)
        run.result(call, "The call is being ended.")
        goodbye = run.assistant.profile.end_call_message
        if goodbye is None:
            goodbye = "" if run.said_something else run.assistant.profile.own(GOODBYE)
        text = message.text if message else run.context.render(goodbye, {})
        run.context.finish("assistant-ended-call", text)
