"""Does what a caller dictates stand in the transcript as it was meant?"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.virtual import run_virtual

from benchmarks.ear import clips
from benchmarks.ear.call import calling

CASES: Final = Path(__file__).with_name("dictated.toml")
KINDS: Final = ("numbers", "names", "mail")
PAUSE_SECONDS: Final = 0.7
_LEFT_OUT: Final[Mapping[str, re.Pattern[str]]] = {
    "numbers": re.compile(r"[\W_]"),
    "names": re.compile(r"[\W_]"),
    "mail": re.compile(r"[^\w@.]"),
}


@dataclass(frozen=True, slots=True)
class Dictated:
    """`right`: all of it stands in the caller's lines, and the voice that said it."""

    name: str
    voice: str
    right: bool
    lines: Sequence[str]


def tried(kind: str) -> Iterator[Dictated]:
    for group in tomllib.loads(CASES.read_text("utf-8"))[kind]:
        for said in group["said"]:
            for voice in clips.VOICES:
                yield run_virtual(_tried(kind, group["asked"], said["pieces"], said["wanted"], voice))


async def _tried(kind: str, asked: str, pieces: Sequence[str], wanted: str, voice: str) -> Dictated:
    async with calling(["Thank you."], assistant={"firstMessage": asked}) as call:
        await call.hears_the_end()
        await call.pauses(0.7)
        for number, piece in enumerate(pieces):
            if number:
                await call.pauses(PAUSE_SECONDS)
            await call.says(clips.spoken(piece, voice))
        await call.pauses(5.0)
        heard = " ".join(line for line in call.lines if line.startswith("User:"))
        bare = _LEFT_OUT[kind].sub("", heard.removeprefix("User: ")).lower()
        right = wanted.lower() in bare
        return Dictated(f"{' / '.join(pieces)} [{voice}]", voice, right, call.lines[1:])
