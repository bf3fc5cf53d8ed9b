"""Is the caller cut off in a pause, and how long is the wait after a plain question?"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.virtual import run_virtual

from benchmarks.ear import clips
from benchmarks.ear.call import calling

CASES: Final = Path(__file__).with_name("pauses.toml")
KINDS: Final = ("open", "digits", "letters", "plain")
PAUSE_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Spoken:
    """`asked`: what the assistant says before. `pieces`: sound, with a pause between any two."""

    name: str
    asked: str
    pieces: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Outcome:
    """`cut_off`: the assistant was heard in a pause. `whole`: one turn, one line. `waited`: seconds from the
    end of the voice to the answer, None if there was none."""

    name: str
    cut_off: bool
    whole: bool
    waited: float | None
    lines: Sequence[str]


def cases(kind: str) -> Iterator[Spoken]:
    groups = tomllib.loads(CASES.read_text("utf-8"))[kind]
    for number, group in enumerate(groups):
        for place, pieces in enumerate(group["pieces"]):
            voices = list(clips.VOICES)[(number + place) % 3 :][:2] or ["plain"]
            for voice in voices:
                sound = [clips.spoken(piece, voice) for piece in pieces]
                yield Spoken(f"{' / '.join(pieces)} [{voice}]", group["asked"], sound)
        for name in group.get("recorded", ()):
            yield Spoken(f"{name} [recorded]", group["asked"], [clips.recorded(name)])


async def _tried(spoken: Spoken, pause: float) -> Outcome:
    async with calling(["Very well."], assistant={"firstMessage": spoken.asked}) as call:
        await call.hears_the_end()
        await call.pauses(0.7)
        ends: list[float] = []
        for number, piece in enumerate(spoken.pieces):
            if number:
                await call.pauses(pause)
            ends.append(await call.says(piece))
        await call.pauses(6.0)
        began = call.first_heard(ends[-1])
        return Outcome(
            spoken.name,
            call.heard_between(ends[0], ends[-1]),
            sum(line.startswith("User:") for line in call.lines) == 1,
            None if began is None else began - ends[-1],
            call.lines[1:],
        )


def tried(kind: str, pause: float = PAUSE_SECONDS) -> list[Outcome]:
    return [run_virtual(_tried(spoken, pause)) for spoken in cases(kind)]
