"""What a caller on hold hears: the owner's WAV file, whatever its rate, or the tone."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest

from offhook.calls.transfers.hold_audio import MOST_BYTES, NotPlayable, pcm_of, play_instead, sounds_by
from offhook.calls.transfers.tones import Waiting, hold, ringback
from offhook.network.guard import AddressRefused

URL = "http://files.test/hold.wav"


def wav(rate: int = 8000, channels: int = 1, width: int = 2, seconds: float = 1.0) -> bytes:
    """300 Hz."""
    times = np.arange(round(rate * seconds)) / rate
    tone = (np.sin(2 * np.pi * 300 * times) * 9000).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(rate)
        writer.writeframes(np.repeat(tone, channels).tobytes()[: len(tone) * channels * width])
    return file.getvalue()


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (16000, 2), (44100, 2), (48000, 1)])
def test_any_rate_becomes_8_khz_mono(rate: int, channels: int) -> None:
    samples = np.frombuffer(pcm_of(wav(rate, channels)), "<i2")

    assert len(samples) == pytest.approx(8000, abs=2)
    loudest = np.abs(np.fft.rfft(samples[:8000].astype(float))).argmax()
    assert loudest == pytest.approx(300, abs=2)
    assert np.abs(samples).max() > 8000


@pytest.mark.parametrize(
    "body", [b"", b"ID3\x04 an mp3", wav(width=1), wav(rate=4000), wav(seconds=0), wav()[:30]]
)
def test_what_is_no_such_file_is_refused(body: bytes) -> None:
    with pytest.raises(NotPlayable):
        pcm_of(body)


async def test_the_file_takes_the_place_of_the_tone() -> None:
    async def fetch(url: str, limit: int) -> bytes:
        assert (url, limit) == (URL, MOST_BYTES)
        return wav()

    waiting = Waiting(hold())
    await play_instead(waiting, URL, sounds_by(fetch), "call-1")

    frames = [waiting.next_frame() for _ in range(51)]
    assert frames[0] == pcm_of(wav())[:320]
    assert frames[50] == frames[0]


@pytest.mark.parametrize(
    "error", [AddressRefused("files.test", "private"), OSError("gone"), NotPlayable("mp3")]
)
async def test_a_file_that_cannot_be_had_leaves_the_tone(error: Exception) -> None:
    async def sounds(url: str) -> bytes:
        raise error

    waiting = Waiting(hold())
    await play_instead(waiting, URL, sounds, "call-1")

    assert waiting.next_frame() == hold()[0]


@pytest.mark.parametrize(("tone", "seconds", "loud"), [(ringback(), 6.0, 2.0), (hold(), 5.0, 0.2)])
def test_the_tones_keep_their_rhythm(tone: tuple[bytes | None, ...], seconds: float, loud: float) -> None:
    assert len(tone) * 0.02 == pytest.approx(seconds)
    assert sum(frame is not None for frame in tone) * 0.02 == pytest.approx(loud)
    assert {len(frame) for frame in tone if frame is not None} == {320}
