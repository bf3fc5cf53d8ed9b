"""What a model thinks is not for the caller: it is taken out of the text, wherever a server leaves it there.

Thoughts stand between tags (`<think>...</think>`, `[THINK]...[/THINK]`), or in channels
(`<|channel|>analysis<|message|>...<|end|>`), of which only the final one is said."""

from __future__ import annotations

import re

_NAMES = (
    "think", "thinking", "thought", "thoughts", "reasoning", "reflection", "analysis", "scratchpad",
    "antthinking", "seed:think",
)  # fmt: skip
_FORMS = (("<{}>", "</{}>"), ("[{}]", "[/{}]"), ("◁{}▷", "◁/{}▷"))
_PAIRS = {
    **{opens.format(name): closes.format(name) for name in _NAMES for opens, closes in _FORMS},
    "<|begin_of_thought|>": "<|end_of_thought|>",
    "<|begin_of_solution|>": "",
    "<|think|>": "<|/think|>",
    "<|channel>thought": "<channel|>",
    "<|start_thinking|>": "<|end_thinking|>",
    "<|start_response|>": "",
}
"""What opens a thought to what closes it; to nothing for what stands around words for the caller."""

_CHANNEL, _MESSAGE = "<|channel|>", "<|message|>"
_SPOKEN = "final"
_MARKS = (
    "<|start|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|end_of_solution|>",
    "<|end_response|>",
    _CHANNEL,
    _MESSAGE,
)

_OPEN = "|".join(re.escape(one) for one in sorted(_PAIRS, key=len, reverse=True))
_CLOSE = "|".join(re.escape(one) for one in sorted(filter(None, _PAIRS.values()), key=len, reverse=True))
_MARK = "|".join(re.escape(one) for one in _MARKS)
_ANY = re.compile(rf"(?P<open>{_OPEN})|(?P<close>{_CLOSE})|(?P<mark>{_MARK})", re.IGNORECASE)
_ALL = tuple(one.lower() for one in (*_PAIRS, *filter(None, _PAIRS.values()), *_MARKS))
_BEGINNINGS = frozenset(one[:length] for one in _ALL for length in range(1, len(one)))
_LONGEST = max(map(len, _ALL))
_FIRST = frozenset(one[0] for one in _ALL)


class Thoughts:
    """`feed` text in any pieces, get what is for the caller; `end` gives what was held back, which might have
    become a tag. A thought that nothing closes goes on to the end.

    `thinks_first`: the prompt may have opened a thought, so that all waits for a tag that shows it.
    `thought_first`: what this text has shown of that; None: nothing."""

    __slots__ = ("_channel", "_closes", "_held", "_silent", "_waiting", "thought_first")

    def __init__(self, thinks_first: bool = False) -> None:
        self.thought_first: bool | None = None
        self._waiting: list[str] | None = [] if thinks_first else None
        self._held = ""
        self._closes = ""  # what ends the thought that is under way
        self._channel: str | None = None  # the header of a channel, while it comes
        self._silent = False  # in a channel that is not for the caller

    def feed(self, text: str) -> str:
        if not self._held and not self._in_tags and _FIRST.isdisjoint(text):
            return self._known(text)
        text = self._held + text
        kept = _unfinished(text)
        self._held = text[len(text) - kept :]
        return self._known(self._spoken(text[: len(text) - kept]))

    def end(self, cut: bool = False) -> str:
        """`cut`: the text is not all that the model meant to write."""
        text, self._held = self._held, ""
        said = self._spoken(text)
        if cut and self._waiting is not None:
            return ""  # the thought was longer than what the model may write
        return self.begin() + said

    def begin(self) -> str:
        """The thought, if there is one, comes elsewhere: this is text for the caller from its first word."""
        if self.thought_first is None:
            self.thought_first = False
        waited, self._waiting = self._waiting or (), None
        return "".join(waited)

    def _known(self, said: str) -> str:
        if self._waiting is None:
            return said
        self._waiting.append(said)
        return ""

    @property
    def _in_tags(self) -> bool:
        return bool(self._closes) or self._silent or self._channel is not None

    def _spoken(self, text: str) -> str:
        said: list[str] = []
        start = 0
        for found in _ANY.finditer(text):
            self._pass(text[start : found.start()], said)
            start = found.end()
            tag = found[0].lower()
            if self._closes:
                if tag == self._closes:
                    self._closes = ""
            elif found["close"]:
                # What opened it stands in the prompt with some models: all up to here was thought.
                said.clear()
                self._waiting = None
                if self.thought_first is None:
                    self.thought_first = True
            else:
                said.insert(0, self.begin())
                if found["open"]:
                    self._closes = _PAIRS[tag]
                else:
                    self._mark(tag)
        self._pass(text[start:], said)
        return "".join(said)

    def _pass(self, text: str, said: list[str]) -> None:
        if self._channel is not None:
            self._channel = (self._channel + text)[:_LONGEST]
        elif not self._closes and not self._silent:
            said.append(text)

    def _mark(self, tag: str) -> None:
        if tag == "<|start|>" or tag == _CHANNEL:
            self._channel = ""  # a role or a name follows
        elif tag == _MESSAGE:
            name = (self._channel or _SPOKEN).strip().lower()
            self._silent, self._channel = not name.startswith((_SPOKEN, "assistant")), None
        else:
            self._silent, self._channel = False, None


def _unfinished(text: str) -> int:
    """How many characters at the end of `text` may be the beginning of a tag."""
    for length in range(min(_LONGEST - 1, len(text)), 0, -1):
        if text[-length].lower() in _FIRST and text[-length:].lower() in _BEGINNINGS:
            return length
    return 0
