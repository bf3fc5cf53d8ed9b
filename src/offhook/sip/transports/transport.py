"""What a transport is, a way over one, and what it is to one user agent (RFC 3261 §18)."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from offhook.network import Address, DatagramOpener
from offhook.network.certificates import Certificates
from offhook.network.sources import Sources
from offhook.sip.limits import MessageRates
from offhook.sip.messages.message import MessageError
from offhook.sip.transports.places import Places


@dataclass(frozen=True, slots=True, eq=False)
class Transport:
    """`name` as in the parameter of a URI, in lower case. Over a `reliable` one nothing is repeated and each
    peer has a connection; over a `secure` one nobody on the way reads along. `kind` of sockets, for whoever
    binds or resolves. `open` makes what a user agent sends and hears by. `for_large`: what a request goes
    over that is too large for a datagram, None where nothing is too large. `secures`: which other one it is
    with secrecy, so that a `sips:` URI that asks for that one means this one (RFC 5630 §3.1.4)."""

    name: str
    reliable: bool
    secure: bool
    default_port: int
    kind: socket.SocketKind
    open: Callable[[Transport, TransportContext], Endpoint]
    for_large: Transport | None = None
    secures: Transport | None = None

    @property
    def protocol(self) -> str:
        """As a Via has it (RFC 3261 §20.42)."""
        return self.name.upper()

    def __str__(self) -> str:
        return self.name


FarEnd = tuple[Transport, Address]
"""One peer over one transport: where a transport has connections, it has one to each."""


class Flow(NamedTuple):
    """`remote` as seen from here; `local` is the socket of ours, None while it is not chosen. `name`: what
    `remote` was found by, which a secure transport has it prove; None for the address itself."""

    transport: Transport
    remote: Address
    local: Address | None = None
    name: str | None = None

    @property
    def reliable(self) -> bool:
        return self.transport.reliable

    @property
    def far_end(self) -> FarEnd:
        return self[:2]


Received = Callable[[bytes, Flow], None]
"""One whole message, in the order of arrival."""
Lost = Callable[[Flow], None]
"""A connection broke, or could not be made: what was sent over it has not arrived."""
Broken = Callable[[MessageError, Flow], None]
"""What cannot be read as messages any more; the connection is closed after this returns."""


class Wires(Protocol):
    """What the transaction layer needs of the transports."""

    def send(self, data: bytes, flow: Flow) -> None:
        """Send one whole message; never blocks or raises. What is certainly lost is told to `Lost`."""
        ...

    def is_open(self, flow: Flow) -> bool:
        """Whether there is a connection to `flow.remote`; always true where no connections are made."""
        ...

    async def connect(self, transport: Transport, remote: Address, name: str | None = None) -> Flow:
        """A connection over a reliable transport, the one there is or a new one. `name` as in `Flow`. OSError
        or TimeoutError when it fails."""
        ...

    def reaches(self, flow: Flow) -> bool:
        """Whether there is a socket that `flow` could go out of, or one can be made."""
        ...

    def local_for(self, flow: Flow) -> Address:
        """Our address as the peer at `flow.remote` would see it without translation."""
        ...


class Endpoint(Protocol):
    """One transport of one user agent: its sockets and its connections. It hands what arrives to its
    `TransportContext`."""

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where it listens."""
        ...

    async def listen(self, host: str, port: int) -> Address:
        """Bind; port 0 takes any that is free. Raises OSError when the address cannot be had."""
        ...

    async def serve(self, bound: socket.socket) -> Address:
        """Listen on a socket that is bound already."""
        ...

    def stop(self, address: Address) -> None:
        """Listen there no more."""
        ...

    def send(self, data: bytes, flow: Flow) -> None: ...
    def is_open(self, flow: Flow) -> bool: ...
    def reaches(self, flow: Flow) -> bool: ...

    async def connect(self, remote: Address, name: str | None = None) -> Flow:
        """OSError or TimeoutError when no connection can be made, or none to who proves to be `name`."""
        ...

    def bound_for(self, flow: Flow) -> Address | None:
        """The one of `addresses` that `flow` has our end at, or that answers to it come to."""
        ...

    def arrived(self, data: bytes, flow: Flow) -> bool:
        """Read a message in its turn: a datagram that `TransportContext.came` was given, or what came by a
        connection that another process has. False where no more may wait for theirs: it is dropped."""
        ...

    async def close(self) -> None: ...


@dataclass(slots=True)
class TransportContext:
    """What all transports of a user agent share, and whom they tell. `came` gets each datagram before
    anything is known of it, `received` each message that is to be read now."""

    opener: DatagramOpener
    sources: Sources
    arrivals: MessageRates
    places: Places
    certificates: Certificates
    came: Received
    received: Received
    lost: Lost
    broken: Broken


def of_family(addresses: Iterable[Address], host: str) -> Address | None:
    """The first address of the family of `host`."""
    version_6 = ":" in host
    for address in addresses:
        if (":" in address.host) == version_6:
            return address
    return None
