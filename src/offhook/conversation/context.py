"""What the model is shown: the conversation as the OpenAI chat API has it, with the assistant's words cut to
what was heard where the caller cut them short."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from offhook.conversation.transcript import call_to_wire
from offhook.language.language_model import Message, ToolCall
from offhook.speech.joined import joined


@dataclass(slots=True, eq=False)
class Said:
    """Something the assistant says. All of it counts until it is cut: what is being spoken will be heard."""

    text: str = ""
    calls: list[ToolCall] = field(default_factory=list)
    results: dict[str, str] = field(default_factory=dict)

    def add(self, text: str) -> None:
        self.text = joined(self.text, text)

    def messages(self) -> list[Message]:
        if not self.calls:
            return [{"role": "assistant", "content": self.text}] if self.text else []
        asked: Message = {
            "role": "assistant",
            "content": self.text or None,
            "tool_calls": [call_to_wire(call) for call in self.calls],
        }
        # A call without a result yet is answered all the same: the chat API demands one for each.
        answers: list[Message] = [
            {
                "role": "tool",
                "tool_call_id": call.id,
                "content": self.results.get(call.id, "No result yet."),
            }
            for call in self.calls
        ]
        return [asked, *answers]


Item = Message | Said


class Context:
    """`system` are the assistant's own messages, `items` what came after."""

    __slots__ = ("_heard", "_inherited", "_pending", "_restored", "items", "system")

    def __init__(self, system: Sequence[Message]) -> None:
        self.system: list[Message] = [message.copy() for message in system]
        self.items: list[Item] = []
        self._inherited: list[Message] = []
        self._pending: Message | None = None  # the caller's words that no reply has answered yet
        self._restored = False  # they had an answer, which was not heard
        self._heard: tuple[Message | None, str] = (None, "")  # what is shown of the caller, as it was heard

    def hear(self, text: str, written: str | None = None) -> None:
        """The caller's unanswered words are now `text`; `written`: as one writes them."""
        if self._restored and self._pending and not text.startswith(self._heard_before(self._pending)):
            self._pending = None  # an answer to those has been begun before
        self._restored = False
        if self._pending is None:
            self._pending = {"role": "user", "content": text}
            self.items.append(self._pending)
        self._pending["content"] = text if written is None else written
        self._heard = self._pending, text

    def _heard_before(self, pending: Message) -> str:
        shown, heard = self._heard
        return heard if shown is pending else str(pending.get("content"))

    def answered(self) -> None:
        """A reply is heard: what the caller says from now on is another message."""
        self._pending, self._restored = None, False

    def unanswered(self) -> None:
        """Not a word of the reply was heard after all: what the caller says now goes on from before, where
        it begins with that. Tools may have been run since, and messages added."""
        for item in reversed(self.items):
            if isinstance(item, Said):
                if item.text:
                    return
            elif item.get("role") in ("user", "assistant"):
                self._pending = item if item["role"] == "user" else None
                self._restored = True
                return

    def add(self, message: Message) -> None:
        self.items.append(message.copy())

    def say(self) -> Said:
        said = Said()
        self.items.append(said)
        return said

    def forget(self, said: Said) -> None:
        self.items = [item for item in self.items if item is not said]

    def messages(self) -> list[Message]:
        shown = [message.copy() for message in self.system]
        for item in self.items:
            if isinstance(item, Said):
                shown.extend(item.messages())
            else:
                shown.append(item.copy())
        return shown

    def history(self) -> list[Message]:
        """The messages without those that stand before the conversation."""
        return self.messages()[len(self.system) :]

    def inherited(self) -> list[Message]:
        """What of the history the assistant was shown when it took over; nothing for the first one."""
        return list(self._inherited)

    def rewrite(self, system: Sequence[Message], items: Sequence[Message]) -> None:
        """For a hand-over: what the next assistant is shown."""
        self.system = [message.copy() for message in system]
        self._inherited = [message.copy() for message in items]
        self.items = [message.copy() for message in items]
        self._pending = None
