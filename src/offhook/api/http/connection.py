"""One client's connection to the API: bounds what uvicorn's protocol leaves open, before a key is known and
after.

The parser gets a little at a time, and nothing of a request while the one before is being answered.
Everything that it reads besides bodies is counted, heads and pauses have a time limit, and a source has a
limited number of connections."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from offhook.api.http.api_errors import envelope
from offhook.network import turns
from offhook.network.sources import Rate, Source, Sources

PARSED_BYTES: Final = 2048
"""Bytes read at a time: no more than one read gives can exceed a limit, or wait to be answered."""

PARSE_COST: Final = 150
REQUEST_COST: Final = 800
"""Cost of parsing so much, and of answering the simplest request, in microseconds, roughly."""

BODY_PAYS: Final = 8
"""Bytes of framing allowed for each byte of a body: a chunk of a single byte takes five."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one connection may use, and how many connections there may be. Times are in seconds."""

    head_bytes: int = 65_536
    """Request line and fields. The longest list of ids in a query takes half of it."""
    fields: int = 100
    """Fields in a head and its trailers."""
    framing_bytes: int = 16_384
    """Bytes of sizes and extensions of chunks, and of trailers, beyond what the body allows."""
    head_seconds: float = 10.0
    """From the connection, or from a later request's first byte, to the end of the head."""
    idle_seconds: float = 75.0
    """Longer than clients keep a connection in their pools, so that a connection which a client has just
    chosen does not close."""
    stalled_seconds: float = 30.0
    """For a client to read about 50 kB of what waits for it."""
    linger_seconds: float = 5.0
    linger_bytes: int = 1_048_576
    """For a client to notice that it was refused; and how many bytes it may send meanwhile, which are
    discarded."""
    connections: int = 256
    connections_per_source: int = 128
    """A source is an IPv4 address or an IPv6 network of 64 bits. All clients of one proxy are one source,
    which the operator may trust."""
    new_per_second: float = 100.0
    new_at_once: int = 300
    """Connections of one source. Each costs as much as its request, whether or not anybody waits for the
    answer; a proxy may open one for each request."""


class Arrivals:
    """The rate at which each source opens connections. `time` is the loop's clock."""

    def __init__(self, bounds: Bounds, time: Callable[[], float], sources: Sources) -> None:
        self._time = time
        self._rate = Rate(bounds.new_per_second, bounds.new_at_once)
        self._sources = sources

    def source(self, transport: asyncio.Transport) -> Source:
        client = transport.get_extra_info("peername")
        return self._sources.of(client[0]) if client else ""

    def admits(self, source: Source) -> bool:
        return self._rate.admits(source, self._time())


