"""How many two-way legs one process carries: CPU per leg, pacing of what it sends, packets lost.

    python benchmarks/media_legs.py --legs 100 200 400 --seconds 10

This process runs the legs on uvloop, as a node does: port pool, clock, streams; every leg speaks and hears
without a pause, and keeps what it heard nowhere. A second process is the peer of all of them: it sends every
leg its packets, spread evenly over the 20 ms, and takes what the legs send. Arrivals are stamped by the
kernel, so that the peer's own load does not count as ours. All on 127.0.0.1."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import multiprocessing
import os
import platform
import random
import resource
import select
import socket
import struct
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection

import uvloop

from offhook.frames import SILENCE
from offhook.network import Address, open_datagrams
from offhook.rtp.clock import Clock
from offhook.rtp.codecs import PCMU
from offhook.rtp.packet import HEADER, build
from offhook.rtp.ports import PortPool
from offhook.rtp.stream import RtpStream

HOST = "127.0.0.1"
SO_TIMESTAMPNS = 35
WARM_UP = 2.0
SLOTS = 20
"""Moments in 20 ms at which the peer sends."""


@dataclass
class PeerResult:
    received: int
    lost: int
    pacing: list[float]
    """For each packet but the first of a leg: by how many ms the gap before it was not 20 ms; sorted."""


def peer(pipe: Connection) -> None:
    """Receive the legs' ports, then exchange packets until told to measure, then until told to stop."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    sock.bind((HOST, 0))
    sock.setblocking(False)
    pipe.send(sock.getsockname()[1])
    ports: list[int] = pipe.recv()
    pipe.send(_exchange(pipe, sock, ports))
    sock.close()


def _exchange(pipe: Connection, sock: socket.socket, ports: list[int]) -> PeerResult:
    rng = random.Random(1)
    voice = PCMU.encode(rng.randbytes(320))
    slots: list[list[int]] = [[] for _ in range(SLOTS)]
    for number in range(len(ports)):
        slots[number % SLOTS].append(number)
    last_arrival: dict[int, float] = {}
    sequences: dict[int, tuple[int, int, int]] = {}
    pacing: list[float] = []
    measuring = False
    step = 0.02 / SLOTS
    beat = 0
    start = time.monotonic()
    while True:
        for number in slots[beat % SLOTS]:
            turn = beat // SLOTS
            packet = build(0, turn & 0xFFFF, turn * 160 & 0xFFFFFFFF, number + 1, voice)
            with contextlib.suppress(BlockingIOError):
                sock.sendto(packet, (HOST, ports[number]))
        beat += 1
        if beat % SLOTS == 0 and pipe.poll():
            if pipe.recv() == "stop":
                break
            measuring = True
            last_arrival.clear()
            sequences.clear()
        while True:
            _drain(sock, last_arrival, sequences, pacing if measuring else None)
            remaining = start + beat * step - time.monotonic()
            if remaining <= 0:
                break
            select.select([sock], [], [], remaining)
    received = sum(count for _, _, count in sequences.values())
    lost = sum((last - first & 0xFFFF) + 1 - count for first, last, count in sequences.values())
    return PeerResult(received, lost, sorted(pacing))


def _drain(
    sock: socket.socket,
    last_arrival: dict[int, float],
    sequences: dict[int, tuple[int, int, int]],
    pacing: list[float] | None,
) -> None:
    while True:
        try:
            data, ancillary, _, _ = sock.recvmsg(2048, 64)
        except BlockingIOError:
            return
        if pacing is None or len(data) != 172:
            continue
        seconds, nanoseconds = struct.unpack("qq", ancillary[0][2])
        at = seconds + nanoseconds / 1e9
        _, _, sequence, _, ssrc = HEADER.unpack_from(data)
        before = last_arrival.get(ssrc)
        if before is not None:
            pacing.append(abs(at - before - 0.02) * 1000)
        last_arrival[ssrc] = at
        first, _, count = sequences.get(ssrc, (sequence, 0, 0))
        sequences[ssrc] = (first, sequence, count + 1)


class Talker:
    """Always says the same noise, so that every frame is encoded."""

    def __init__(self, frame: bytes) -> None:
        self._frame = frame

    def next_frame(self) -> bytes | None:
        return self._frame


