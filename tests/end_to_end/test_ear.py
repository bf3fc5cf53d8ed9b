"""What the phones of these tests are taken to have heard."""

from __future__ import annotations

import asyncio
import socket

from offhook.frames import FRAME_SAMPLES
from offhook.rtp.codecs import CODECS
from offhook.rtp.packet import build
from tests.end_to_end.ear import Ear
from tests.end_to_end.peers import LOOPBACK

PCMU = CODECS["PCMU"]
SAMPLE = b"\x7c\x20"
FRAME = PCMU.encode(SAMPLE * FRAME_SAMPLES)


def packet(number: int) -> bytes:
    return build(PCMU.payload_type, number, number * FRAME_SAMPLES, 7, FRAME)


async def test_what_waits_in_the_socket_at_the_end_is_heard() -> None:
    """A process that gets no processor for seconds reads it after the BYE."""
    ear, read = Ear(), asyncio.Event()
    opened = await ear._open(LOOPBACK, 0, lambda data, source: read.set())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as node:
        node.sendto(packet(0), opened.local)
        await read.wait()
        for number in range(1, 100):
            node.sendto(packet(number), opened.local)
        opened.close()
        opened.close()

    assert ear.heard == PCMU.decode(FRAME) * 100