class Connection(HttpToolsProtocol):
    """Uvicorn makes one for each connection and gives all arguments but the first two."""

    def __init__(self, bounds: Bounds, arrivals: Arrivals, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._arrivals = arrivals
        self._is_admitted = False
        self.timeout_keep_alive = bounds.idle_seconds  # type: ignore[assignment] # uvicorn would have it whole
        self.bounds = bounds
        self.source: Source = ""
        self.waits_since = self.loop.time()
        self._unparsed = b""
        self._lane = turns.lane("HTTP")
        self._is_in_line = False
        self._part: Literal["none", "head", "body"] = "none"
        self._turned = False  # a part began or ended in what the parser was given last
        self._body_bytes = 0  # in what the parser was given last
        self._overhead = 0
        self._fields = 0
        self._refusal: tuple[int, str] | None = None
        self.is_closing = False
        self._discarded = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport
        self._reading: _Reading

    @property
    def is_waiting(self) -> bool:
        """Nothing is to be answered: the connection is idle, receives a head, or is being closed."""
        return self.is_closing or self.cycle is None or self.cycle.response_complete

    # Beginning and end

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.source = self._arrivals.source(transport)
        if not self._arrivals.admits(self.source):
            self.is_closing = True
            transport.abort()
            return
        self._is_admitted = True
        self._transport = transport
        super().connection_made(cast("asyncio.Transport", _Transport(transport, self)))
        self.flow = self._reading = _Reading(transport)
        self._within(self.bounds.head_seconds, self._head_is_late)
        if not self._has_room():
            self._write_refusal(503, "there are too many connections; try again", {"Retry-After": "1"})
            self.is_closing = True
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._is_admitted:
            return
        self.is_closing = True
        self._unparsed = b""
        for timer in (self._deadline, self._stalled):
            if timer is not None:
                timer.cancel()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def drop(self) -> None:
        """Ends the connection at once, without telling the client why."""
        self.is_closing = True
        self.connections.discard(self)
        self._transport.abort()

    def _has_room(self) -> bool:
        """Whether the connection may stay. If there are too many, the one that has waited longest is closed:
        one of the same source, or, if there are too many in all, one of the source with the most waiting
        ones."""
        everybody = cast("set[Connection]", self.connections)
        own = [one for one in everybody if one.source == self.source]
        if self.source is not None and len(own) > self.bounds.connections_per_source:
            waiting = [one for one in own if one.is_waiting and one is not self]
        elif len(everybody) > self.bounds.connections:
            waiting = [one for one in everybody if one.is_waiting and one is not self]
            busiest = Counter(one.source for one in waiting).most_common(1)
            waiting = [one for one in waiting if one.source == busiest[0][0]]
        else:
            return True
        if waiting:
            min(waiting, key=lambda one: one.waits_since).drop()
        return bool(waiting)

    def close(self) -> None:
        """Closes once everything written is sent. If the client is still sending a request, its bytes are
        read a little longer: a close with unread bytes is a reset, which also discards the answer
        (RFC 9112 §9.6)."""
        if self.is_closing:
            return
        is_midway = self._part != "none" or self._unparsed
        self.is_closing = True
        self._unparsed, self._overhead = b"", 0
        is_sent = self._transport.get_write_buffer_size() == 0
        self._within(self.bounds.linger_seconds if is_sent else self.bounds.stalled_seconds, self.drop)
        if is_midway:
            self._transport.write_eof()
            self._reading.let_go()
        else:
            self._transport.close()

    # What comes

    def data_received(self, data: bytes) -> None:
        if not self._is_admitted:
            return
        if self.is_closing:
            self._discarded += len(data)
            if self._discarded > self.bounds.linger_bytes:
                self.drop()
            return
        self._unparsed += data
        self._advance()

    def _advance(self) -> None:
        """Gives the parser what has arrived, when it is this connection's turn; or stops reading while a
        request has to be answered first."""
        if not self._is_in_line and self._unparsed and not self.is_closing and not self._answers_first():
            self._is_in_line = True
            self._lane.put(PARSE_COST, self._parse_some)
        elif self._unparsed:
            self._reading.hold()
        elif self._reading.is_held:
            self._reading.let_go()

    def _parse_some(self) -> None:
        self._is_in_line = False
        if not self.is_closing:
            data, self._unparsed = self._unparsed[:PARSED_BYTES], self._unparsed[PARSED_BYTES:]
            self._parse(data)
            self._advance()

    def _answers_first(self) -> bool:
        if self.pipeline or self._refusal is not None:
            return True
        return self._part != "body" and not self.is_waiting

    def _parse(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        self._turned, self._body_bytes = False, 0
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._unparsed = self._without_upgrade() + data[upgrade.args[0] :] + self._unparsed
        except httptools.HttpParserError:
            if self._fields > self.bounds.fields:
                self._refuse(431, f"there are more than {self.bounds.fields} fields")
            else:
                self._refuse(400, "this is not HTTP/1.1")
            return
        self._count(len(data))
        if self.is_waiting and self._deadline is None:
            self._within(self.bounds.head_seconds, self._head_is_late)

    def _without_upgrade(self) -> bytes:
        """Gives the head to a new parser, which then reads the body too. A client that asks for another
        protocol is answered in HTTP/1.1 (RFC 9110 §7.8): no other is spoken here."""
        fields = [name + b": " + value + b"\r\n" for name, value in self.headers if name != b"upgrade"]
        version = self.parser.get_http_version().encode()
        line = self.parser.get_method() + b" " + self.url + b" HTTP/" + version + b"\r\n"
        self.parser = httptools.HttpRequestParser(self)
        self._part = "none"
        return line + b"".join(fields) + b"\r\n"

    def _count(self, size: int) -> None:
        """Counts what the parser reads besides bodies. Each kind is counted separately, to the size of one
        read."""
        before = 0 if self._turned else self._overhead
        self._overhead = max(0, before + size - self._body_bytes * (1 + BODY_PAYS))
        if self._part == "body":
            if self._overhead > self.bounds.framing_bytes:
                self._refuse(400, "there is more around the chunks of the body than in them")
        elif self._overhead > self.bounds.head_bytes:
            self._refuse(431, f"the head of the request is larger than {self.bounds.head_bytes} bytes")

    # What the parser finds

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._part, self._turned, self._fields = "head", True, 0

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields += 1
        if self._fields > self.bounds.fields:
            raise ValueError("too many fields")
        if self._part == "head":  # trailers are nobody's business here
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                raise ValueError("CONNECT")
            return  # it comes again
        super().on_headers_complete()
        self._lane.spend(REQUEST_COST)
        self._part, self._turned = "body", True
        self._cancel_deadline()

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._part == "head":
            return
        super().on_message_complete()
        self._part, self._turned = "none", True

    # What goes back

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self.waits_since = self.loop.time()
        if self.is_closing or self.pipeline:
            return
        if self._refusal is not None:
            self._refuse(*self._refusal)
        elif self._part == "body":
            self.close()  # the rest of the request is not wanted any more
        elif self._part == "head":
            self._unset_keepalive_if_required()
            self._within(self.bounds.head_seconds, self._head_is_late)
        self._advance()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(self.bounds.stalled_seconds, self.drop)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()

    def _refuse(self, status: int, message: str) -> None:
        """Answers a protocol error when its turn has come, and closes."""
        if self._part == "body":
            if self.pipeline:
                self.drop()
                return
            # Who answers the request is told that its client is gone, and says nothing more.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if not self.cycle.response_started:
                self._write_refusal(status, message)
        elif not self.is_waiting:
            self._refusal = status, message
            return
        else:
            self._write_refusal(status, message)
        self.close()

    def _write_refusal(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        answer = envelope(status, message, {"Connection": "close", **(headers or {})})
        fields = [*self.server_state.default_headers, *answer.raw_headers]
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in fields)
        self._transport.write(STATUS_LINE[status] + lines + b"\r\n" + answer.body)

    def _head_is_late(self) -> None:
        self._deadline = None
        if self._part == "head":
            self._refuse(408, f"the head did not arrive within {self.bounds.head_seconds:g} seconds")
        else:
            self.close()

    def _within(self, seconds: float, act: Callable[[], None]) -> None:
        self._cancel_deadline()
        self._deadline = self.loop.call_later(seconds, act)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class _Reading(FlowControl):
    """Uvicorn's flow control, which resumes reading only when the connection has parsed what it read."""

    is_held = False

    def hold(self) -> None:
        self.is_held = True
        self.pause_reading()

    def let_go(self) -> None:
        self.is_held = False
        self.resume_reading()

    def resume_reading(self) -> None:
        if not self.is_held:
            super().resume_reading()


class _Transport:
    """The transport as uvicorn sees it. The connection decides how it closes, and nothing is written
    afterwards."""

    def __init__(self, transport: asyncio.Transport, connection: Connection) -> None:
        self.get_extra_info = transport.get_extra_info
        self._transport = transport
        self._connection = connection

    def write(self, data: bytes) -> None:
        if not self._connection.is_closing:
            self._transport.write(data)

    def is_closing(self) -> bool:
        return self._connection.is_closing or self._transport.is_closing()

    def close(self) -> None:
        self._connection.close()
