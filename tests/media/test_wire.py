"""Commands and events as bytes."""

from __future__ import annotations

import random
import struct
from typing import Any, get_args

import pytest

from offhook.frames import SILENCE
from offhook.media.media_commands import (
    Agree,
    Command,
    Open,
    Play,
    ProcessCommand,
    SendDigits,
    Settle,
    Sound,
)
from offhook.media.media_events import (
    Closed,
    Counted,
    Event,
    Heard,
    Logged,
    Opened,
    Paced,
    ProcessEvent,
    VoiceBegan,
    VoiceWentOn,
)
from offhook.media.wire import MOST_BYTES, Unpacker, WireError, pack, pack_what_fits, unpack

LOUD = b"\x10\x20" * 160
SENT: list[Any] = [
    Agree(7, "10.0.0.1", 4000, 0, "PCMU", None, ((0, "PCMU"), (8, "PCMA")), (101,), "sendrecv", "::1", 4001,
          "10.0.0.9", True),
    Sound(2**31, 3, 0, LOUD, False),
    Play(1, b""),
    Heard(9, LOUD, SILENCE, 4, 2, 6400),
    Heard(9, SILENCE, LOUD, 0, 0, 0),
    VoiceBegan(9, 0.1),
    VoiceWentOn(9, 0.096),
    Closed(3, (1, -2, 0.25, None)),
    Opened(3, "::", 40000),
    Settle("0.0.0.0", 1, 2, 20.0, "/data/Aufnahmen ü\udcff", 20),
    Paced((1, 2, 3), 4, 5, 6),
    Logged("a", 30, "line\nline", None),
]  # fmt: skip


def test_what_is_packed_comes_out_again_in_pieces_of_any_length() -> None:
    data = pack(SENT[:4]) + pack(SENT[4:]) + pack([])
    for size in (1, 7, 64, len(data)):
        unpacker, found = Unpacker(), []
        for start in range(0, len(data), size):
            for records in unpacker.feed(data[start : start + size]):
                found += records
        assert found == SENT


def test_every_type_has_a_number_of_its_own() -> None:
    for of in (*get_args(Command), *get_args(Event), *get_args(ProcessCommand), *get_args(ProcessEvent)):
        record = of(*([0] * len(of._fields)))
        if of is Heard:
            record = Heard(0, SILENCE, SILENCE, 0, 0, 0)
        (found,) = unpack(pack([record])[4:])
        assert type(found) is of
        assert found == record


def test_a_tick_of_silence_takes_little() -> None:
    assert len(pack([Heard(1, SILENCE, bytes(320), 0, 0, 0)])) < 30


@pytest.mark.parametrize(
    "message",
    [
        b"\x00",
        b"\xff\x01",
        b"\x01\x00",
        pack([Heard(1, LOUD, LOUD, 0, 0, 0)])[4:-1],
        pack([Sound(1, 1, 1, LOUD, True)])[4:-40],
        pack([Opened(1, "10.0.0.1", 2)])[4:-3],
        bytes((3, 1)) + b"x",
        bytes((3, 200)),
        bytes((3, 1)) + b"(\xff\xff\xff\xff",
        bytes((3, 1)) + b"s\x01\x00\x00\x00\xff",
        bytes((3, 1)) + b"(\x01\x00\x00\x00" * 5000,
    ],
)
def test_what_is_no_message_is_refused(message: bytes) -> None:
    with pytest.raises(WireError):
        unpack(message)


def test_a_length_that_nobody_sends_is_refused_before_it_is_waited_for() -> None:
    with pytest.raises(WireError):
        list(Unpacker().feed(struct.pack("<I", MOST_BYTES + 1)))
    with pytest.raises(WireError):
        pack([Play(1, bytes(MOST_BYTES))])
    with pytest.raises(WireError):
        pack([Open(1, object(), "")])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "bad",
    [
        Open(1, object(), ""),  # type: ignore[arg-type]
        SendDigits(1, "1", 2**63),
        Counted(1, (0, (2**70,))),  # type: ignore[arg-type]
        Heard(1, bytes(70_000), SILENCE, 0, 0, 0),
        Heard(-1, SILENCE, SILENCE, 0, 0, 0),
        Heard(1, None, SILENCE, 0, 0, 0),  # type: ignore[arg-type]
        Play(1, bytes(MOST_BYTES)),
        (1, 2),
    ],
    ids=lambda bad: type(bad).__name__,
)
def test_what_cannot_be_sent_takes_nothing_with_it(bad: Any) -> None:
    left_out: list[Any] = []
    sent = pack_what_fits([*SENT[:3], bad, *SENT[3:]], lambda record, error: left_out.append(record))
    assert list(Unpacker().feed(sent)) == [SENT]
    assert left_out == [bad]
    with pytest.raises(WireError):
        pack([bad])


def test_what_is_too_much_for_one_message_goes_in_several() -> None:
    """Long sounds of several calls at one moment."""
    sent = [Play(number, bytes(5_000_000)) for number in range(7)]
    came = list(Unpacker().feed(pack(sent)))
    assert len(came) > 1
    assert [record for message in came for record in message] == sent


def test_noise_is_refused_or_read_but_nothing_else() -> None:
    rng = random.Random(3)
    whole = b"".join(pack([one])[4:] for one in SENT)
    for _ in range(3000):
        noise = bytearray(whole)
        for _ in range(rng.randint(1, 6)):
            noise[rng.randrange(len(noise))] = rng.randrange(256)
        try:
            unpack(bytes(noise))
        except WireError:
            pass