class Listener:
    def __init__(self) -> None:
        self.frames = 0
        self.silent = 0

    def exchanged(self, heard: bytes, said: bytes) -> None:
        self.frames += 1
        if heard is SILENCE:
            self.silent += 1

    def digit(self, digit: str, milliseconds: int) -> None:
        raise AssertionError("nobody presses keys here")


@dataclass
class Result:
    legs: int
    seconds: float
    cpu: float
    peer: PeerResult
    lost: int
    concealed: int
    silent: int
    late_ticks: float
    skipped: int


async def measure(legs: int, seconds: float, peer_port: int, pipe: Connection) -> Result:
    loop = asyncio.get_running_loop()
    rng = random.Random(2)
    pool = PortPool(HOST, 20000, 20000 + 4 * legs + 1, open_datagrams, rng)
    clock = Clock(loop)
    listeners = [Listener() for _ in range(legs)]
    talker = Talker(rng.randbytes(320))
    streams = []
    for listener in listeners:
        port = await pool.open()
        stream = RtpStream(
            port,
            payload_type=0,
            codec="PCMU",
            remote=Address(HOST, peer_port),
            telephone_event=101,
            rng=rng,
            sink=listener,
            source=talker,
            loop_time=loop.time,
            now=time.time,
        )
        stream.learn()
        streams.append((port, stream))
        clock.add(stream)
    pipe.send([port.local.port for port, _ in streams])
    await asyncio.sleep(WARM_UP)
    gc.collect()
    gc.freeze()
    before = [stream.statistics for _, stream in streams]
    silent = sum(listener.silent for listener in listeners)
    lateness, skipped = list(clock.lateness), clock.skipped
    pipe.send("measure")
    cpu, started = _cpu(), time.monotonic()
    await asyncio.sleep(seconds)
    cpu, elapsed = _cpu() - cpu, time.monotonic() - started
    after = [stream.statistics for _, stream in streams]
    silent = sum(listener.silent for listener in listeners) - silent
    ticks = [now - then for now, then in zip(clock.lateness, lateness, strict=True)]
    skipped = clock.skipped - skipped
    pipe.send("stop")
    result = await asyncio.to_thread(pipe.recv)
    for _, stream in streams:
        clock.remove(stream)
        stream.close()
    return Result(
        legs=legs,
        seconds=elapsed,
        cpu=cpu,
        peer=result,
        lost=sum(now.lost - then.lost for now, then in zip(after, before, strict=True)),
        concealed=sum(now.concealed - then.concealed for now, then in zip(after, before, strict=True)),
        silent=silent,
        late_ticks=sum(ticks[3:]) / max(sum(ticks), 1),
        skipped=skipped,
    )


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def run(legs: int, seconds: float) -> Result:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=peer, args=(theirs,), daemon=True)
    process.start()
    try:
        peer_port = ours.recv()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(measure(legs, seconds, peer_port, ours))
    finally:
        process.join(5)
        if process.is_alive():
            process.terminate()


def percentile(values: list[float], share: float) -> float:
    return values[min(int(len(values) * share), len(values) - 1)] if values else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--legs", type=int, nargs="+", default=[100, 200, 400])
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(
        f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, uvloop",
        flush=True,
    )
    print(
        f"{'legs':>5} {'CPU %':>6} {'% per leg':>9} {'pacing p50':>10} {'p99 ms':>7} {'worst':>6}"
        f" {'sent lost':>9} {'recv lost':>9} {'concealed':>9} {'ticks >5 ms late':>16} {'skipped':>7}"
    )
    for legs in options.legs:
        result = run(legs, options.seconds)
        load = 100 * result.cpu / result.seconds
        pacing = result.peer.pacing
        print(
            f"{legs:5} {load:6.1f} {load / legs:9.3f} {percentile(pacing, 0.5):10.2f}"
            f" {percentile(pacing, 0.99):7.2f} {pacing[-1] if pacing else 0:6.1f}"
            f" {result.peer.lost:9} {result.lost:9} {result.concealed + result.silent:9}"
            f" {100 * result.late_ticks:15.1f}% {result.skipped:7}",
            flush=True,
        )


if __name__ == "__main__":
    main()
