"""Where the time of a reply went."""

from __future__ import annotations

from dataclasses import dataclass

from offhook.conversation.events import TurnMeasured


@dataclass(slots=True)
class Marks:
    """Moments of one reply in loop.time(); None where there was none."""

    ended: float = 0.0
    released: float = 0.0
    words: float | None = None
    transcribing: float = 0.0  # seconds that the transcriber took, up to `words`
    asked: float | None = None
    first_piece: float | None = None  # words to speak, or a tool to run
    voice_asked: float | None = None
    first_audio: float | None = None
    told: bool = False  # once for each reply


def measured(marks: Marks, turn: int, heard: float) -> TurnMeasured:
    """`heard`: when the first frame was played. The five parts add up to `total` unless engines ran beside
    one another after the release, which leaves `platform` at 0."""
    spans = [
        _span(None if marks.words is None else marks.words - marks.transcribing, marks.words),
        _span(marks.asked, marks.first_piece),
        _span(marks.voice_asked, marks.first_audio),
    ]
    overlap = sum(max(min(end, marks.released) - max(start, marks.ended), 0.0) for start, end in spans)
    transcriber, model, voice = (end - start for start, end in spans)
    total = heard - marks.ended
    endpointing = max(marks.released - marks.ended - overlap, 0.0)
    platform = max(total - endpointing - transcriber - model - voice, 0.0)
    parts = (endpointing, transcriber, model, voice, platform, total)
    return TurnMeasured(turn, *(round(part * 1000, 3) for part in parts))


def _span(start: float | None, end: float | None) -> tuple[float, float]:
    if start is None or end is None or end < start:
        return 0.0, 0.0
    return start, end
