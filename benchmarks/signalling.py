"""The callers' SIP: INVITE, ACK, BYE over one UDP socket, with the retransmissions of RFC 3261 §17.1.

Messages are filled templates and answers are read with regular expressions, so that one process can place
hundreds of calls per second. It is no user agent: it talks to Offhook alone."""

from __future__ import annotations

import itertools
import os
import re
import socket
import struct
import time
from dataclasses import dataclass
from typing import Final, Protocol

from benchmarks.agenda import Agenda

T1: Final = 0.5
LAST_REPEAT: Final = 16.0

_REQUEST: Final = (
    "{method} {uri} SIP/2.0\r\n"
    "Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{branch};rport\r\n"
    "Max-Forwards: 70\r\n"
    "From: <sip:bench@{host}:{port}>;tag={tag}\r\n"
    "To: <sip:{user}@{service}>{to_tag}\r\n"
    "Call-ID: {call_id}\r\n"
    "CSeq: {cseq} {method}\r\n"
    "Contact: <sip:bench@{host}:{port}>\r\n"
)
_OFFER: Final = (
    "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
    "m=audio {rtp} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    "a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
)
_CALL_ID: Final = re.compile(rb"\r\nCall-ID: ([^\r]+)")
_TO_TAG: Final = re.compile(rb"\r\nTo: [^\r]*;tag=([^;\r]+)")
_CONTACT: Final = re.compile(rb"\r\nContact: <([^>]+)>")
_AUDIO: Final = re.compile(rb"m=audio (\d+) ")
_COPIED: Final = re.compile(rb"\r\n((?:Via|From|To|Call-ID|CSeq): [^\r]+)")


@dataclass(slots=True)
class Dialled:
    call_id: str
    user: str
    sent_at: float
    """When the INVITE was sent, in seconds since the epoch."""
    message: bytes = b""
    state: str = "calling"
    to_tag: str = ""
    contact: str = ""
    ack: bytes = b""


class Owner(Protocol):
    def answered(self, dialled: Dialled, seconds: float, port: int) -> None:
        """`seconds` from the INVITE to its 200; `port` is the service's for audio."""

    def refused(self, dialled: Dialled, status: int) -> None:
        """`status` 408: no answer at all."""

    def over(self, dialled: Dialled, by_peer: bool) -> None: ...


