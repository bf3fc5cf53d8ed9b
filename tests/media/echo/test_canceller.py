"""The canceller alone: recorded voices, G.711 both ways, and what a speakerphone makes of them."""

from __future__ import annotations

import wave
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from offhook.frames import FRAME_BYTES, FRAME_SAMPLES, SAMPLE_RATE, SILENCE
from offhook.media.echo.canceller import EchoCanceller
from offhook.media.echo.ear import EchoEar
from offhook.rtp.codecs import PCMA, PCMU, Codec
from offhook.speech.activity import VoiceActivity
from offhook.speech.gate import SpeechBegan, SpeechGate

Signal = NDArray[np.float64]
CALLER = Path(__file__).parents[2] / "caller"


@cache
def voice(*names: str, level: float = -18.0) -> Signal:
    """Recorded phrases one after the other, at so many dBov while somebody speaks."""
    parts = []
    for name in names:
        with wave.open(str(CALLER / f"{name}.wav")) as clip:
            parts.append(np.frombuffer(clip.readframes(clip.getnframes()), "<i2").astype(float))
    sound = np.concatenate(parts)
    return sound * (10 ** (level / 20) * 32768 / np.sqrt(power_of(sound)))


def power_of(sound: Signal) -> float:
    """Mean square where there is sound."""
    frames = sound[: len(sound) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    power = np.square(frames).mean(axis=1)
    return float(power[power > power.max() / 1000].mean())


def coded(sound: Signal, codec: Codec = PCMU) -> bytes:
    pcm = np.clip(sound, -32768, 32767).astype("<i2").tobytes()
    pcm += bytes(-len(pcm) % FRAME_BYTES)
    return codec.coding().decode(codec.coding().encode(pcm))


def samples(pcm: bytes) -> Signal:
    return np.frombuffer(pcm, "<i2").astype(float)


def line_noise(size: int, level: float = 3.0) -> Signal:
    return np.random.default_rng(3).standard_normal(size) * level


def room(seconds: float = 0.3, seed: int = 1) -> Signal:
    """Its answer to a click: the direct sound, and what comes back in that time, half as strong in all."""
    size = round(0.2 * SAMPLE_RATE)
    rest = np.random.default_rng(seed).standard_normal(size)
    rest *= np.exp(-6.9 * np.arange(size) / SAMPLE_RATE / seconds)
    rest[:8] = 0
    answer = rest / np.sqrt(np.square(rest).sum()) / 2
    answer[0] = 1
    return answer / np.sqrt(np.square(answer).sum())


def echo(said: bytes, level: float, delay: float, answer: Signal | None = None) -> Signal:
    sound = samples(said)
    late = np.concatenate([np.zeros(round(delay * SAMPLE_RATE)), sound])[: len(sound)]
    if answer is not None:
        late = np.convolve(late, answer)[: len(late)]
    return late * 10 ** (level / 20)


@cache
def activity() -> VoiceActivity:
    return VoiceActivity()


class Conversed:
    """What came out. `clean`: what is heard. `voices`: when voices were found to begin, in seconds, and
    `longest`: seconds of voice in the longest."""

    def __init__(self, said: bytes, heard: bytes) -> None:
        canceller, gate, clean = EchoCanceller(), SpeechGate(), bytearray()
        self.voices: list[float] = []
        self.longest = 0.0

        def judged(probability: float) -> None:
            if isinstance(gate.feed(probability, len(clean) / (2 * SAMPLE_RATE)), SpeechBegan):
                self.voices.append(len(clean) / (2 * SAMPLE_RATE))
            self.longest = max(self.longest, gate.voiced)

        voice = activity().open(judged)

        def deliver(one: bytes, other: bytes, _: bytes) -> None:
            clean.extend(one)
            voice.push(other)

        self.ear: EchoEar = canceller.open(deliver)
        for start in range(0, len(heard), FRAME_BYTES):
            frame = said[start : start + FRAME_BYTES]
            self.ear.exchanged(heard[start : start + FRAME_BYTES], frame if any(frame) else SILENCE)
            canceller.run()
            activity().run()
        voice.close()
        self.clean = bytes(clean)


SAID = coded(np.concatenate([np.zeros(1600), voice("long", "address", "insurance")]))
FALLS_QUIET = 0.3
"""Seconds of voice after which an assistant does."""


@pytest.mark.parametrize("codec", [PCMU, PCMA], ids=["mu-law", "A-law"])
@pytest.mark.parametrize("delay", [0.02, 0.06, 0.2, 0.4])
@pytest.mark.parametrize("level", [-10, -20, -30])
def test_nothing_of_an_echo_may_be_a_voice_from_the_first_word_on(
    level: float, delay: float, codec: Codec
) -> None:
    heard = coded(echo(SAID, level, delay, room()) + line_noise(len(SAID) // 2), codec)
    conversed = Conversed(SAID, heard)
    assert conversed.voices == []
    assert len(conversed.clean) == len(heard)


def test_an_echo_is_taken_out_within_a_sentence() -> None:
    heard = coded(echo(SAID, -20, 0.1, room()) + line_noise(len(SAID) // 2))
    clean = Conversed(SAID, heard).clean
    start = round(1.5 * SAMPLE_RATE)
    left, before = np.square(samples(clean)[start:]).mean(), np.square(samples(heard)[start:]).mean()
    assert 10 * np.log10(before / left) > 25


def test_a_leg_without_an_echo_is_heard_bit_for_bit() -> None:
    heard = line_noise(len(SAID) // 2, 20.0)
    near = voice("price", "wait", level=-24)
    heard[40000 : 40000 + len(near)] += near
    conversed = Conversed(SAID, coded(heard))
    assert conversed.clean == coded(heard)
    assert conversed.ear.row is None


def test_silence_on_both_sides_is_passed_on() -> None:
    assert Conversed(bytes(50 * FRAME_BYTES), bytes(50 * FRAME_BYTES)).clean == bytes(50 * FRAME_BYTES)


@pytest.mark.parametrize("level", [-10, -20, -30])
@pytest.mark.parametrize("name", ["wait", "person", "no"])
def test_a_caller_who_speaks_over_it_is_heard(name: str, level: float) -> None:
    near = voice(name, level=-20)
    start = 48000
    heard = echo(SAID, level, 0.1, room()) + line_noise(len(SAID) // 2)
    heard[start : start + len(near)] += near
    conversed = Conversed(SAID, coded(heard))
    first = int(np.flatnonzero(np.abs(near) > np.abs(near).max() / 20)[0])
    began = (start + first) / SAMPLE_RATE
    assert any(0 <= at - began < 0.45 for at in conversed.voices)
    clean = samples(conversed.clean)[start : start + len(near)]
    strong = np.square(near[: len(near) // 800 * 800].reshape(-1, 800)).sum(axis=1)
    kept = (clean[: len(near) // 800 * 800] * near[: len(near) // 800 * 800]).reshape(-1, 800).sum(axis=1)
    loud = strong > strong.max() / 10
    assert np.count_nonzero(kept[loud] > 0.5 * strong[loud]) > 0.8 * np.count_nonzero(loud)


def _changed(before: Signal, after: Signal) -> Signal:
    return np.concatenate([before[:48000], after[48000:]])


WAYS: dict[str, Callable[[], Signal]] = {
    "40 ms later": lambda: _changed(echo(SAID, -20, 0.1, room()), echo(SAID, -20, 0.14, room())),
    "40 ms sooner": lambda: _changed(echo(SAID, -20, 0.14, room()), echo(SAID, -20, 0.1, room())),
    "another room": lambda: _changed(echo(SAID, -20, 0.1, room()), echo(SAID, -20, 0.1, room(0.4, 9))),
    "clocks that drift": lambda: np.interp(
        np.arange(len(SAID) // 2) * (1 - 1e-4), np.arange(len(SAID) // 2), echo(SAID, -20, 0.1, room())
    ),
    "a loudspeaker that distorts": lambda: np.tanh(echo(SAID, 0, 0.1, room()) / 4000) * 400,
    "a loudspeaker that clips": lambda: np.clip(echo(SAID, 5, 0.1, room()), -6000, 6000) * 0.4,
    "a loudspeaker that clips the whole scale": lambda: echo(SAID, 12, 0.1, room()),
}


@pytest.mark.parametrize("way", WAYS)
def test_no_voice_is_made_of_an_echo_whose_way_changes(way: str) -> None:
    heard = coded(WAYS[way]() + line_noise(len(SAID) // 2))
    conversed = Conversed(SAID, heard)
    assert conversed.longest < FALLS_QUIET


def test_a_loudspeaker_that_is_turned_on_in_mid_call_is_found() -> None:
    heard = _changed(np.zeros(len(SAID) // 2), echo(SAID, -20, 0.1, room()))
    conversed = Conversed(SAID, coded(heard + line_noise(len(SAID) // 2)))
    assert conversed.longest < FALLS_QUIET
    assert all(at < 6.6 for at in conversed.voices)


@pytest.mark.parametrize("noise", [0.0, 3.0, 60.0])
def test_no_voice_is_made_of_an_echo_that_ends(noise: float) -> None:
    """The handset is taken up, or the phone gives silence: a filter would say the echo, turned round."""
    heard = _changed(echo(SAID, -10, 0.1, room()), np.zeros(len(SAID) // 2))
    heard[48000:] += line_noise(len(heard) - 48000, noise)
    conversed = Conversed(SAID, coded(heard))
    assert conversed.ear.row is not None
    assert conversed.voices == []
    assert np.square(samples(conversed.clean)[48000:]).mean() <= 2 * noise**2 + 100


def test_a_caller_over_the_first_words_is_heard() -> None:
    """It is not known yet whether there is an echo; the sound itself is kept from nobody."""
    near = voice("wait", level=-22)
    heard = line_noise(len(SAID) // 2)
    heard[2400 : 2400 + len(near)] += near
    conversed = Conversed(SAID, coded(heard))
    assert conversed.clean == coded(heard)
    assert conversed.voices
    assert conversed.voices[0] < 0.3 + 0.5


def test_many_legs_are_each_heard_as_alone() -> None:
    said = SAID[: 200 * FRAME_BYTES]
    heards = [
        coded(echo(said, -20, 0.05 + 0.03 * leg, room(seed=leg)) + line_noise(len(said) // 2))
        for leg in range(12)
    ]
    canceller, cleans = EchoCanceller(), [bytearray() for _ in heards]
    ears = [canceller.open(lambda one, _, __, to=to: to.extend(one)) for to in cleans]  # type: ignore[misc]
    for start in range(0, len(said), FRAME_BYTES):
        for ear, heard in zip(ears, heards, strict=True):
            frame = said[start : start + FRAME_BYTES]
            ear.exchanged(heard[start : start + FRAME_BYTES], frame if any(frame) else SILENCE)
        canceller.run()
    assert all(ear.row is not None for ear in ears)
    for clean, heard in zip(cleans, heards, strict=True):
        assert len(clean) == len(heard)
        assert np.square(samples(bytes(clean))[24000:]).mean() < np.square(samples(heard)[24000:]).mean() / 50


def test_each_leg_waits_for_one_look_however_many_do() -> None:
    canceller = EchoCanceller()
    ears = [canceller.open(lambda heard, judged, said: None) for _ in range(40)]
    heard = coded(voice("angry", "order"))
    for start in range(0, 100 * FRAME_BYTES, FRAME_BYTES):
        for ear in ears:
            ear.exchanged(heard[start : start + FRAME_BYTES], SAID[start + 9600 : start + 9600 + FRAME_BYTES])
        canceller.run()
        assert len(canceller._looking) <= len(ears)


def test_an_ear_that_is_closed_in_a_tick_hears_nothing_and_gives_its_filter_back() -> None:
    heard = coded(echo(SAID, -20, 0.1))
    canceller, told = EchoCanceller(), bytearray()
    ear = canceller.open(lambda one, other, said: told.extend(one))
    for start in range(0, 100 * FRAME_BYTES, FRAME_BYTES):
        ear.exchanged(heard[start : start + FRAME_BYTES], SAID[start : start + FRAME_BYTES])
        canceller.run()
    known = len(told)
    ear.exchanged(heard[:FRAME_BYTES], SAID[40000 : 40000 + FRAME_BYTES])
    ear.close()
    canceller.run()
    assert (len(told), ear.row) == (known, None)
