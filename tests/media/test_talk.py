"""A talk with an echo on its line."""

from __future__ import annotations

import numpy as np

from offhook.frames import FRAME_BYTES, SILENCE
from offhook.media.echo.canceller import EchoCanceller
from offhook.media.media_commands import MuteCaller
from offhook.media.media_events import Event, Heard
from offhook.media.talk import Talk
from tests.media.echo.test_canceller import SAID, coded, echo, line_noise, samples


def test_who_is_muted_is_silent_and_their_echo_is_still_known_afterwards() -> None:
    muted, spoken = 150, 350
    sound = coded(echo(SAID, -10, 0.1) + line_noise(len(SAID) // 2))
    events: list[Event] = []
    canceller = EchoCanceller()
    talk = Talk(1, events.append, events.append, None, lambda: 0.0, canceller)
    for at in range(spoken + 100):
        if at in (muted, spoken):
            talk.apply(MuteCaller(1, at == muted))
        frame = slice(at * FRAME_BYTES, (at + 1) * FRAME_BYTES)
        talk.exchanged(sound[frame], SAID[frame])
        canceller.run()
    heard = [event.heard for event in events if isinstance(event, Heard)]
    assert len(heard) == spoken + 100
    assert set(heard[muted:spoken]) == {SILENCE}
    left = samples(b"".join(heard[spoken : spoken + 50]))
    echoed = samples(sound[spoken * FRAME_BYTES : (spoken + 50) * FRAME_BYTES])
    assert np.square(left).mean() < np.square(echoed).mean() / 100
