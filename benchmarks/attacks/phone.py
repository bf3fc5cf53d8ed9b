"""SIP and RTP as an attacker writes them: sockets of its own, messages from templates."""

from __future__ import annotations

import asyncio
import itertools
import re
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from benchmarks.attacks.attack import Address, Target

_NUMBERS: Final = itertools.count()
_TO: Final = re.compile(rb"\r\nTo: ([^\r]*)")
_CONTACT: Final = re.compile(rb"\r\nContact: <([^>]+)>")
_AUDIO: Final = re.compile(rb"m=audio (\d+) ")
_PACE: Final = 50
"""Datagrams after which others have their turn; more at a time overrun the receiver's buffer anyhow."""


@asynccontextmanager
async def udp(at: Target) -> AsyncIterator[socket.socket]:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((at.host, 0))
    sock.setblocking(False)
    try:
        yield sock
    finally:
        sock.close()


async def flood(sock: socket.socket, to: Address, datagrams: Iterable[bytes]) -> None:
    """All of them, some 20,000 a second."""
    for number, data in enumerate(datagrams, 1):
        with suppress(OSError):
            sock.sendto(data, to)
        if number % _PACE == 0:
            await asyncio.sleep(0.0025)


def sdp(host: str, port: int = 40_000, more: str = "") -> bytes:
    return (
        f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n{more}"
    ).encode()


def message(
    at: Target,
    method: str,
    user: str,
    *,
    port: int = 5060,
    transport: str = "UDP",
    call: str = "",
    to: str = "",
    uri: str = "",
    cseq: int = 1,
    more: str = "",
    body: bytes | None = None,
    kind: str = "application/sdp",
) -> bytes:
    """A request that is right in all but what it is told to have: `more` header lines, a `body`."""
    number = next(_NUMBERS)
    call = call or f"attack{number}@{at.host}"
    content = sdp(at.host) if body is None and method == "INVITE" else body or b""
    described = f"Content-Type: {kind}\r\n" if content else ""
    return (
        f"{method} {uri or f'sip:{user}@127.0.0.1'} SIP/2.0\r\n"
        f"Via: SIP/2.0/{transport} {at.host}:{port};branch=z9hG4bKattack{number};rport\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:attack@{at.host}>;tag=a{call}\r\n"
        f"To: {to or f'<sip:{user}@127.0.0.1>'}\r\nCall-ID: {call}\r\nCSeq: {cseq} {method}\r\n"
        f"Contact: <sip:attack@{at.host}:{port}>\r\n{more}{described}Content-Length: {len(content)}\r\n\r\n"
    ).encode() + content


@dataclass(slots=True)
class Call:
    """One that was answered: `audio` is where its packets go, `rtp` the socket they come from."""

    at: Target
    sock: socket.socket
    rtp: socket.socket
    user: str
    call: str
    to: str
    contact: str
    audio: Address
    cseq: int = 1

    def request(self, method: str, body: bytes = b"", more: str = "", kind: str = "text/plain") -> bytes:
        self.cseq += method != "ACK"
        return message(
            self.at, method, self.user, port=self.sock.getsockname()[1], call=self.call, to=self.to,
            uri=self.contact, cseq=self.cseq, body=body, more=more, kind=kind,
        )  # fmt: skip


@asynccontextmanager
async def calling(
    at: Target, user: str, *, more: str = "", patience: float = 3.0
) -> AsyncIterator[Call | None]:
    """A call to `user`, None where it is not answered; hung up in the end."""
    loop = asyncio.get_running_loop()
    async with udp(at) as sock, udp(at) as rtp:
        call = f"call{next(_NUMBERS)}@{at.host}"
        body = sdp(at.host, rtp.getsockname()[1])
        invite = message(at, "INVITE", user, port=sock.getsockname()[1], call=call, more=more, body=body)
        found: Call | None = None
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(patience):
                sock.sendto(invite, at.sip)
                while found is None:
                    data = await loop.sock_recv(sock, 8192)
                    to, contact, audio = _TO.search(data), _CONTACT.search(data), _AUDIO.search(data)
                    if data.startswith(b"SIP/2.0 200") and to and contact and audio:
                        found = Call(
                            at, sock, rtp, user, call, to[1].decode(), contact[1].decode(),
                            (at.sip[0], int(audio[1])),
                        )  # fmt: skip
                    elif not data.startswith(b"SIP/2.0 1"):
                        break
        if found is not None:
            with suppress(OSError):
                found.cseq = 1
                sock.sendto(found.request("ACK"), at.sip)
        try:
            yield found
        finally:
            if found is not None:
                with suppress(OSError):
                    sock.sendto(found.request("BYE"), at.sip)


async def answered_by(at: Target, user: str, seconds: float = 4.0, calls: int = 3) -> None:
    """Call `user` a few times at once, and stay for a while."""

    async def one() -> None:
        async with calling(at, user) as call:
            await asyncio.sleep(seconds if call else 0.3)

    if not user:
        await asyncio.sleep(1)
        return
    await asyncio.gather(*(one() for _ in range(calls)))
