"""SRTP and SRTCP (RFC 3711, RFC 7714) for one leg, by libsrtp."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pylibsrtp
from pylibsrtp import Policy, Session

from offhook.rtp.srtp_keys import SrtpKeys

PROFILES: Final = {
    "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    "AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AEAD_AES_256_GCM": Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}
"""By the names of the suites (RFC 4568 §6.2, RFC 7714 §14.2)."""

_TAGS: Final = {"AES_CM_128_HMAC_SHA1_80": (10, 10), "AES_CM_128_HMAC_SHA1_32": (4, 10)}
"""Octets of the tag of RTP and of RTCP, before which an MKI stands; with AEAD it is the last."""

WINDOW: Final = 1024
"""Packets that may be overtaken and are still told from repeated ones."""

MOST_SOURCES: Final = 32
"""Streams that a peer may have had in one session: each has a state of its own."""

_LEAST: Final = 12


class Srtp:
    """`Protection` by keys that may change. Raises KeyError for a suite that there is not."""

    def __init__(self, keys: SrtpKeys) -> None:
        self._keys = keys
        self._outbound = _session(keys.suite, keys.ours, Policy.SSRC_ANY_OUTBOUND)
        self._begin_inbound()

    def take(self, keys: SrtpKeys) -> None:
        """The keys after another offer and answer. A direction whose key is the same goes on as it was: its
        count of packets (RFC 3711 §3.3.1) does not begin anew."""
        before, self._keys = self._keys, keys
        if (before.suite, before.ours) != (keys.suite, keys.ours):
            self._outbound = _session(keys.suite, keys.ours, Policy.SSRC_ANY_OUTBOUND)
        if (before.suite, before.theirs) != (keys.suite, keys.theirs):
            self._begin_inbound()

    def _begin_inbound(self) -> None:
        self._inbound = _session(self._keys.suite, self._keys.theirs, Policy.SSRC_ANY_INBOUND)
        self._sources: set[bytes] = set()  # what has come of them was the peer's

    def protect(self, packet: bytes) -> bytes:
        return self._outbound.protect(packet)

    def protect_control(self, packet: bytes) -> bytes:
        return self._outbound.protect_rtcp(packet)

    def unprotect(self, packet: bytes) -> bytes | None:
        return self._opened(packet[8:12], self._inbound.unprotect, self._without_mki(packet, 0))

    def unprotect_control(self, packet: bytes) -> bytes | None:
        return self._opened(packet[4:8], self._inbound.unprotect_rtcp, self._without_mki(packet, 1))

    def _opened(self, source: bytes, unprotect: Callable[[bytes], bytes], packet: bytes) -> bytes | None:
        known = source in self._sources
        if len(packet) < _LEAST or not (known or len(self._sources) < MOST_SOURCES):
            return None
        try:
            plain = unprotect(packet)
        except (pylibsrtp.Error, ValueError):
            return None
        if not known:
            self._sources.add(source)
        return plain

    def _without_mki(self, packet: bytes, control: int) -> bytes:
        mki = self._keys.mki
        if not mki:
            return packet
        tag = _TAGS.get(self._keys.suite, (0, 0))[control]
        end = len(packet) - tag
        return packet[: max(0, end - mki)] + packet[end:]


def _session(suite: str, key: bytes, ssrc_type: int) -> Session:
    policy = Policy(key=key, ssrc_type=ssrc_type, srtp_profile=PROFILES[suite])
    policy.window_size = WINDOW
    return Session(policy)
