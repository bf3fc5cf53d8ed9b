"""Commands and events as bytes, for a media plane in a process of its own.

A message is `length: u32` (little-endian, of what follows) and records one after another. A record is the
number of its type and its fields; `Heard`, of which there are fifty a second for each call, has a form of its
own, with nothing for a frame of silence. Both sides are of one version and trust each other,
but for lengths: what does not fit is a WireError, after which the connection is of no more use."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Any, Final

from offhook.frames import SILENCE
from offhook.media import media_commands as commands
from offhook.media import media_events as events
from offhook.media.media_commands import Command, ProcessCommand
from offhook.media.media_events import Event, Heard, ProcessEvent

MOST_BYTES: Final = 16 * 1024 * 1024
"""Of one message. The longest sound is five minutes, 4.8 MB."""

_LENGTH: Final = struct.Struct("<I")
_HEARD: Final = struct.Struct("<BIIHIHH")
_INT: Final = struct.Struct("<q")
_FLOAT: Final = struct.Struct("<d")
_HEARD_KIND: Final = 1

_TYPES: Final[tuple[type, ...]] = (
    commands.Open, commands.Agree, commands.Begin, commands.Connect, commands.Close, commands.SendDigits,
    commands.Converse, commands.Loop, commands.Play, commands.Ring, commands.Early, commands.Bridge,
    commands.StartRecording, commands.Keep, commands.Overhear, commands.StopRecording, commands.OpenTalk,
    commands.CloseTalk, commands.Utter, commands.Release, commands.Interruptible, commands.AddPiece,
    commands.Sound, commands.CloseUtterance, commands.Remove, commands.Cut, commands.Clear,
    commands.HoldBack, commands.Quieten, events.Opened, events.Refused, events.Counted, events.Closed,
    events.Pressed, events.NoMedia, events.Failed, events.Recorded, events.Began, events.Played,
    events.PlayedOut, events.VoiceBegan, events.VoiceWentOn, events.VoiceEnded, commands.Settle,
    events.Ready, events.Paced, events.Logged, commands.KeepSentence, events.Happened,
    commands.MuteCaller,
)  # fmt: skip
_KINDS: Final = {of: kind for kind, of in enumerate(_TYPES, 2)}
_MAKERS: Final = dict(enumerate(_TYPES, 2))


_heard: Final = partial(tuple.__new__, Heard)
"""Of a tuple, in half the time."""

Record = Command | ProcessCommand | Event | ProcessEvent


class WireError(Exception):
    """The other side does not speak this protocol."""


def pack_what_fits(records: Sequence[Record], left_out: Callable[[Any, WireError], None]) -> bytes:
    """As `pack`; but a record that cannot be sent is `left_out`, and takes no other with it."""
    try:
        return pack(records)
    except WireError:
        fitting: list[Record] = []
        for record in records:
            try:
                pack([record])
            except WireError as error:
                left_out(record, error)
            else:
                fitting.append(record)
        return pack(fitting)


def pack(records: Sequence[Record]) -> bytes:
    """One message, or several where one would be longer than MOST_BYTES. Raises WireError for a record that
    fits into none."""
    try:
        return _packed(records)
    except (struct.error, KeyError, TypeError, RecursionError) as error:
        raise WireError(f"a record that cannot be sent: {error!r}") from None


def _packed(records: Sequence[Record]) -> bytes:
    parts: list[bytes] = [b""]
    put = parts.append
    for record in records:
        of = type(record)
        if isinstance(record, Heard):
            talk, heard, said, utterance, piece, played = record
            heard = b"" if heard is SILENCE or heard == SILENCE else heard
            said = b"" if said is SILENCE or said == SILENCE else said
            put(_HEARD.pack(_HEARD_KIND, talk, utterance, piece, played, len(heard), len(said)))
            put(heard)
            put(said)
        else:
            put(bytes((_KINDS[of], len(record))))
            for value in record:
                _put(parts, value)
    size = sum(map(len, parts))
    if size > MOST_BYTES:
        if len(records) < 2:
            raise WireError(f"a record of {size} bytes")
        half = len(records) // 2
        return _packed(records[:half]) + _packed(records[half:])
    parts[0] = _LENGTH.pack(size)
    return b"".join(parts)


def _put(parts: list[bytes], value: Any) -> None:
    of = type(value)
    put = _PUTS.get(of) or next((_PUTS[base] for base in of.__mro__ if base in _PUTS), None)
    if put is None:
        raise WireError(f"a {of.__name__} cannot be sent")
    put(parts, value)


def _put_text(parts: list[bytes], value: str) -> None:
    text = value.encode("utf-8", "surrogatepass")
    parts.append(b"s" + _LENGTH.pack(len(text)) + text)


def _put_bytes(parts: list[bytes], value: bytes) -> None:
    parts.append(b"b" + _LENGTH.pack(len(value)))
    parts.append(value)


def _put_tuple(parts: list[bytes], value: tuple[Any, ...]) -> None:
    """Numbers (what is counted of each leg, once a second) go all at once: their types and then they."""
    types = bytes([_NUMBERS.get(type(item), 0) for item in value])
    if types and 0 not in types:
        parts.append(b"#" + _LENGTH.pack(len(types)) + types)
        parts.append(_layout(types).pack(*[item for item in value if item is not None]))
        return
    parts.append(b"(" + _LENGTH.pack(len(value)))
    for item in value:
        _put(parts, item)


_NUMBERS: Final = {int: ord("q"), float: ord("d"), type(None): ord("x")}
"""As struct names them; None is a byte that stands for no value."""


@lru_cache(64)
def _layout(types: bytes) -> struct.Struct:
    """Raises KeyError for anything but letters of `_NUMBERS`."""
    if types.translate(None, b"qdx"):
        raise KeyError(types)
    return struct.Struct(f"<{types.decode()}")


_PUTS: Final[dict[type, Callable[[list[bytes], Any], None]]] = {
    type(None): lambda parts, _: parts.append(b"n"),
    bool: lambda parts, value: parts.append(b"t" if value else b"f"),
    int: lambda parts, value: parts.append(b"i" + _INT.pack(value)),
    float: lambda parts, value: parts.append(b"d" + _FLOAT.pack(value)),
    str: _put_text,
    bytes: _put_bytes,
    tuple: _put_tuple,
}


class Unpacker:
    """Bytes in any pieces -> records."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[list[Any]]:
        """The messages that are whole, each as its records. Raises WireError."""
        buffer = self._buffer
        buffer += data
        start = 0
        try:
            while len(buffer) - start >= _LENGTH.size:
                (size,) = _LENGTH.unpack_from(buffer, start)
                if size > MOST_BYTES:
                    raise WireError(f"a message of {size} bytes")
                end = start + _LENGTH.size + size
                if len(buffer) < end:
                    break
                message = bytes(memoryview(buffer)[start + _LENGTH.size : end])
                start = end
                yield unpack(message)
        finally:
            del buffer[:start]


