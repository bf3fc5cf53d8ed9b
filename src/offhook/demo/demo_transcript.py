"""The demo's conversation as server messages report it: who said what, and whether it was right."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from offhook.json_document import MessageDocument

UNDERSTOOD: Final = 0.5
"""The share of a phrase's words that must have been understood; the local transcriber mishears some."""

_SPEAKERS: Final = {"user": "Caller", "bot": "Assistant"}


@dataclass(slots=True)
class DemoTranscript:
    """Follows the messages of one call. `say` gets each finished line; `latency` gives the seconds that the
    phone measured for the caller's turn so far."""

    say: Callable[[str], None]
    latency: Callable[[int], float | None]
    report: MessageDocument | None = None
    reported: asyncio.Event = field(default_factory=asyncio.Event)
    _lines: int = 0
    _caller_turns: int = 0

    def received(self, message: MessageDocument) -> None:
        kind = message.get("type")
        if kind == "conversation-update":
            self._print(message.get("messages") or (), finished=False)
        elif kind == "end-of-call-report":
            self._print(message.get("messages") or (), finished=True)
            self.report = message
            self.reported.set()

    def _print(self, messages: Sequence[MessageDocument], finished: bool) -> None:
        """Prints what is complete: the assistant's last line may still grow."""
        spoken = [one for one in messages if one.get("role") in _SPEAKERS]
        complete = spoken if finished else spoken[:-1]
        if spoken and spoken[-1]["role"] == "user":
            complete = spoken
        for one in complete[self._lines :]:
            self.say(self._line(one))
        self._lines = max(self._lines, len(complete))

    def _line(self, message: MessageDocument) -> str:
        line = f"{_SPEAKERS[message['role']]}: {message.get('message', '')}"
        if message["role"] == "user":
            self._caller_turns += 1
            return line
        seconds = self.latency(self._caller_turns)
        return line if seconds is None else f"{line}   ({seconds:.2f} s)"


def problems(report: MessageDocument, phrases: Sequence[str]) -> list[str]:
    """What went wrong, by the report: a phrase that was not understood, or not answered. Empty if nothing
    did."""
    spoken = [one for one in report.get("messages") or () if one.get("role") in _SPEAKERS]
    found = []
    place = 0
    for phrase in phrases:
        at = next((i for i in range(place, len(spoken)) if _matches(spoken[i], phrase)), None)
        if at is None:
            found.append(f"not understood: {phrase}")
            continue
        place = at + 1
        if place >= len(spoken) or spoken[place]["role"] != "bot":
            found.append(f"not answered: {phrase}")
    if report.get("endedReason") != "assistant-ended-call":
        found.append(f"the call ended with {report.get('endedReason')}")
    return found


def _matches(message: MessageDocument, phrase: str) -> bool:
    if message["role"] != "user":
        return False
    wanted = _words(phrase)
    return len(wanted & _words(str(message.get("message")))) >= UNDERSTOOD * len(wanted)


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z']+", text.lower()))
