"""Keys of a media line, a=crypto (RFC 4568, RFC 7714 §14.2)."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

SUITES: Final = {
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AEAD_AES_256_GCM": 44,
    "AEAD_AES_128_GCM": 28,
    "AES_CM_128_HMAC_SHA1_32": 30,
}
"""What we speak, the one first that every phone does: octets of the master key and its salt."""

MOST_LINES: Final = 32
"""Of one media line that are looked at."""

MOST_MKI: Final = 128
"""Octets (RFC 4568 §6.1)."""

_CRYPTO = re.compile(
    r"([0-9]{1,9})[ \t]+([A-Za-z0-9_]{1,64})[ \t]+inline:([^ \t;|]+)(?:\|([^ \t;]*))?([ \t].*)?"
)
_LIFETIME = re.compile(r"2\^[0-9]{1,2}|[0-9]{1,15}")
_MKI = re.compile(r"[0-9]{1,39}:([0-9]{1,3})")


@dataclass(frozen=True, slots=True)
class Crypto:
    """One line: `key` is the master key with its salt. `mki` is how many octets of it each packet of whoever
    wrote the line carries."""

    tag: int
    suite: str
    key: bytes = field(repr=False)
    mki: int = 0

    @classmethod
    def parse(cls, text: str) -> Crypto | None:
        """None for a line that is malformed, or asks for what we have not: another suite, several keys, a
        session parameter that changes what the packets are (RFC 4568 §6.3)."""
        match = _CRYPTO.fullmatch(text.strip())
        if match is None:
            return None
        tag, suite, inline, about, session = match.groups()
        if suite not in SUITES or any(not one.startswith(("-", "WSH=")) for one in (session or "").split()):
            return None
        try:
            key = b64decode(inline + "=" * (-len(inline) % 4), validate=True)
        except ValueError:  # no Base64, or no ASCII
            return None
        mki = _octets_of_mki(about)
        return None if len(key) != SUITES[suite] or mki is None else cls(int(tag), suite, key, mki)

    @classmethod
    def made(cls, tag: int, suite: str, rng: Random) -> Crypto:
        """One of ours, with a key that nobody has had."""
        return cls(tag, suite, rng.getrandbits(8 * SUITES[suite]).to_bytes(SUITES[suite], "big"))

    def __str__(self) -> str:
        return f"{self.tag} {self.suite} inline:{b64encode(self.key).decode()}"


def _octets_of_mki(about: str | None) -> int | None:
    """Of `lifetime|MKI:length`, either of which may be missing; None where it is malformed."""
    if about is None:
        return 0
    parts = about.split("|")
    if _LIFETIME.fullmatch(parts[0]):
        parts = parts[1:]
    if not parts:
        return 0
    match = _MKI.fullmatch(parts[0])
    if match is None or len(parts) > 1 or not 1 <= int(match[1]) <= MOST_MKI:
        return None
    return int(match[1])


def usable(lines: Iterable[str | None]) -> Sequence[Crypto]:
    """Those of a media line's a=crypto that we can speak, in its order, which is its preference."""
    found = [Crypto.parse(line) for line in list(lines)[:MOST_LINES] if line]
    return [one for one in found if one is not None]


class MediaKeys:
    """Our own lines of one leg, over all its offers and answers. Each key protects what we send and is used
    for one leg only; it changes with the peer's, whose packets begin anew then as ours do. Keys `may` be told
    to the peer at all, and audio `must` be protected by them."""

    def __init__(self, rng: Random, *, may: bool, must: bool) -> None:
        self.may = may
        self.must = must
        self._rng = rng
        self._theirs: Crypto | None = None
        self._own: Crypto | None = None

    def answering(self, theirs: Crypto) -> Crypto:
        """Our line for one that the peer offers."""
        before, own = self._theirs, self._own
        if own is None or before is None or (before.suite, before.key) != (theirs.suite, theirs.key):
            own = Crypto.made(theirs.tag, theirs.suite, self._rng)
        self._theirs, self._own = theirs, replace(own, tag=theirs.tag)
        return self._own

    def offering(self) -> Sequence[Crypto]:
        """Our lines in an offer: that of the session as it is, or one for each suite."""
        if not self.may:
            return []
        if self._own is not None:
            return [self._own]
        return [Crypto.made(tag, suite, self._rng) for tag, suite in enumerate(SUITES, 1)]

    def lapsed(self) -> None:
        """Audio goes on in clear. Nobody counts those packets for the key we had: protection begins anew with
        another one."""
        self._own = None

    def agreed(self, own: Crypto, theirs: Crypto) -> None:
        """The answer to an offer of ours took this line of it."""
        self._own, self._theirs = own, theirs
