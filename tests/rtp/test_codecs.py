"""G.711 exactness, for every byte and every sample, against the standard's own decision tables."""

from __future__ import annotations

import bisect
import math
import struct
from collections.abc import Iterator

import pytest

from offhook.frames import FRAME_BYTES, FRAME_SAMPLES, SILENCE
from offhook.rtp.codecs import CODECS, PCMA, PCMU, Codec, Coding


def ulaw_intervals() -> list[tuple[int, int]]:
    """G.711 table 2a, positive half on the 14-bit scale: (lower decision value, output value)."""
    table = [(0, 0)]
    lower, step = 1, 2
    for segment in range(8):
        for _ in range(15 if segment == 0 else 16):
            table.append((lower, lower + step // 2))
            lower += step
        step *= 2
    return table


def alaw_intervals() -> list[tuple[int, int]]:
    """G.711 table 1a, positive half on the 13-bit scale, the sign included, where all outputs are whole."""
    table = []
    lower, step = 0, 2
    for segment in range(8):
        for _ in range(16):
            table.append((lower, lower + step // 2))
            lower += step
        if segment > 0:
            step *= 2
    return table


def ulaw_value(byte: int) -> int:
    """The sign bit is 1 for positive; the other bits count the intervals downwards (table 2a, column 6)."""
    output = ulaw_intervals()[0x7F - (byte & 0x7F)][1]
    return 4 * (output if byte & 0x80 else -output)


def alaw_value(byte: int) -> int:
    """Even bits inverted; the sign bit is 1 for positive (table 1a, column 6, note 2)."""
    code = byte ^ 0x55
    output = alaw_intervals()[code & 0x7F][1]
    return 8 * (output if code & 0x80 else -output)


def test_every_ulaw_byte_stands_for_its_value() -> None:
    decoded = struct.unpack("<256h", PCMU.decode(bytes(range(256))))

    assert list(decoded) == [ulaw_value(byte) for byte in range(256)]


def test_every_alaw_byte_stands_for_its_value() -> None:
    decoded = struct.unpack("<256h", PCMA.decode(bytes(range(256))))

    assert list(decoded) == [alaw_value(byte) for byte in range(256)]


def every_sample() -> Iterator[tuple[int, int, int]]:
    """(sample, µ-law byte, A-law byte) by looking the interval up in the tables."""
    ulaw_lower = [lower for lower, _ in ulaw_intervals()]
    alaw_lower = [lower for lower, _ in alaw_intervals()]
    for sample in range(-32768, 32768):
        value = sample >> 2
        interval = bisect.bisect_right(ulaw_lower, abs(value)) - 1
        ulaw = (0x7F - interval) | (0x00 if value < 0 else 0x80)
        value = sample >> 3
        # A sample just below zero belongs to the first negative interval.
        magnitude = ~value if value < 0 else value
        interval = bisect.bisect_right(alaw_lower, magnitude) - 1
        alaw = (interval | (0x00 if value < 0 else 0x80)) ^ 0x55
        yield sample, ulaw, alaw


def test_every_sample_is_encoded_into_the_interval_it_lies_in() -> None:
    samples, ulaw, alaw = zip(*every_sample(), strict=True)
    pcm = struct.pack("<65536h", *samples)

    assert PCMU.encode(pcm) == bytes(ulaw)
    assert PCMA.encode(pcm) == bytes(alaw)


@pytest.mark.parametrize("codec", CODECS.values(), ids=lambda codec: codec.name)
def test_what_was_decoded_is_encoded_to_the_same_byte(codec: Codec) -> None:
    everything = bytes(range(256))

    again = codec.encode(codec.decode(everything))

    # µ-law has two zeros; the negative one comes back as the positive.
    assert again == everything.replace(b"\x7f", b"\xff") if codec is PCMU else again == everything


@pytest.mark.parametrize("codec", CODECS.values(), ids=lambda codec: codec.name)
def test_silence_is_one_frame_of_the_quietest_byte(codec: Codec) -> None:
    assert codec.encode(SILENCE) == codec.silence
    assert len(codec.decode(codec.silence)) == FRAME_BYTES
    assert set(codec.silence) <= set(codec.quiet)
    assert all(abs(value) < 64 for (value,) in struct.iter_unpack("<h", codec.decode(codec.quiet)))


def test_known_bytes() -> None:
    """Values that any telephone engineer knows: zero, and the loudest of either sign."""
    assert PCMU.encode(struct.pack("<3h", 0, 32767, -32768)) == b"\xff\x80\x00"
    assert PCMA.encode(struct.pack("<3h", 0, 32767, -32768)) == b"\xd5\xaa\x2a"


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="buffer size"):
        PCMU.encode(b"\x00")


@pytest.mark.parametrize(("rate", "channels"), [(8000, 2), (16000, 1), (48000, 2)])
def test_a_codec_of_another_rate_or_of_more_channels_is_turned_into_frames_and_back(
    rate: int, channels: int
) -> None:
    coding = Coding(bytes, bytes)
    octets = channels * rate // 25
    other = Codec("L16", 96, rate, rate, lambda: coding, octets, bytes(octets), channels)
    encode, decode = other.encoder(), other.decoder()
    tone = [round(8000 * math.sin(2 * math.pi * 400 * n / 8000)) for n in range(20 * FRAME_SAMPLES)]
    frames = [
        struct.pack(f"<{FRAME_SAMPLES}h", *tone[at : at + FRAME_SAMPLES])
        for at in range(0, len(tone), FRAME_SAMPLES)
    ]

    payloads = [encode(frame) for frame in frames]
    again = [decode(payload) for payload in payloads]

    assert {len(payload) for payload in payloads} == {octets}
    assert {len(frame) for frame in again} == {FRAME_BYTES}
    loudest = max(struct.unpack(f"<{FRAME_SAMPLES}h", again[-1]))
    assert 7500 < loudest < 8500
    assert other.ticks == rate // 50
