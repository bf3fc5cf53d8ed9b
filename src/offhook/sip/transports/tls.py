"""SIP over TLS: what TCP is, and nobody on the way reads along (RFC 3261 §26.2, RFC 5922).

The handshake is done here, between the socket and the connection, so that who connects has its place from its
first packet, and what a handshake costs waits for its turn like all that strangers send."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Final, cast

from offhook.network import Address
from offhook.network.certificates import CertificateProblem, proves
from offhook.network.sources import Rate
from offhook.network.turns import lane
from offhook.sip.quiet import QuietLog
from offhook.sip.transports.stream_connection import StreamConnection
from offhook.sip.transports.stream_endpoint import Make
from offhook.sip.transports.tcp import TCP, TcpEndpoint
from offhook.sip.transports.transport import Transport, TransportContext

log = logging.getLogger(__name__)

HANDSHAKES: Final = (20.0, 100)
"""Of one source, a second and at once: each costs us a signature."""

STEP_COST: Final = 50
SIGNATURE_COST: Final = 700
"""Of one step of a handshake, and of the one that signs (RSA of 2048 bits) more, in microseconds, about."""

AT_ONCE: Final = 65_536
"""Octets that are taken out of what has been deciphered."""


class TlsStream(asyncio.Protocol):
    """One connection's TLS: to the socket a protocol, to the connection above what a socket's transport is.

    `connected` is set once the handshake is done and `checked` has not raised. Whoever connected to us has
    its place at once, whom we connect to only then."""

    def __init__(
        self,
        above: StreamConnection,
        owner: TlsEndpoint,
        context: ssl.SSLContext,
        *,
        serves: bool,
        name: str | None = None,
        checked: Callable[[ssl.SSLObject], None] = lambda session: None,
    ) -> None:
        self.above = above
        self.connected: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.session: ssl.SSLObject
        self._owner = owner
        self._checked = checked
        self._serves = serves
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.session = context.wrap_bio(self._incoming, self._outgoing, serves, name)
        self._socket: asyncio.Transport
        self._told = False
        self._ready = False
        self._stepping = False
        self._held: list[bytes] = []
        self._octets_held = 0

    # What the socket tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._socket = cast(asyncio.Transport, transport)
        if not self._serves:
            self._step()
        elif self._owner.admits_handshake(transport.get_extra_info("peername")):
            self._tell()
        else:
            self._socket.abort()

    def data_received(self, data: bytes) -> None:
        self._incoming.write(data)
        if self._ready:
            self._read()
        elif not self._stepping:
            self._stepping = True
            self._owner.handshakes.put(STEP_COST, self._step)
            if self._stepping:  # it waits for its turn: no more is taken in meanwhile
                self.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._told:
            self.above.connection_lost(exc)
        if not self.connected.done():
            self.connected.set_exception(exc or ConnectionError("closed during the TLS handshake"))
            self.connected.exception()  # whoever has given up waiting need not ask for it

    # What the connection asks for

    def get_extra_info(self, name: str) -> object:
        return self._socket.get_extra_info(name)

    def get_write_buffer_size(self) -> int:
        return self._octets_held + self._socket.get_write_buffer_size()

    def is_closing(self) -> bool:
        return self._socket.is_closing()

    def pause_reading(self) -> None:
        if not self._socket.is_closing():
            self._socket.pause_reading()

    def resume_reading(self) -> None:
        if not self._socket.is_closing():
            self._socket.resume_reading()

    def write(self, data: bytes) -> None:
        if not self._ready:
            self._held.append(data)
            self._octets_held += len(data)
            return
        try:
            self.session.write(data)
        except ssl.SSLError as error:
            self._broke(error)
            return
        self._flush()

    def close(self) -> None:
        if self._ready and not self._socket.is_closing():
            with contextlib.suppress(ssl.SSLError):  # the peer's own farewell is not waited for
                self.session.unwrap()
            self._flush()
        self._socket.close()

    def abort(self) -> None:
        self._socket.abort()

    # The handshake

    def _step(self) -> None:
        waited, self._stepping = self._stepping, False
        if self._socket.is_closing():
            return
        if waited:
            self._socket.resume_reading()
        try:
            self.session.do_handshake()
            self._checked(self.session)
        except ssl.SSLWantReadError:
            if self._serves and self._outgoing.pending:
                self._owner.handshakes.spend(SIGNATURE_COST)
            self._flush()
            return
        except (ssl.SSLError, CertificateProblem) as error:
            self._broke(error)
            return
        self._ready = True
        self._flush()
        if not self._told:
            self._tell()
        if self._socket.is_closing():  # there was no place for it
            return
        if not self.connected.done():
            self.connected.set_result(None)
        held, self._held, self._octets_held = self._held, [], 0
        for data in held:
            self.write(data)
        self._read()

    def _tell(self) -> None:
        self._told = True
        self.above.connection_made(cast(asyncio.BaseTransport, self))

    def _read(self) -> None:
        while not self._socket.is_closing():
            try:
                data = self.session.read(AT_ONCE)
            except ssl.SSLWantReadError:
                self._flush()  # an answer to what was no data, such as new keys
                return
            except ssl.SSLError as error:
                if not isinstance(error, ssl.SSLZeroReturnError):
                    self._broke(error)
                    return
                data = b""
            if not data:
                self.close()
                return
            self.above.data_received(data)

    def _flush(self) -> None:
        if self._outgoing.pending and not self._socket.is_closing():
            self._socket.write(self._outgoing.read())

    def _broke(self, error: Exception) -> None:
        peer = self._socket.get_extra_info("peername") or ("", 0)
        self._owner.breaks.info("no TLS with %s: %s", Address(*peer[:2]), _in_words(error))
        if not self.connected.done():
            self.connected.set_exception(ConnectionError(_in_words(error)))
            self.connected.exception()
        self._flush()  # what is wrong, as an alert
        self._socket.close()


class TlsEndpoint(TcpEndpoint):
    """A connection of ours serves whom the certificate of its far end proves it to be, and no other name."""

    def __init__(self, transport: Transport, context: TransportContext) -> None:
        super().__init__(transport, context)
        self.handshakes = lane("TLS handshakes")
        self.breaks = QuietLog(log, self._loop.time)
        self._rate = Rate.part(HANDSHAKES, context.sources.parts)
        self._shown: dict[StreamConnection, ssl.SSLObject] = {}

    def admits_handshake(self, peer: tuple[str, int] | None) -> bool:
        """Whether one more of this source is begun."""
        return peer is not None and self._rate.admits(self.context.sources.of(peer[0]), self._loop.time())

    async def accept(self, make: Make, where: Address | socket.socket) -> asyncio.Server:
        certificates = self.context.certificates
        certificates.serving  # noqa: B018 raises, if there is none

        def accepted() -> TlsStream:
            return TlsStream(make(), self, certificates.serving, serves=True)

        return await self.accept_streams(accepted, where)

    async def dial(self, make: Make, remote: Address, name: str) -> StreamConnection:
        def checked(session: ssl.SSLObject) -> None:
            if not proves(session.getpeercert() or {}, name):
                raise CertificateProblem(f"its certificate is not one of {name}")

        calling = await self.context.certificates.to_call()

        def dialled() -> TlsStream:
            return TlsStream(make(), self, calling, serves=False, name=name, checked=checked)

        _, stream = await self._loop.create_connection(dialled, remote.host, remote.port)
        try:
            await stream.connected
        except BaseException:
            stream.abort()
            raise
        self._shown[stream.above] = stream.session
        return stream.above

    def may_use(self, connection: StreamConnection, name: str) -> bool:
        """An address is proved by the way back to it; a name only by a certificate."""
        session = self._shown.get(connection)
        if session is None:
            return name == connection.flow.remote.host
        return proves(session.getpeercert() or {}, name)

    def release(self, connection: StreamConnection) -> None:
        self._shown.pop(connection, None)
        super().release(connection)


def _in_words(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate does not hold ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).lower().replace("_", " ")
    return str(error)


TLS: Final = Transport(
    "tls",
    reliable=True,
    secure=True,
    default_port=5061,
    kind=socket.SOCK_STREAM,
    open=TlsEndpoint,
    secures=TCP,
)
