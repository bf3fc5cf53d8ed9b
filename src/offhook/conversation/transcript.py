"""The record of a conversation: what the caller said and what of the assistant's words was played.

Times are loop.time() seconds. Entries stand in the order of their beginning."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from offhook.language.language_model import ToolCall
from offhook.schema.calls.call_document import ToolCallResultDocument, ToolCallsDocument
from offhook.speech.joined import joined

EntryRole = Literal["system", "user", "bot", "tool_calls", "tool_call_result"]


@dataclass(slots=True)
class Entry:
    """`end` is None while the entry goes on, and for entries that have no length."""

    role: EntryRole
    text: str
    start: float
    end: float | None = None
    calls: Sequence[ToolCall] = ()
    call_id: str = ""
    name: str = ""

    def extend(self, text: str, end: float) -> None:
        self.text = joined(self.text, text)
        self.end = end

    def rewrite(self, written: Callable[[str], str]) -> None:
        """`written`: how one writes what was heard."""
        self.text = written(self.text)


@dataclass(slots=True)
class ConversationTranscript:
    entries: list[Entry] = field(default_factory=list)

    def add_system(self, text: str, at: float) -> Entry:
        return self._insert(Entry("system", text, at))

    def add_user(self, text: str, start: float, end: float) -> Entry:
        """What the caller said joins what was said just before, unless the assistant was heard since."""
        at = self._place_of(start)
        before = self.entries[at - 1] if at else None
        if before is not None and before.role == "user":
            ended = before.end or before.start
            if not self.bot_heard_between(ended, start):
                before.extend(text, max(end, ended))
                return before
        entry = Entry("user", text.strip(), start, max(start, end))
        self.entries.insert(at, entry)
        return entry

    def add_bot(self, start: float) -> Entry:
        """The assistant begins to be heard; its words are added as they are played."""
        return self._insert(Entry("bot", "", start))

    def add_tool_calls(self, calls: Sequence[ToolCall], at: float) -> list[ToolCall]:
        """The calls as they are noted: models number theirs anew in each reply, so that one whose id has been
        taken gets another."""
        taken = {call.id for entry in self.entries for call in entry.calls}
        noted: list[ToolCall] = []
        for call in calls:
            ids = (f"{call.id}_{number}" if number > 1 else call.id for number in itertools.count(1))
            noted.append(replace(call, id=next(each for each in ids if each not in taken)))
            taken.add(noted[-1].id)
        self._insert(Entry("tool_calls", "", at, calls=tuple(noted)))
        return noted

    def add_tool_result(self, call: ToolCall, result: str, at: float) -> Entry:
        return self._insert(Entry("tool_call_result", result, at, call_id=call.id, name=call.name))

    def drop_empty(self, entry: Entry) -> None:
        """Forget an entry of the assistant's of which no word was heard."""
        if not entry.text and entry in self.entries:
            self.entries.remove(entry)

    def last_bot_text(self) -> str:
        last = self._last("bot")
        return last.text if last is not None else ""

    def to_messages(self, offset_epoch: float, started_at: float) -> list[dict[str, Any]]:
        """`artifact.messages` (vapi-wire §8.2). `offset_epoch` added to loop.time() gives seconds since the
        epoch, `started_at` is the loop.time() that `secondsFromStart` counts from."""
        return [_to_message(entry, offset_epoch, started_at) for entry in self.entries if _counts(entry)]

    def to_openai(self) -> list[dict[str, Any]]:
        """`messagesOpenAIFormatted`."""
        return [_to_openai(entry) for entry in self.entries if _counts(entry)]

    def to_text(self, user_name: str = "User", assistant_name: str = "AI") -> str:
        """One line for each thing said."""
        names = {"user": user_name, "bot": assistant_name}
        return "".join(
            f"{names[entry.role]}: {entry.text}\n"
            for entry in self.entries
            if entry.role in names and entry.text
        )

    def bot_heard_between(self, start: float, end: float) -> bool:
        """Was the assistant heard between these moments?"""
        return any(
            entry.role == "bot" and entry.start < end and (entry.end is None or entry.end > start)
            for entry in reversed(self.entries)
        )

    def _insert(self, entry: Entry) -> Entry:
        self.entries.insert(self._place_of(entry.start), entry)
        return entry

    def _place_of(self, start: float) -> int:
        """Where an entry that begins at `start` stands: behind those that began before, or with it."""
        index = len(self.entries)
        while index > 0 and self.entries[index - 1].start > start:
            index -= 1
        return index

    def _last(self, role: EntryRole) -> Entry | None:
        return next((entry for entry in reversed(self.entries) if entry.role == role), None)


def _counts(entry: Entry) -> bool:
    return bool(entry.text) or entry.role in ("tool_calls", "tool_call_result")


def _to_message(entry: Entry, offset: float, started_at: float) -> dict[str, Any]:
    times = {
        "time": round((entry.start + offset) * 1000),
        "secondsFromStart": round(max(entry.start - started_at, 0.0), 3),
    }
    if entry.role == "tool_calls":
        calls = [call_to_wire(call) for call in entry.calls]
        return {**ToolCallsDocument(tool_calls=calls).document(), **times}
    if entry.role == "tool_call_result":
        result = ToolCallResultDocument(tool_call_id=entry.call_id, name=entry.name, result=entry.text)
        return {**result.document(), **times}
    message: dict[str, Any] = {"role": entry.role, "message": entry.text, **times}
    if entry.role == "system":
        return message
    end = entry.end if entry.end is not None else entry.start
    message["endTime"] = round((end + offset) * 1000)
    message["duration"] = round((end - entry.start) * 1000)
    if entry.role == "bot":
        message["source"] = ""
    return message


def _to_openai(entry: Entry) -> dict[str, Any]:
    if entry.role == "tool_calls":
        return {
            "role": "assistant",
            "content": "",
            "tool_calls": [call_to_wire(call) for call in entry.calls],
        }
    if entry.role == "tool_call_result":
        return {"role": "tool", "tool_call_id": entry.call_id, "content": entry.text}
    return {"role": "assistant" if entry.role == "bot" else entry.role, "content": entry.text}


def call_to_wire(call: ToolCall) -> dict[str, Any]:
    """A tool call as in the OpenAI chat API; arguments are a JSON text there."""
    arguments = json.dumps(dict(call.arguments), ensure_ascii=False)
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}
