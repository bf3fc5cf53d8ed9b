"""A network in memory, and a SIP phone that does exactly what a test tells it.

`MemoryWire.open` is a `DatagramOpener`: whatever opens its sockets through one runs on it, with seeded
delay, loss, duplication and reordering. `ScriptedPhone` speaks SIP over any opener, real sockets too."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from offhook.network import Address, DatagramOpener, Datagrams, Receive
from offhook.sip.messages.message import Request, Response, respond
from offhook.sip.messages.parser import parse_message

OFFER = b"""v=0\r
o=- 1 1 IN IP4 10.0.0.1\r
s=-\r
c=IN IP4 10.0.0.1\r
t=0 0\r
m=audio 40000 RTP/AVP 0 8 101\r
a=rtpmap:101 telephone-event/8000\r
"""


@dataclass(frozen=True, slots=True)
class Datagram:
    """What was put on the wire at `at` (loop.time()), and how many copies arrive."""

    at: float
    source: Address
    to: Address
    data: bytes
    copies: int

    @property
    def start_line(self) -> str:
        return self.data.split(b"\r\n", 1)[0].decode(errors="replace")


class MemoryWire:
    """`delay` and `jitter` in seconds (jitter above the spacing of messages reorders them), `loss` and
    `duplication` as probabilities; `lose(datagram)` decides before the dice do, None leaves it to them."""

    def __init__(
        self,
        rng: random.Random,
        *,
        delay: float = 0.005,
        jitter: float = 0.0,
        loss: float = 0.0,
        duplication: float = 0.0,
        lose: Callable[[Datagram], bool | None] | None = None,
        keep: int = 10_000,
    ) -> None:
        self.rng = rng
        self.delay = delay
        self.jitter = jitter
        self.loss = loss
        self.duplication = duplication
        self.lose = lose
        self.keep = keep
        self.seen: list[Datagram] = []
        self._bound: dict[Address, tuple[MemoryDatagrams, Receive]] = {}

    async def open(self, host: str, port: int, receive: Receive) -> Datagrams:
        """Bind `host` (any name that is no real one is fine); OSError when the port is taken."""
        if port == 0:
            port = next(n for n in range(49152, 65536) if Address(host, n) not in self._bound)
        local = Address(host, port)
        if local in self._bound:
            raise OSError(98, "address in use")
        datagrams = MemoryDatagrams(self, local)
        self._bound[local] = (datagrams, receive)
        return datagrams

    def start_lines(self, source: str | None = None) -> list[str]:
        """What was sent, from the host `source` if given, in order."""
        return [one.start_line for one in self.seen if source in (None, one.source.host)]

    def carry(self, data: bytes, source: Address, to: Address) -> None:
        loop = asyncio.get_running_loop()
        datagram = Datagram(loop.time(), source, to, data, 1)
        copies = self._copies(datagram)
        if len(self.seen) < self.keep:
            self.seen.append(Datagram(datagram.at, source, to, data, copies))
        for _ in range(copies):
            loop.call_later(self.delay + self.rng.random() * self.jitter, self.arrive, data, source, to)

    def unbind(self, local: Address) -> None:
        self._bound.pop(local, None)

    def _copies(self, datagram: Datagram) -> int:
        lost = self.lose(datagram) if self.lose is not None else None
        if lost is None:
            lost = self.rng.random() < self.loss
        if lost:
            return 0
        return 2 if self.rng.random() < self.duplication else 1

    def arrive(self, data: bytes, source: Address, to: Address) -> None:
        """Hand a datagram to whoever listens there, at once."""
        bound = self._bound.get(to)
        if bound is not None:
            bound[1](data, source)


class MemoryDatagrams:
    def __init__(self, wire: MemoryWire, local: Address) -> None:
        self.local = local
        self._wire = wire
        self._closed = False

    def send(self, data: bytes, to: Address) -> None:
        if not self._closed:
            self._wire.carry(data, self.local, to)

    def close(self) -> None:
        self._closed = True
        self._wire.unbind(self.local)


Message = Request | Response
Wanted = str | int


def _is(message: Message, wanted: Wanted) -> bool:
    if isinstance(message, Request):
        return message.method == wanted
    return message.status == wanted


class ScriptedPhone:
    """One socket. Nothing is answered or repeated unless the script says so; `heard` has all that came."""

    def __init__(self) -> None:
        self.heard: list[Message] = []
        self._unread: list[Message] = []
        self._news = asyncio.Event()
        self._branches = 0
        self.socket: Datagrams
        self.server: Address

    @classmethod
    async def open(cls, opener: DatagramOpener, host: str, server: Address, port: int = 0) -> ScriptedPhone:
        phone = cls()
        phone.socket = await opener(host, port, phone._receive)
        phone.server = server
        return phone

    def close(self) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.send(data, self.server)

    def branch(self) -> str:
        self._branches += 1
        return f"z9hG4bK-{self.socket.local.host}-{self.socket.local.port}-{self._branches}"

    async def expect(self, *wanted: Wanted, within: float = 100.0) -> Message:
        """The next unread message that is one of `wanted` (methods or statuses); others stay unread.
        TimeoutError when none comes `within` seconds."""
        async with asyncio.timeout(within):
            while True:
                for index, message in enumerate(self._unread):
                    if any(_is(message, one) for one in wanted):
                        return self._unread.pop(index)
                self._news.clear()
                await self._news.wait()

    async def response(self, *statuses: int, within: float = 100.0) -> Response:
        message = await self.expect(*statuses, within=within)
        assert isinstance(message, Response)
        return message

    async def request(self, *methods: str, within: float = 100.0) -> Request:
        message = await self.expect(*methods, within=within)
        assert isinstance(message, Request)
        return message

    def count(self, wanted: Wanted, method: str | None = None) -> int:
        """How many such messages came, those of one CSeq method if it is given."""
        return sum(_is(one, wanted) and method in (None, one.cseq.method) for one in self.heard)

    def call(self, user: str = "assistant") -> ScriptedCall:
        """A call to be placed: `invite` sends it."""
        return ScriptedCall(self, user)

    def reply(
        self,
        request: Request,
        status: int,
        *,
        tag: str | None = "callee",
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> None:
        """Answer a request, with a Contact and, when there is a body, the type of SDP."""
        local = self.socket.local
        items = [("Contact", f"<sip:phone@{local}>"), *headers]
        if body:
            items.append(("Content-Type", "application/sdp"))
        self.send(respond(request, status, to_tag=tag, headers=items, body=body).to_bytes())

    def _receive(self, data: bytes, source: Address) -> None:
        message = parse_message(data)
        self.heard.append(message)
        self._unread.append(message)
        self._news.set()


class ScriptedCall:
    """The caller's side of one call, or with `of` the called side. Sends what it is told to, even when
    that is wrong."""

    def __init__(self, phone: ScriptedPhone, user: str) -> None:
        local, server = phone.socket.local, phone.server
        self.phone = phone
        self.uri = f"sip:{user}@{server}"
        self.target = self.uri
        self.from_ = f'"Caller" <sip:caller@{local}>;tag=caller-{phone.branch()}'
        self.to = f"<{self.uri}>"
        self.call_id = f"{phone.branch()}@{local.host}"
        self.cseq = 0
        self.invite_branch = ""
        self.contact = f"<sip:caller@{local}>"

    @classmethod
    def of(cls, phone: ScriptedPhone, invite: Request, tag: str = "callee") -> ScriptedCall:
        """The called side of `invite`, for requests of its own."""
        call = cls(phone, "nobody")
        contact = invite.contact
        assert contact is not None
        call.target = str(contact.uri)
        call.from_ = f"{invite.to};tag={tag}"
        call.to = str(invite.from_)
        call.call_id = invite.call_id
        return call

    def invite(self, body: bytes = OFFER, headers: Iterable[tuple[str, str]] = ()) -> bytes:
        """Send an INVITE, a re-INVITE once `learn` has seen a response. Returns it, to be repeated."""
        self.cseq += 1
        self.invite_branch = self.phone.branch()
        data = self.make("INVITE", self.cseq, self.invite_branch, body, headers)
        self.phone.send(data)
        return data

    def learn(self, response: Message) -> None:
        """Take To tag and Contact from a response."""
        self.to = str(response.to)
        if response.contact is not None:
            self.target = str(response.contact.uri)

    async def answered(self, within: float = 100.0) -> Response:
        """Wait for the 200 and learn from it; no ACK is sent."""
        response = await self.phone.response(200, within=within)
        self.learn(response)
        return response

    async def connected(self) -> Response:
        """INVITE, 200, ACK."""
        self.invite()
        response = await self.answered()
        self.ack()
        return response

    def ack(self, body: bytes = b"", *, branch: str | None = None, cseq: int | None = None) -> None:
        number = self.cseq if cseq is None else cseq
        self.phone.send(self.make("ACK", number, branch or self.phone.branch(), body))

    def cancel(self) -> None:
        self.phone.send(self.make("CANCEL", self.cseq, self.invite_branch))

    def request(
        self, method: str, body: bytes = b"", headers: Iterable[tuple[str, str]] = (), cseq: int | None = None
    ) -> bytes:
        self.cseq = self.cseq + 1 if cseq is None else cseq
        data = self.make(method, self.cseq, self.phone.branch(), body, headers)
        self.phone.send(data)
        return data

    def bye(self) -> bytes:
        return self.request("BYE")

    def make(
        self,
        method: str,
        cseq: int,
        branch: str,
        body: bytes = b"",
        headers: Iterable[tuple[str, str]] = (),
    ) -> bytes:
        """The bytes of one request; a header in `headers` takes the place of ours of that name."""
        usual = {
            "Via": f"SIP/2.0/UDP {self.phone.socket.local};branch={branch};rport",
            "Max-Forwards": "70",
            "From": self.from_,
            "To": self.to,
            "Call-ID": self.call_id,
            "CSeq": f"{cseq} {method}",
            "Contact": self.contact,
        }
        if body:
            usual["Content-Type"] = "application/sdp"
        extra = list(headers)
        given = {name.lower() for name, _ in extra}
        lines = [f"{method} {self.target} SIP/2.0"]
        lines += [f"{name}: {value}" for name, value in usual.items() if name.lower() not in given]
        lines += [f"{name}: {value}" for name, value in extra]
        lines += [f"Content-Length: {len(body)}", "", ""]
        return "\r\n".join(lines).encode() + body
