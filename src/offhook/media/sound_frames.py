"""Sound as the frames of its ticks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from offhook.frames import FRAME_BYTES

Frames = Sequence[bytes | None]
"""320 bytes each, None for silence."""


class Framed(Sequence[bytes | None]):
    """Sound as 20 ms pieces, the last filled up with silence; none is made before it is played."""

    __slots__ = ("_pcm",)

    def __init__(self, pcm: bytes) -> None:
        self._pcm = pcm

    def __len__(self) -> int:
        return -(-len(self._pcm) // FRAME_BYTES)

    @overload
    def __getitem__(self, at: int) -> bytes | None: ...

    @overload
    def __getitem__(self, at: slice) -> list[bytes | None]: ...

    def __getitem__(self, at: int | slice) -> bytes | list[bytes | None] | None:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        if not 0 <= at < len(self):
            raise IndexError(at)
        return self._pcm[at * FRAME_BYTES : (at + 1) * FRAME_BYTES].ljust(FRAME_BYTES, b"\0")


def frames_of(pcm: bytes) -> list[bytes | None]:
    """20 ms pieces, the last filled up with silence."""
    return list(Framed(pcm))
