"""Writes down what happens in a conversation, at the time at which it does, and tells that there is more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from offhook.conversation.events import ConversationChanged, Event
from offhook.conversation.transcript import ConversationTranscript
from offhook.language.language_model import Message, ToolCall


class TranscriptWriter:
    def __init__(self, transcript: ConversationTranscript, tell: Callable[[Event], None]) -> None:
        self._transcript = transcript
        self._tell = tell
        self._loop = asyncio.get_running_loop()

    def prompt(self, messages: Iterable[Message]) -> None:
        """The system messages that the assistant begins with; nobody is told of them."""
        for message in messages:
            if message["role"] == "system":
                self._transcript.add_system(message["content"], self._loop.time())

    def message(self, message: Message) -> None:
        """Somebody has added it to the conversation."""
        content, now = message.get("content"), self._loop.time()
        if isinstance(content, str) and message.get("role") == "user":
            self._transcript.add_user(content, now, now)
        elif isinstance(content, str) and message.get("role") == "system":
            self._transcript.add_system(content, now)
        self._tell(ConversationChanged())

    def calls(self, calls: Sequence[ToolCall]) -> list[ToolCall]:
        """The calls as they are known from now on: each with an id of its own."""
        noted = self._transcript.add_tool_calls(calls, self._loop.time())
        self._tell(ConversationChanged())
        return noted

    def result(self, call: ToolCall, result: str) -> None:
        self._transcript.add_tool_result(call, result, self._loop.time())
        self._tell(ConversationChanged())