class Signalling:
    """`repeated` counts retransmissions: with a healthy service there are none."""

    def __init__(
        self, sock: socket.socket, service: tuple[str, int], rtp: int, agenda: Agenda, owner: Owner
    ) -> None:
        self.socket = sock
        self.repeated = 0
        self._service = service
        self._agenda = agenda
        self._owner = owner
        self._calls: dict[str, Dialled] = {}
        self._numbers = itertools.count()
        self._host, self._port = sock.getsockname()
        self._run_id = os.urandom(4).hex()
        self._offer = _OFFER.format(host=self._host, rtp=rtp).encode()

    def __len__(self) -> int:
        return len(self._calls)

    def dial(self, user: str) -> str:
        call_id = f"{self._run_id}-{next(self._numbers)}"
        dialled = Dialled(call_id, user, time.time())
        dialled.message = self._request("INVITE", dialled, 1, f"sip:{user}@{self._at_service}", self._offer)
        self._calls[call_id] = dialled
        dialled.sent_at = time.time()
        self._send(dialled.message)
        self._repeat(dialled, "calling", T1)
        return call_id

    def hang_up(self, dialled: Dialled) -> None:
        if dialled.state != "up":
            return
        dialled.state = "leaving"
        dialled.message = self._request("BYE", dialled, 2, dialled.contact, b"")
        self._send(dialled.message)
        self._repeat(dialled, "leaving", T1)

    def hang_up_all(self) -> None:
        for dialled in list(self._calls.values()):
            self.hang_up(dialled)

    def receive(self) -> None:
        """Everything that has come."""
        while True:
            try:
                data, ancillary, _, _ = self.socket.recvmsg(8192, 64)
            except BlockingIOError:
                return
            found = _CALL_ID.search(data)
            dialled = self._calls.get(found[1].decode()) if found else None
            if data.startswith(b"SIP/2.0 "):
                if dialled is not None:
                    seconds, nanoseconds = struct.unpack_from("qq", ancillary[0][2])
                    self._response(dialled, data, seconds + nanoseconds / 1e9)
            else:
                self._requested(dialled, data)

    def _response(self, dialled: Dialled, data: bytes, at: float) -> None:
        status = int(data[8:11])
        if status < 200:
            if dialled.state == "calling":
                dialled.state = "ringing"
        elif b" INVITE\r\n" in data:
            self._invite_answered(dialled, status, data, at)
        elif dialled.state == "leaving":
            self._over(dialled, by_peer=False)

    def _invite_answered(self, dialled: Dialled, status: int, data: bytes, at: float) -> None:
        if dialled.state not in ("calling", "ringing"):
            if dialled.ack:
                self._send(dialled.ack)
            return
        tag, contact, audio = _TO_TAG.search(data), _CONTACT.search(data), _AUDIO.search(data)
        dialled.to_tag = tag[1].decode() if tag else ""
        if status >= 300 or contact is None or audio is None:
            self._send(self._request("ACK", dialled, 1, f"sip:{dialled.user}@{self._at_service}", b"", "1"))
            del self._calls[dialled.call_id]
            dialled.state = "over"
            self._owner.refused(dialled, status)
            return
        dialled.state = "up"
        dialled.contact = contact[1].decode()
        dialled.ack = self._request("ACK", dialled, 1, dialled.contact, b"")
        self._send(dialled.ack)
        self._owner.answered(dialled, at - dialled.sent_at, int(audio[1]))

    def _requested(self, dialled: Dialled | None, data: bytes) -> None:
        copied = b"".join(line + b"\r\n" for line in _COPIED.findall(data))
        self._send(b"SIP/2.0 200 OK\r\n" + copied + b"Content-Length: 0\r\n\r\n")
        if data.startswith(b"BYE ") and dialled is not None:
            self._over(dialled, by_peer=dialled.state != "leaving")

    def _over(self, dialled: Dialled, by_peer: bool) -> None:
        del self._calls[dialled.call_id]
        dialled.state = "over"
        self._owner.over(dialled, by_peer)

    def _repeat(self, dialled: Dialled, state: str, interval: float) -> None:
        def again() -> None:
            if dialled.state != state:
                return
            if interval > LAST_REPEAT:
                del self._calls[dialled.call_id]
                dialled.state = "over"
                if state == "calling":
                    self._owner.refused(dialled, 408)
                else:
                    self._owner.over(dialled, by_peer=False)
                return
            self.repeated += 1
            self._send(dialled.message)
            self._repeat(dialled, state, 2 * interval)

        self._agenda.at(time.monotonic() + interval, again)

    @property
    def _at_service(self) -> str:
        return f"{self._service[0]}:{self._service[1]}"

    def _request(
        self, method: str, dialled: Dialled, cseq: int, uri: str, body: bytes, branch: str | None = None
    ) -> bytes:
        # An ACK for a refusal goes on the branch of its INVITE (RFC 3261 §17.1.1.3).
        name = {"INVITE": "1", "ACK": "a", "BYE": "b"}[method] if branch is None else branch
        head = _REQUEST.format(
            method=method,
            uri=uri,
            host=self._host,
            port=self._port,
            branch=f"{dialled.call_id}-{name}",
            tag=dialled.call_id,
            user=dialled.user,
            service=self._at_service,
            to_tag=f";tag={dialled.to_tag}" if dialled.to_tag else "",
            call_id=dialled.call_id,
            cseq=cseq,
        )
        kind = "Content-Type: application/sdp\r\n" if body else ""
        return f"{head}{kind}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def _send(self, data: bytes) -> None:
        try:
            self.socket.sendto(data, self._service)
        except BlockingIOError:
            self.repeated += 1
