"""What a phone of the tests was sent, whatever became of it on the phone's own clock."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from dataclasses import replace

from offhook.calls.leg import Media
from offhook.frames import FRAME_BYTES
from offhook.media.engine import Engine
from offhook.media.local_plane import LocalPlane
from offhook.network import Address, Datagrams, Receive
from offhook.network.datagrams import MAX_PAYLOAD, bound_datagrams, datagrams_on, socket_address
from offhook.phone import PhoneCall, PhoneLine
from offhook.phone.phone_line import PATIENCE, RTP_PORTS
from offhook.rtp.clock import Clock
from offhook.rtp.codecs import CODECS
from offhook.rtp.packet import Packet, looks_like_rtcp, parse
from offhook.rtp.ports import PortPool

DECODERS = {codec.payload_type: codec.decode for codec in CODECS.values()}
LONGEST = 600 * 8000
"""Samples between the first and the last packet of one source."""


class Ear:
    """Puts every packet where its timestamp says, as a recording of the wire does.

    A phone whose process is starved ticks late, leaves ticks out and throws away what has piled up: beside
    five busy loops on one core it left out up to 31 of 450 ticks and played 3.56 s of 3.84 s of speech,
    so that two letters of a sentence were heard as others, while not one packet was lost and the speech put
    together from them was whole. What Offhook said is judged by what it sent."""

    def __init__(self) -> None:
        self._sources: dict[int, list[Packet]] = {}

    def listening(self, line: PhoneLine) -> Media:
        """The line's media, for one phone, with this ear at its sockets."""
        host = line.media.address_for(line.remote.host)
        clock, rng = Clock(asyncio.get_running_loop()), line.media.rng
        ports = PortPool(host, *RTP_PORTS, self._open, rng)
        return replace(
            line.media, plane=LocalPlane(Engine(clock, ports, now=time.time, rng=rng, patience=PATIENCE))
        )

    @property
    def heard(self) -> bytes:
        """s16le at 8 kHz: silence where nothing was sent, one source after the other."""
        return b"".join(_laid_out(packets) for packets in self._sources.values())

    async def _open(self, host: str, port: int, receive: Receive) -> Datagrams:
        def take(data: bytes, source: Address) -> None:
            self._take(data)
            receive(data, source)

        sock = bound_datagrams(*await socket_address(host, port))
        return EarSocket(sock, await datagrams_on(sock, take), self._take)

    def _take(self, data: bytes) -> None:
        packet = None if looks_like_rtcp(data) else parse(data)
        if packet is not None and packet.payload_type in DECODERS:
            self._sources.setdefault(packet.ssrc, []).append(packet)


class EarSocket:
    """One of a phone's sockets. What waits in it when it is closed was sent before, and is heard.

    A loop reads one datagram of each socket in a round. One that comes late to many of them reads the BYE in
    its first round, while seconds of speech wait in the socket beside it."""

    def __init__(self, sock: socket.socket, open_: Datagrams, take: Callable[[bytes], None]) -> None:
        self._sock = sock
        self._open = open_
        self._take = take
        self._closed = False

    @property
    def local(self) -> Address:
        return self._open.local

    def send(self, data: bytes, to: Address) -> None:
        self._open.send(data, to)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._read_what_waits()
            self._open.close()

    def _read_what_waits(self) -> None:
        while True:
            try:
                self._take(self._sock.recv(MAX_PAYLOAD))
            except OSError:
                return


def _laid_out(packets: list[Packet]) -> bytes:
    first = packets[0].timestamp
    # A packet that was overtaken by the first one is left out: it is silence, before anybody speaks.
    placed = [(at, packet) for packet in packets if (at := (packet.timestamp - first) & 0xFFFFFFFF) < LONGEST]
    pcm = bytearray(2 * max(at for at, _ in placed) + FRAME_BYTES)
    for at, packet in placed:
        samples = DECODERS[packet.payload_type](packet.payload)
        pcm[2 * at : 2 * at + len(samples)] = samples
    return bytes(pcm)


class ListeningPhone(PhoneCall):
    """A phone with an `ear`; its `heard` is what it would have played."""

    def __init__(self, line: PhoneLine) -> None:
        self.ear = Ear()
        super().__init__(self.ear.listening(line), line.remote.host)
