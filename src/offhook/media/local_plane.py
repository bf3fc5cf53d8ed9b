"""The media plane in the same process and on the same loop as the call plane."""

from __future__ import annotations

import os

from offhook.media.engine import Engine
from offhook.media.line import Line, MediaPlane, Pacing
from offhook.media.media_commands import Command
from offhook.media.tones import Audio
from offhook.rtp.statistics import StreamStatistics


class LocalPlane(MediaPlane):
    """Commands are done at once."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine
        engine.deliver = self.deliver

    def send(self, command: Command) -> None:
        self.engine.apply(command)

    def lend(self, line: Line, audio: Audio) -> None:
        """Let something in this process have the leg's ear and mouth."""
        self.engine.lend(line.number, audio)

    @property
    def pacing(self) -> Pacing:
        engine = self.engine
        clock = engine.clock
        return Pacing(
            os.getpid(), tuple(clock.lateness), clock.skipped, engine.ports.in_use, len(engine.legs)
        )

    def statistics_of(self, line: Line) -> StreamStatistics | None:
        leg = self.engine.legs.get(line.number)
        return None if leg is None else leg.statistics