def unpack(message: bytes) -> list[Any]:
    """The records of a message without its length. Raises WireError."""
    try:
        return _records(message)
    except (struct.error, IndexError, KeyError, TypeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"a record that is none: {error!r}") from None


def _records(message: bytes) -> list[Any]:
    records: list[Any] = []
    at, end = 0, len(message)
    while at < end:
        kind = message[at]
        if kind == _HEARD_KIND:
            _, talk, utterance, piece, played, heard, said = _HEARD.unpack_from(message, at)
            at += _HEARD.size
            middle, last = at + heard, at + heard + said
            sound = message[at:middle] or SILENCE, message[middle:last] or SILENCE
            records.append(_heard((talk, *sound, utterance, piece, played)))
            at = last
        else:
            make, count = _MAKERS[kind], message[at + 1]
            at += 2
            values = []
            for _ in range(count):
                value, at = _take(message, at)
                values.append(value)
            records.append(make(*values))
    if at != end:
        raise WireError("a record that is cut off")
    return records


def _take(message: bytes, at: int) -> tuple[Any, int]:
    kind, at = message[at : at + 1], at + 1
    if kind == b"i":
        return _INT.unpack_from(message, at)[0], at + _INT.size
    if kind == b"t":
        return True, at
    if kind == b"f":
        return False, at
    if kind == b"n":
        return None, at
    if kind == b"d":
        return _FLOAT.unpack_from(message, at)[0], at + _FLOAT.size
    (size,) = _LENGTH.unpack_from(message, at)
    at += _LENGTH.size
    if kind == b"(":
        values = []
        for _ in range(size):
            value, at = _take(message, at)
            values.append(value)
        return tuple(values), at
    if at + size > len(message):
        raise IndexError("a value that is cut off")
    if kind == b"#":
        return _take_numbers(message, at, message[at : at + size])
    if kind == b"s":
        return message[at : at + size].decode("utf-8", "surrogatepass"), at + size
    if kind == b"b":
        return message[at : at + size], at + size
    raise KeyError(kind)


def _take_numbers(message: bytes, at: int, types: bytes) -> tuple[Any, int]:
    layout, at = _layout(types), at + len(types)
    none, numbers = _NUMBERS[type(None)], iter(layout.unpack_from(message, at))
    return tuple([None if of == none else next(numbers) for of in types]), at + layout.size
