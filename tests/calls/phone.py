"""A caller's phone that speaks real SIP and RTP on any wire: well behaved unless it is told otherwise."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

import numpy as np

from offhook.frames import FRAME_BYTES, FRAME_SECONDS
from offhook.network import Address, DatagramOpener, Datagrams
from offhook.rtp.codecs import PCMU, Codec
from offhook.rtp.packet import build, parse
from offhook.sip.messages.message import Request, Response
from offhook.sip.messages.parser import parse_message
from tests.scripted import LOUD, SILENCE, ScriptedTranscriber
from tests.wire import ScriptedCall, ScriptedPhone

TranscriberOf = Callable[[str], ScriptedTranscriber | None]
"""What hears the caller of a SIP Call-ID: the words go there, the sound goes over the wire."""


class Phone(ScriptedPhone):
    """Places calls from one host. `answers`: the status for a request inside a dialog, None for silence."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, int | None] = {"BYE": 200, "REFER": 202, "INVITE": 488}
        self.placed: dict[str, PhoneCall] = {}
        self.opener: DatagramOpener
        self.transcriber_of: TranscriberOf

    @classmethod
    async def open(  # type: ignore[override]
        cls,
        opener: DatagramOpener,
        host: str,
        server: Address,
        transcriber_of: TranscriberOf,
        port: int = 5060,
    ) -> Phone:
        phone = cls()
        phone.socket = await opener(host, port, phone._receive)
        phone.server, phone.opener, phone.transcriber_of = server, opener, transcriber_of
        return phone

    async def close(self) -> None:  # type: ignore[override]
        for call in self.placed.values():
            await call.close()
        super().close()

    async def hang_up_all(self) -> None:
        for call in self.placed.values():
            if call.is_up:
                call.hang_up()
            await call.close()

    def dial(self, user: str = "desk") -> PhoneCall:
        """A call that is still to be placed: `invite`, or `connect` for all of it."""
        call = PhoneCall(self, user)
        self.placed[call.call_id] = call
        return call

    def _receive(self, data: bytes, source: Address) -> None:
        super()._receive(data, source)
        message = parse_message(data)
        call = self.placed.get(message.call_id)
        if isinstance(message, Request):
            status = self.answers.get(message.method, 200)
            if message.method != "ACK" and status is not None:
                self.reply(message, status, tag=None)
            if call is not None:
                call.asked(message)
        elif call is not None:
            call.told(message)


