"""Codecs that nobody has: one object and one line in the table, and a whole call goes by it, whatever its
clock, its rate, its channels, and the length of its packets."""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from offhook.frames import FRAME_SAMPLES, FRAME_SECONDS, SAMPLE_RATE
from offhook.rtp.codecs import CODECS, PCMU, Codec, Coding
from tests.calls.house import FIRST, open_house
from tests.calls.test_whole_call import ANSWER, QUESTION, ended
from tests.virtual import run_virtual


def swapped(samples: bytes) -> bytes:
    """L16 is in network byte order (RFC 3551 §4.5.11)."""
    return np.frombuffer(samples, "<i2").byteswap().tobytes()


def linear(rate: int, channels: int = 1, payload_type: int = 96) -> Codec:
    octets = round(2 * channels * rate * FRAME_SECONDS)
    coding = Coding(swapped, swapped)
    return Codec("L16", payload_type, rate, rate, lambda: coding, octets, bytes(octets), channels)


def unpacked(payload: bytes) -> bytes:
    try:
        return zlib.decompress(payload, bufsize=3840)
    except zlib.error as error:
        raise ValueError(str(error)) from error


def packed() -> Codec:
    """What Opus is to the house: packets of any length, at 48 kHz."""
    silence = zlib.compress(bytes(1920))
    return Codec("PACKED", 97, 48000, 48000, lambda: Coding(unpacked, zlib.compress), None, silence)


def odd_clock() -> Codec:
    """What G.722 is to the house: a clock that is not its rate (RFC 3551 §4.5.2)."""
    return replace(linear(16000), name="G722", payload_type=9, clock_rate=8000)


TRIALS = [linear(16000), linear(44100, 2), linear(8000), packed(), odd_clock()]


@pytest.mark.parametrize("codec", TRIALS, ids=lambda one: f"{one.name}/{one.rate}/{one.channels}")
def test_a_whole_call_goes_by_it(codec: Codec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CODECS, codec.name, codec)

    async def story() -> None:
        async with open_house(tmp_path) as house:
            house.answers = (ANSWER, ANSWER)
            house.assistant["keypadInputPlan"] = {"enabled": True, "delimiters": "#", "timeoutSeconds": 2}
            call = (await house.phone()).dial()
            call.codec = codec
            await call.connect()
            await call.hears_the_end()
            await call.says(QUESTION)
            await call.hears_the_end()
            (leg,) = house.engine.legs.values()
            assert leg.stream is not None
            counted = leg.stream.statistics
            await call.press("42#")
            await call.hears_the_end()
            call.hang_up()
            await ended(house)

        assert call.answer is not None
        answer = call.answer.body.decode()
        channels = f"/{codec.channels}" if codec.channels > 1 else ""
        assert f" RTP/AVP {codec.payload_type} 101\r\n" in answer
        assert f"a=rtpmap:{codec.payload_type} {codec.name}/{codec.clock_rate}{channels}\r\n" in answer
        assert f"a=rtpmap:101 telephone-event/{codec.clock_rate}\r\n" in answer
        first, question, spoken, keys, again = house.report["transcript"].splitlines()
        assert (first, question) == (f"AI: {FIRST}", f"User: {QUESTION}")
        assert spoken == again == f"AI: {ANSWER}"
        assert "42" in keys
        assert (counted.lost, counted.invalid, counted.concealed, counted.discarded) == (0, 0, 0, 0)
        assert counted.jitter < 0.005

    run_virtual(story())


@pytest.mark.parametrize("codec", [*TRIALS, PCMU], ids=lambda one: f"{one.name}/{one.rate}/{one.channels}")
def test_what_is_said_is_what_is_heard(codec: Codec) -> None:
    """A tone of 440 Hz there and back, frame by frame and without seams."""
    encode, decode = codec.encoder(), codec.decoder()
    times = np.arange(100 * FRAME_SAMPLES) / SAMPLE_RATE
    tone = (10_000 * np.sin(2 * np.pi * 440 * times)).astype("<i2").tobytes()
    frames = [tone[at : at + 2 * FRAME_SAMPLES] for at in range(0, len(tone), 2 * FRAME_SAMPLES)]

    payloads = [encode(frame) for frame in frames]
    heard = np.frombuffer(b"".join(map(decode, payloads)), "<i2").astype(np.float64)

    assert {len(payload) for payload in payloads} == {codec.octets} or codec.octets is None
    spectrum = np.abs(np.fft.rfft(heard[SAMPLE_RATE // 2 : 3 * SAMPLE_RATE // 2] * np.hanning(SAMPLE_RATE)))
    assert int(spectrum.argmax()) == 440
    others = np.delete(spectrum, range(436, 445))
    assert others.max() < spectrum[440] / 150  # 43 dB down: G.711's own noise


def test_what_cannot_be_decoded_is_concealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codec = packed()
    monkeypatch.setitem(CODECS, codec.name, codec)

    async def story() -> None:
        async with open_house(tmp_path) as house:
            call = (await house.phone()).dial()
            call.codec = replace(codec, coding=lambda: Coding(unpacked, lambda pcm: b"\xff" * 40))
            await call.connect()
            await call.hears_the_end()
            (leg,) = house.engine.legs.values()
            assert leg.stream is not None
            assert leg.stream.statistics.concealed > 50
            call.hang_up()
            await ended(house)

        assert house.report["endedReason"] == "customer-ended-call"

    run_virtual(story())


def test_a_rate_without_whole_samples_in_a_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="11025"):
        linear(11025).decoder()
