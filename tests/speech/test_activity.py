from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from offhook.speech.activity import VoiceActivity
from tests.speech.clips import SILENCE, TEXTS, clip, frames

LOUD = b"\x10\x20" * 160


@pytest.fixture(scope="module")
def activity() -> VoiceActivity:
    return VoiceActivity()


def listen(activity: VoiceActivity, heard: list[bytes]) -> list[float]:
    probabilities: list[float] = []
    channel = activity.open(probabilities.append)
    for frame in heard:
        channel.push(frame)
        activity.run()
    channel.close()
    return probabilities


def test_one_probability_for_each_32_ms(activity: VoiceActivity) -> None:
    assert len(listen(activity, [SILENCE] * 100)) == 100 * 160 // 256


def test_silence_is_no_speech(activity: VoiceActivity) -> None:
    assert max(listen(activity, [SILENCE] * 100)) < 0.2


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_every_phrase_of_the_caller_is_speech(activity: VoiceActivity, name: str) -> None:
    heard = listen(activity, [SILENCE] * 15 + frames(clip(name)) + [SILENCE] * 25)
    speech = [p for p in heard if p > 0.5]
    assert len(speech) * 0.032 > 0.25
    assert max(heard[:6]) < 0.5
    assert heard[-1] < 0.3


def test_who_says_nothing_costs_no_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    activity = VoiceActivity()
    model, asked = activity._model, []

    def counted(*given: Any) -> Any:
        asked.append(len(given[0]))
        return model(*given)

    monkeypatch.setattr(activity, "_model", counted)
    assert len(listen(activity, [SILENCE] * 100)) == 100 * 160 // 256
    assert asked == []
    listen(activity, [SILENCE] * 40 + frames(clip("hello")) + [SILENCE] * 200)
    assert sum(asked) <= (len(frames(clip("hello"))) + 52) * 160 // 256 + 1


@pytest.mark.parametrize("before", [0, 8, 200])
def test_a_voice_after_any_silence_is_judged_as_at_first(activity: VoiceActivity, before: int) -> None:
    """8 frames are 5 windows: what follows is cut into windows as without them."""
    voice = frames(clip("hours"))
    alone = listen(activity, voice)
    later = listen(activity, [SILENCE] * before + voice)
    assert later[-len(alone) :] == pytest.approx(alone, abs=1e-6)
    again = listen(activity, voice + [SILENCE] * (200 + (-len(voice)) % 8) + voice)
    assert again[-len(alone) :] == pytest.approx(alone, abs=1e-6)


def test_a_batch_gives_what_each_channel_gives_alone(activity: VoiceActivity) -> None:
    names = ["hello", "hours", "person", "thanks", "angry"]
    alone = {name: listen(activity, frames(clip(name))) for name in names}
    together: dict[str, list[float]] = {name: [] for name in names}
    channels = {name: activity.open(together[name].append) for name in names}
    left = {name: frames(clip(name)) for name in names}
    while any(left.values()):
        for name in names:
            if left[name]:
                channels[name].push(left[name].pop(0))
        activity.run()
    for channel in channels.values():
        channel.close()
    for name in names:
        assert together[name] == pytest.approx(alone[name], abs=1e-3)


def test_a_channel_starts_fresh_where_another_has_ended() -> None:
    activity = VoiceActivity(batch=1)
    first = listen(activity, frames(clip("hours")))
    assert listen(activity, frames(clip("hours"))) == pytest.approx(first, abs=1e-6)


async def test_one_run_evaluates_no_more_than_the_batch_and_the_rest_follows_at_once() -> None:
    activity = VoiceActivity(batch=8)
    counts = [0] * 20
    channels = []
    for i in range(20):

        def count(_: float, i: int = i) -> None:
            counts[i] += 1

        channels.append(activity.open(count))
    for channel in channels:
        channel.push(LOUD)
        channel.push(LOUD)
    activity.run()
    assert sum(counts) == 8
    for _ in range(3):
        await asyncio.sleep(0)
    assert counts == [1] * 20


def test_who_says_nothing_takes_no_place_in_the_batch() -> None:
    activity = VoiceActivity(batch=4)
    told: list[int] = []
    for number, frame in enumerate([SILENCE] * 20 + [LOUD] * 4):
        channel = activity.open(lambda _, number=number: told.append(number))  # type: ignore[misc]
        channel.push(frame)
        channel.push(frame)
    activity.run()
    assert told == list(range(24))


def test_nothing_comes_after_close(activity: VoiceActivity) -> None:
    heard: list[float] = []
    channel = activity.open(heard.append)
    channel.push(SILENCE)
    channel.push(SILENCE)
    channel.close()
    channel.close()
    channel.push(SILENCE)
    activity.run()
    assert heard == []


def test_a_channel_closed_by_anothers_callback_hears_nothing(activity: VoiceActivity) -> None:
    heard: list[float] = []
    first = activity.open(lambda _: second.close())
    second = activity.open(heard.append)
    for channel in (first, second):
        channel.push(SILENCE)
        channel.push(SILENCE)
    activity.run()
    first.close()
    assert heard == []


def test_a_failing_listener_harms_no_other(activity: VoiceActivity, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: float) -> None:
        raise RuntimeError("boom")

    heard: list[float] = []
    channels = [activity.open(fail), activity.open(heard.append)]
    for channel in channels:
        channel.push(SILENCE)
        channel.push(SILENCE)
    with caplog.at_level(logging.ERROR):
        activity.run()
    for channel in channels:
        channel.close()
    assert len(heard) == 1
    assert "boom" in caplog.text


async def test_without_run_the_oldest_audio_is_dropped(activity: VoiceActivity) -> None:
    heard: list[float] = []
    channel = activity.open(heard.append)
    for _ in range(500):
        channel.push(SILENCE)
    activity.run()
    for _ in range(10):
        await asyncio.sleep(0)
    channel.close()
    assert 1 <= len(heard) <= 5


def test_a_frame_of_another_length_is_refused(activity: VoiceActivity) -> None:
    channel = activity.open(lambda _: None)
    with pytest.raises(ValueError, match="320 bytes"):
        channel.push(bytes(160))
    channel.close()
