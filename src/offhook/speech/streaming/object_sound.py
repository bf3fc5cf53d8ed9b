"""Sound that comes in JSON objects, a line each or as server-sent events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from offhook.speech.streaming.context_voice import LARGEST
from offhook.speech.streaming.http_voice import Convert, NotSpoken, PlainSound
from offhook.speech.streaming.wire_message import NotUnderstood, object_in

_OTHER_FIELDS: Final = (b":", b"event:", b"id:", b"retry:")
_DONE: Final = b"[DONE]"


class ObjectSound:
    """`sound`: what an object brings, in whole samples or not."""

    __slots__ = ("_held", "_plain", "_sound")

    def __init__(self, sound: Callable[[Mapping[str, Any]], bytes], convert: Convert | None = None) -> None:
        self._sound = sound
        self._plain = PlainSound(convert)
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """Raises NotUnderstood, and NotSpoken for an error in place of sound."""
        *lines, self._held = (self._held + data).split(b"\n")
        if len(self._held) > LARGEST:
            raise NotUnderstood(f"a line of more than {LARGEST} bytes")
        return b"".join(map(self._line, lines))

    def end(self) -> bytes:
        line, self._held = self._held, b""
        return self._line(line)

    def _line(self, line: bytes) -> bytes:
        line = line.strip()
        if not line or line.startswith(_OTHER_FIELDS):
            return b""
        line = line.removeprefix(b"data:").strip()
        if not line or line == _DONE:
            return b""
        given = object_in(line.decode("utf-8", "replace"))
        _mind_errors(given)
        return self._plain.feed(self._sound(given))


def _mind_errors(given: Mapping[str, Any]) -> None:
    """`error` with a message or as text, `errors` as a list. Raises NotSpoken."""
    error = given.get("error") or given.get("errors")
    if not error:
        return
    message = error.get("message") if isinstance(error, Mapping) else error
    words = "".join(char if char.isprintable() else " " for char in str(message))[:300]
    unquoted = "it answers with an error"
    raise NotSpoken(f"{unquoted}: {words}", unquoted)
