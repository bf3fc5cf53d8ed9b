"""G.711 µ-law and A-law, by table (ITU-T G.711; payload types 0 and 8 of RFC 3551).

The tables are computed from the definition once, at import."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offhook.frames import FRAME_SAMPLES

_INT16 = np.dtype("<i2")
_UINT16 = np.dtype("<u2")


def _ulaw_decision_values() -> NDArray[np.int16]:
    """What each of the 256 µ-law bytes stands for, on the 16-bit scale."""
    code = np.arange(256, dtype=np.int32) ^ 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84 << ((code >> 4) & 0x07)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(_INT16)


def _alaw_decision_values() -> NDArray[np.int16]:
    """What each of the 256 A-law bytes stands for, on the 16-bit scale."""
    code = np.arange(256, dtype=np.int32) ^ 0x55
    segment = (code >> 4) & 0x07
    linear = ((code & 0x0F) << 4) + 8
    magnitude = np.where(segment == 0, linear, (linear + 0x100) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(_INT16)


def _all_samples() -> NDArray[np.int32]:
    """Every 16-bit sample, in the order of its unsigned reading."""
    return np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)


def _ulaw_codes() -> NDArray[np.uint8]:
    """The µ-law byte of each sample, indexed by the sample read as unsigned: 14-bit magnitude plus bias,
    whose highest bit is the segment."""
    sample = _all_samples()
    # The 14-bit value is the 16-bit one with two bits cut off towards minus infinity (as in G.191).
    value = sample >> 2
    magnitude = np.minimum(np.abs(value) + 33, 0x1FFF)
    segment = np.floor(np.log2(magnitude)).astype(np.int32) - 5
    code = (segment << 4) | ((magnitude >> (segment + 1)) & 0x0F)
    codes: NDArray[np.uint8] = (np.where(value < 0, code | 0x80, code) ^ 0xFF).astype(np.uint8)
    return codes


def _alaw_codes() -> NDArray[np.uint8]:
    """The A-law byte of each sample, indexed by the sample read as unsigned: 13-bit magnitude."""
    sample = _all_samples()
    value = sample >> 3
    magnitude = np.where(value < 0, -value - 1, value)
    segment = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 4, 0)
    code = (segment << 4) | ((magnitude >> np.maximum(segment, 1)) & 0x0F)
    codes: NDArray[np.uint8] = (np.where(value < 0, code, code | 0x80) ^ 0x55).astype(np.uint8)
    return codes


def _decoder(values: NDArray[np.int16]) -> Callable[[bytes], bytes]:
    """Low and high bytes by two 256-byte translations: 0.7 µs a frame, 0.9 µs with numpy's take."""
    low, high = values.tobytes()[0::2], values.tobytes()[1::2]

    def decode(payload: bytes) -> bytes:
        pcm = bytearray(2 * len(payload))
        pcm[0::2] = payload.translate(low)
        pcm[1::2] = payload.translate(high)
        return bytes(pcm)

    return decode


def _encoder(codes: NDArray[np.uint8]) -> Callable[[bytes], bytes]:
    def encode(pcm: bytes) -> bytes:
        return codes.take(np.frombuffer(pcm, _UINT16)).tobytes()

    return encode


@dataclass(frozen=True, slots=True)
class Codec:
    """`decode` takes one byte per sample and gives s16le; `encode` the other way, and raises ValueError
    for an odd number of bytes. `quiet`: the bytes that stand for less than 0.2 % of full scale;
    `silence`: 20 ms of the byte nearest to zero."""

    name: str
    payload_type: int
    decode: Callable[[bytes], bytes]
    encode: Callable[[bytes], bytes]
    quiet: bytes
    silence: bytes


_QUIET_BELOW = 64


def _codec(name: str, payload_type: int, values: NDArray[np.int16], codes: NDArray[np.uint8]) -> Codec:
    quiet = bytes(np.flatnonzero(np.abs(values.astype(np.int32)) < _QUIET_BELOW).tolist())
    silence = bytes([int(codes[0])]) * FRAME_SAMPLES
    return Codec(name, payload_type, _decoder(values), _encoder(codes), quiet, silence)


PCMU = _codec("PCMU", 0, _ulaw_decision_values(), _ulaw_codes())
PCMA = _codec("PCMA", 8, _alaw_decision_values(), _alaw_codes())

CODECS = {codec.name: codec for codec in (PCMU, PCMA)}
"""By encoding name as in SDP's a=rtpmap, in capitals."""