class PhoneCall(ScriptedCall):
    """One call. `heard_at`: the times at which the assistant was loud; `ended_by`: what ended the call.
    `codec` is what it speaks and takes."""

    def __init__(self, phone: Phone, user: str) -> None:
        super().__init__(phone, user)
        self.phone: Phone
        self.codec: Codec = PCMU
        self.loop = asyncio.get_running_loop()
        self.heard_at: list[float] = []
        self.heard = bytearray()
        self.answer: Response | None = None
        self.is_up = False
        self.acknowledges = True
        self.muted = False
        self.ended_at: float | None = None
        self.ended_by = ""
        self._media: Datagrams | None = None
        self._remote: Address | None = None
        self._sending: asyncio.Task[None] | None = None
        self._speaks_until = -1.0
        self._sequence = 0
        self._pressing = False
        self._over = asyncio.Event()

    # signalling

    async def place(self, headers: Iterable[tuple[str, str]] = (), sdp: bytes | None = None) -> None:
        """Open a media port and send the INVITE."""
        host = self.phone.socket.local.host
        self._media = await self.phone.opener(host, 0, self._hear)
        self.invite(self.sdp() if sdp is None else sdp, headers)

    async def reoffer(self, direction: str = "sendrecv", **options: str) -> Response:
        """A re-INVITE, and its final response."""
        self.invite(self.sdp(direction, **options))
        number = self.cseq
        found: list[Response] = []

        def answered() -> bool:
            found[:] = [
                one
                for one in self.phone.heard
                if isinstance(one, Response) and one.cseq.number == number and one.status >= 200
            ]
            return bool(found)

        await self.until(answered, 40)
        return found[0]

    async def connect(self, headers: Iterable[tuple[str, str]] = ()) -> PhoneCall:
        """INVITE, 200, ACK; audio flows."""
        await self.place(headers)
        await self.until(lambda: self.answer is not None, 60)
        return self

    def sdp(self, direction: str = "sendrecv", payload_types: str | None = None) -> bytes:
        assert self._media is not None
        local, codec = self._media.local, self.codec
        payload_types = payload_types or f"{codec.payload_type} 101"
        return (
            f"v=0\r\no=- 1 1 IN IP4 {local.host}\r\ns=-\r\nc=IN IP4 {local.host}\r\nt=0 0\r\n"
            f"m=audio {local.port} RTP/AVP {payload_types}\r\n"
            f"a=rtpmap:{codec.payload_type} {codec.name}/{codec.clock_rate}/{codec.channels}\r\n"
            f"a=rtpmap:101 telephone-event/{codec.clock_rate}\r\na={direction}\r\n"
        ).encode()

    def hang_up(self) -> None:
        self.is_up = False
        self.ended_by = self.ended_by or "BYE from the phone"
        self._end()
        self.bye()

    def told(self, response: Response) -> None:
        """A response to one of our requests."""
        if response.cseq.method != "INVITE" or response.status < 200:
            return
        if response.status >= 300:
            # Over UDP the ACK of a refusal goes on the INVITE's branch (RFC 3261 §17.1.1.3).
            self.to, kept = str(response.to), self.to
            self.phone.send(self.make("ACK", response.cseq.number, self.invite_branch))
            self.to = kept
            if not self.is_up:
                self.ended_by = f"{response.status}"
                self._end()
            return
        self.learn(response)
        if self.acknowledges:
            self.ack(cseq=response.cseq.number)
        if self.answer is None and self._media is not None:
            self.answer, self.is_up = response, True
            self._remote = media_of(response.body)
            self._sending = self.loop.create_task(self._send_on(self._media))

    def asked(self, request: Request) -> None:
        if request.method == "BYE" and self.is_up:
            self.is_up = False
            self.ended_by = "BYE from the node"
            self._end()

    def notify(self, status: int, reason: str = "OK", *, state: str = "active", event: str = "refer") -> None:
        """How our REFER went (RFC 3515 §2.4.5)."""
        headers = [("Event", event), ("Subscription-State", state), ("Content-Type", "message/sipfrag")]
        self.request("NOTIFY", f"SIP/2.0 {status} {reason}\r\n".encode(), headers)

    def notify_with(self, body: bytes, *, state: str | None, kind: str = "", event: str = "refer") -> None:
        """The same with any body, of any type."""
        given = {"Event": event, "Subscription-State": state, "Content-Type": kind}
        self.request("NOTIFY", body, [(name, value) for name, value in given.items() if value])

    async def ended(self, within: float = 120.0) -> str:
        """Wait for the end of the call; returns what ended it."""
        async with asyncio.timeout(within):
            await self._over.wait()
        return self.ended_by

    def _end(self) -> None:
        self.ended_at = self.loop.time()
        self._over.set()

    async def close(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
            self._sending = None
        if self._media is not None:
            self._media.close()

    # speech

    async def says(self, text: str, seconds: float | None = None) -> None:
        """Speak, to the end of it; the transcriber will have understood `text`."""
        length = max(len(text) * 0.06, 0.3) if seconds is None else seconds
        listener = self.phone.transcriber_of(self.call_id)
        if listener is not None:
            listener.words.append(text)
        self._speaks_until = self.loop.time() + length
        await asyncio.sleep(length)

    async def press(self, digits: str) -> None:
        """Send telephone events (RFC 4733), 100 ms each with as much silence after it."""
        assert self._media is not None
        assert self._remote is not None
        self._pressing = True
        ticks = self.codec.ticks
        for digit in digits:
            event, begun = "0123456789*#ABCD".index(digit), ticks * self._sequence
            for number in range(8):
                duration = min(number + 1, 5) * ticks
                last = number >= 5
                payload = bytes((event, 0x80 | 10 if last else 10)) + duration.to_bytes(2, "big")
                packet = build(101, self._sequence & 0xFFFF, begun, 77, payload, number == 0)
                self._media.send(packet, self._remote)
                self._sequence += 1
                await asyncio.sleep(FRAME_SECONDS)
            await asyncio.sleep(0.1)
        self._pressing = False

    async def hears(self, within: float = 60.0) -> None:
        """Wait until the assistant is heard anew."""
        count = len(self.heard_at)
        await self.until(lambda: len(self.heard_at) > count, within)

    async def hears_the_end(self, within: float = 60.0, pause: float = 0.4) -> None:
        """Wait until the assistant was heard and then silent for `pause` seconds."""
        if not self.heard_at or self.heard_at[-1] < self.loop.time() - 3 * FRAME_SECONDS:
            await self.hears(within)
        await self.until(lambda: self.loop.time() - self.heard_at[-1] > pause, within)

    async def until(self, holds: Callable[[], Any], within: float) -> None:
        """Wait until it holds; TimeoutError when it does not, or when the call ends before."""
        async with asyncio.timeout(within):
            while not holds():
                if self._over.is_set():
                    raise TimeoutError(f"the call has ended: {self.ended_by}")
                await asyncio.sleep(FRAME_SECONDS)

    async def _send_on(self, media: Datagrams) -> None:
        assert self._remote is not None
        due = self.loop.time()
        codec, encode = self.codec, self.codec.encoder()
        while True:
            frame = LOUD if self.loop.time() < self._speaks_until else SILENCE
            if not self.muted and not self._pressing:
                number, payload = self._sequence, encode(frame)
                packet = build(codec.payload_type, number & 0xFFFF, codec.ticks * number, 77, payload)
                media.send(packet, self._remote)
                self._sequence += 1
            due += FRAME_SECONDS
            await asyncio.sleep(max(due - self.loop.time(), 0))

    @cached_property
    def _decode(self) -> Callable[[bytes], bytes]:
        return self.codec.decoder()

    def _hear(self, data: bytes, source: Address) -> None:
        packet = parse(data)
        if packet is None or packet.payload_type != self.codec.payload_type:
            return
        frame = self._decode(packet.payload)
        assert len(frame) == FRAME_BYTES
        self.heard += frame
        if np.abs(np.frombuffer(frame, "<i2").astype(np.int32)).mean() > 500:
            self.heard_at.append(self.loop.time())


def media_of(sdp: bytes) -> Address:
    host = re.search(rb"c=IN IP4 (\S+)", sdp)
    port = re.search(rb"m=audio (\d+)", sdp)
    assert host is not None
    assert port is not None
    return Address(host[1].decode(), int(port[1]))
