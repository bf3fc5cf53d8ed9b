"""Audio, its reports, and what else comes to an audio port."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterable
from typing import Final

from benchmarks.attacks.attack import Group, Target
from benchmarks.attacks.phone import calling, flood, udp

attack: Final = Group("RTP")
SOUND: Final = bytes(range(160))


def packet(
    number: int,
    payload: bytes = SOUND,
    kind: int = 0,
    ssrc: int = 7,
    flags: int = 0x80,
    time: int | None = None,
) -> bytes:
    stamp = number * 160 if time is None else time
    return (
        struct.pack("!BBHII", flags, kind, number & 0xFFFF, stamp & 0xFFFFFFFF, ssrc & 0xFFFFFFFF) + payload
    )


async def _into_own(at: Target, packets: Iterable[bytes], beside: int = 0) -> None:
    """From the caller that the call knows."""
    async with calling(at, at.victim) as call:
        if call is not None:
            await flood(call.rtp, (call.audio[0], call.audio[1] + beside), packets)


@attack("20,000 packets a second of one call")
async def _(at: Target) -> None:
    await _into_own(at, (packet(n) for n in itertools.count()))


@attack("a stream of its own for each packet")
async def _(at: Target) -> None:
    await _into_own(at, (packet(n, ssrc=n * 7919) for n in itertools.count()))


@attack("numbers and times that jump")
async def _(at: Target) -> None:
    await _into_own(at, (packet(n * 31_337, time=n * 0x1234567) for n in itertools.count()))


@attack("packets of 1,400 bytes, of one byte, of none, of other codecs")
async def _(at: Target) -> None:
    odd = (SOUND * 9, b"a", b"", SOUND[:33])
    await _into_own(at, (packet(n, odd[n % 4], kind=(0, 8, 3, 77, 96)[n % 5]) for n in itertools.count()))


@attack("headers with sources, extensions and padding that do not fit")
async def _(at: Target) -> None:
    flags = (0x8F, 0x90, 0xA0, 0xBF, 0x40, 0xC0)
    await _into_own(at, (packet(n, b"\xff" * (n % 64), flags=flags[n % 6]) for n in itertools.count()))


@attack("keys that are pressed without an end")
async def _(at: Target) -> None:
    await _into_own(
        at,
        (
            packet(n, struct.pack("!BBH", n % 16, 10 | 0x80 * (n % 2), n & 0xFFFF), kind=101)
            for n in itertools.count()
        ),
    )


@attack("reports of 31 blocks, 1,400 bytes of names, goodbyes")
async def _(at: Target) -> None:
    report = struct.pack("!BBHI", 0x80 | 31, 201, 1 + 31 * 6, 7) + bytes(31 * 24)
    names = struct.pack("!BBHI", 0x81, 202, 64, 7) + (b"\x01\x20" + b"n" * 32) * 7
    leaving = struct.pack("!BBHI", 0x81, 203, 1, 7)
    await _into_own(at, itertools.cycle((report + names, report, names * 5, report + leaving, report[:30])))


@attack("STUN")
async def _(at: Target) -> None:
    binding = struct.pack("!HHI", 1, 0, 0x2112A442) + bytes(12)
    long = struct.pack("!HHI", 1, 1200, 0x2112A442) + bytes(12) + struct.pack("!HH", 6, 0) * 300
    await _into_own(at, itertools.cycle((binding, long, binding[:10])))


@attack("a stranger's packets to every audio port")
async def _(at: Target) -> None:
    async with udp(at) as sock:
        for port in range(20_000, 30_000, 2):
            await flood(sock, (at.sip[0], port), (packet(n) for n in range(50)))


@attack("a stranger's packets into one call")
async def _(at: Target) -> None:
    async with calling(at, at.victim) as call, udp(at) as sock:
        if call is not None:
            await flood(sock, call.audio, (packet(n) for n in itertools.count()))


@attack("UDP of 60 kB")
async def _(at: Target) -> None:
    await _into_own(at, (packet(n, b"a" * 60_000) for n in itertools.count()))
