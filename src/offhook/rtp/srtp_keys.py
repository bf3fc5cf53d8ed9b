"""The keys of SRTP for one leg. What uses them is in `srtp.py`, which loads libsrtp."""

from __future__ import annotations

from typing import NamedTuple


class SrtpKeys(NamedTuple):
    """`ours` protects what is sent, `theirs` what comes (master keys with their salts); what comes carries
    `mki` octets that name its key."""

    suite: str
    ours: bytes
    theirs: bytes
    mki: int

    def __repr__(self) -> str:
        return f"SrtpKeys({self.suite})"
