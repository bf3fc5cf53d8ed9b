"""What a caller on hold hears: the owner's file, whatever its kind and rate, or the tone."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from offhook.calls.transfers import hold_audio
from offhook.calls.transfers.decoder import resampled
from offhook.calls.transfers.hold_audio import (
    MOST_BYTES,
    MOST_PCM,
    NotPlayable,
    pcm_of,
    play_instead,
    sounds_by,
)
from offhook.media.tones import Waiting, hold, ringback
from offhook.network.guard import AddressRefused

pytestmark = pytest.mark.slow

URL = "http://files.test/hold.wav"


def sound(
    kind: str = "WAV", subtype: str = "PCM_16", rate: int = 8000, channels: int = 1, seconds: float = 1.0
) -> bytes:
    """300 Hz, at a third of full scale."""
    times = np.arange(round(rate * seconds)) / rate
    tone = np.repeat(0.33 * np.sin(2 * np.pi * 300 * times)[:, None], channels, axis=1)
    file = io.BytesIO()
    soundfile.write(file, tone, rate, format=kind, subtype=subtype)
    return file.getvalue()


@pytest.mark.parametrize(
    ("kind", "subtype", "rate", "channels"),
    [
        ("MP3", "MPEG_LAYER_III", 44100, 2),
        ("MP3", "MPEG_LAYER_III", 22050, 1),
        ("WAV", "PCM_16", 8000, 1),
        ("WAV", "PCM_U8", 11025, 1),
        ("WAV", "PCM_24", 48000, 2),
        ("WAV", "FLOAT", 44100, 6),
        ("WAV", "ULAW", 8000, 1),
        ("WAV", "ALAW", 16000, 1),
        ("WAV", "IMA_ADPCM", 8000, 1),
        ("FLAC", "PCM_16", 32000, 2),
        ("OGG", "VORBIS", 44100, 2),
    ],
)
def test_any_usual_file_becomes_8_khz_mono(kind: str, subtype: str, rate: int, channels: int) -> None:
    samples = np.frombuffer(pcm_of(sound(kind, subtype, rate, channels, seconds=1.5)), "<i2")

    assert len(samples) == pytest.approx(12000, abs=600)
    middle = samples[2000:10000].astype(float)
    assert np.abs(np.fft.rfft(middle)).argmax() == pytest.approx(300, abs=2)
    assert np.sqrt((middle**2).mean()) == pytest.approx(32767 * 0.33 / np.sqrt(2), rel=0.15)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "Format not recognised"),
        (b"<html>no file here</html>", "Format not recognised"),
        (b"ID3\x04 an mp3", "."),
        (sound()[:30], "."),
        (sound(rate=2000), "2000 Hz"),
        (sound(channels=9), "9 channels"),
        (sound(seconds=0), "no sound"),
    ],
)
def test_what_is_no_such_file_is_refused_with_a_reason(body: bytes, reason: str) -> None:
    with pytest.raises(NotPlayable, match=reason):
        pcm_of(body)


def test_a_file_that_blows_up_is_cut() -> None:
    """Half an hour of silence is a small file."""
    body = sound("FLAC", rate=4000, seconds=0.1)
    silence = io.BytesIO()
    soundfile.write(silence, np.zeros(30 * 60 * 4000, np.int16), 4000, format="FLAC")

    assert len(silence.getvalue()) < 200_000
    assert len(pcm_of(silence.getvalue())) == MOST_PCM
    assert len(pcm_of(body)) == 1600


@pytest.mark.parametrize("command", [("sleep", "30"), ("false",), ("sh", "-c", "kill -SEGV $$"), ("true",)])
def test_a_decoder_that_fails_harms_nobody(monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]) -> None:
    monkeypatch.setattr(hold_audio, "COMMAND", command)
    monkeypatch.setattr(hold_audio, "DECODE_SECONDS", 0.5)

    with pytest.raises(NotPlayable):
        pcm_of(sound())


def test_the_decoder_is_told_nothing_of_our_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFHOOK_API_KEY", "a-key-nobody-must-see")
    monkeypatch.setattr(hold_audio, "COMMAND", ("env",))

    assert b"a-key-nobody-must-see" not in pcm_of(b"")


@pytest.mark.parametrize("rate", [4000, 11025, 12345, 16000, 24000, 44100, 48000, 96000])
def test_what_a_telephone_carries_passes_and_what_would_fold_back_does_not(rate: int) -> None:
    times = np.arange(rate) / rate
    for frequency in (300, 1500, 3300, 4400, 6000, 15000):
        if frequency < 0.45 * rate:
            tone = np.sin(2 * np.pi * frequency * times).astype(np.float32)
            level = np.abs(resampled(tone, rate)[2000:6000]).max()
            assert level < 0.001 if frequency > 4000 else 0.9 < level < 1.1


@pytest.mark.parametrize(("rate", "length"), [(8000, 1000), (16000, 500), (44100, 182), (4000, 2000)])
def test_lengths_fit_the_rates(rate: int, length: int) -> None:
    assert len(resampled(np.zeros(1000, np.float32), rate)) == pytest.approx(length, abs=1)
    assert len(resampled(np.zeros(1, np.float32), rate)) in (1, 2)


async def test_the_file_takes_the_place_of_the_tone() -> None:
    async def fetch(url: str, limit: int) -> bytes:
        assert (url, limit) == (URL, MOST_BYTES)
        return sound()

    waiting = Waiting(hold())
    await play_instead(waiting, URL, sounds_by(fetch), "call-1")

    frames = [waiting.next_frame() for _ in range(51)]
    assert frames[0] == pcm_of(sound())[:320]
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
