"""Keys that a phone sends by INFO, and those of its audio: each is pressed once.

No RFC says what `application/dtmf-relay` and `application/dtmf` hold. Phones and gateways have agreed on the
lines `Signal=5` and `Duration=160` (milliseconds) for the first, on the key alone for the second, and not on
blanks, case, line ends, or the spelling of the star: `*`, `star`, or `10`, its event code in RFC 4733."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from offhook.rtp.telephone_events import DIGITS, Press
from offhook.sip.messages.message import Request

TYPES: Final = ("application/dtmf-relay", "application/dtmf")
MOST_KEYS: Final = 32
"""Keys of one INFO; the rest is not pressed."""
USUAL: Final = 100
"""Milliseconds of a key that does not say how long it is."""
TWICE: Final = 1.0
"""Seconds. The same key by the other way within this time is the same press: a phone that uses both ways
reports it when the key is pressed, or when it is released."""

_SIGNAL = re.compile(r"(?:^|[\r\n])[ \t]*+Signal[ \t]*+[=:][ \t]*+\"?([^\s\";]*+)", re.IGNORECASE)
_ENDS = re.compile(r"[\r\n;]")
_DURATION = re.compile(r"(?:^|[\s;])Duration[ \t]*+[=:][ \t]*+([0-9]{1,6})(?![0-9])", re.IGNORECASE)
_NAMES: Final = {
    **{str(code): DIGITS[code] for code in range(10, 16)},
    "STAR": "*",
    "ASTERISK": "*",
    "POUND": "#",
    "HASH": "#",
    **dict.fromkeys(("16", "FLASH", "HOOKFLASH", "HOOK-FLASH", "HF", "!"), ""),
}
"""Names of keys that differ from the keys themselves, in upper case. The hook flash is no key."""
_LONGEST_BODY: Final = 1024


def keys_of(request: Request) -> list[Press] | None:
    """The keys that an INFO presses, possibly none. None for a request that is not about keys."""
    kind = request.content_type
    if request.method != "INFO" or kind is None or kind.kind not in TYPES:
        return None
    text = request.body[:_LONGEST_BODY].decode("latin-1")
    found = _DURATION.search(text)
    milliseconds = int(found[1]) if found else USUAL
    spelled = _SIGNAL.findall(text) or [line for line in _ENDS.split(text) if line.strip()][:1]
    keys = "".join([_keys(signal.strip(" \t\0\"'").upper()) for signal in spelled])
    return [Press(key, milliseconds) for key in keys[:MOST_KEYS]]


def _keys(signal: str) -> str:
    named = _NAMES.get(signal)
    if named is not None:
        return named
    return signal if all(key in DIGITS for key in signal) else ""


class KeySink(Protocol):
    def digit(self, digit: str, milliseconds: int) -> None:
        """The peer pressed a key, for that long."""
        ...


class PressedKeys:
    """Reports each key of a leg once, although some phones send it both in the audio and by INFO."""

    __slots__ = ("_recent", "_sink", "_time")

    def __init__(self, sink: KeySink, time: Callable[[], float]) -> None:
        self._sink = sink
        self._time = time
        self._recent: deque[tuple[str, bool, float]] = deque(maxlen=MOST_KEYS)

    def digit(self, digit: str, milliseconds: int) -> None:
        """A key in the audio, reported when it is released."""
        self._press(digit, milliseconds, informed=False)

    def informed(self, press: Press) -> None:
        """A key by INFO."""
        self._press(press.digit, press.milliseconds, informed=True)

    def _press(self, digit: str, milliseconds: int, *, informed: bool) -> None:
        now = self._time()
        for one in self._recent:
            key, other_way, at = one
            if key == digit and other_way != informed and now - at < TWICE + milliseconds / 1000:
                self._recent.remove(one)
                return
        self._recent.append((digit, informed, now))
        self._sink.digit(digit, milliseconds)
