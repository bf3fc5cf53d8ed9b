"""Two legs over real UDP sockets on the loopback, each on its own host: they hear each other."""

from __future__ import annotations

import asyncio
import random
import time

from offhook.frames import SILENCE
from offhook.network import open_datagrams
from offhook.rtp.clock import Clock
from offhook.rtp.codecs import PCMU
from offhook.rtp.ports import PortPool
from offhook.rtp.stream import RtpStream
from tests.machine import PATIENCE


class Phone:
    """Says one frame over and over; knows when it heard all it waits for."""

    def __init__(self, loud: bytes, frames: int) -> None:
        self.loud = loud
        self.wanted = frames
        self.heard: list[bytes] = []
        self.digits: list[str] = []
        self.content = asyncio.Event()

    def next_frame(self) -> bytes | None:
        return self.loud

    def exchanged(self, heard: bytes, said: bytes) -> None:
        if heard is not SILENCE:
            self.heard.append(heard)
        if len(self.heard) >= self.wanted and self.digits:
            self.content.set()

    def digit(self, digit: str, milliseconds: int) -> None:
        self.digits.append(digit)


async def test_two_legs_hear_each_other_and_leave_nothing_behind() -> None:
    loop = asyncio.get_running_loop()
    rng = random.Random()
    clock = Clock(loop)
    voices = [PCMU.decode(PCMU.encode(rng.randbytes(320))) for _ in range(2)]
    phones = [Phone(voice, frames=5) for voice in voices]
    pools = [PortPool(f"127.0.0.{n}", 42000, 42099, open_datagrams, rng) for n in (21, 22)]
    ports = [await pool.open() for pool in pools]
    streams = [
        RtpStream(
            port,
            payload_type=0,
            codec="PCMU",
            remote=other.local,
            telephone_event=101,
            rng=rng,
            sink=phone,
            source=phone,
            loop_time=loop.time,
            now=time.time,
        )
        for port, other, phone in zip(ports, reversed(ports), phones, strict=True)
    ]
    try:
        for stream, digits in zip(streams, "4#", strict=True):
            clock.add(stream)
            stream.send_digits(digits, milliseconds=40, gap=40)
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(phone.content.wait() for phone in phones))
    finally:
        for stream in streams:
            clock.remove(stream)
            stream.close()

    assert phones[0].digits == ["#"]
    assert phones[1].digits == ["4"]
    assert voices[1] in phones[0].heard
    assert voices[0] in phones[1].heard
    assert [pool.in_use for pool in pools] == [0, 0]
    assert all(stream.statistics.invalid == stream.statistics.rejected == 0 for stream in streams)
