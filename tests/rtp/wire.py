"""Datagrams in memory: sockets that exist only in a test, on one wire, delivered at once."""

from __future__ import annotations

from offhook.network import Address, Datagrams, Receive


class MemorySocket:
    def __init__(self, wire: Wire, local: Address, receive: Receive) -> None:
        self.wire = wire
        self._local = local
        self.receive = receive
        self.closed = False

    @property
    def local(self) -> Address:
        return self._local

    def send(self, data: bytes, to: Address) -> None:
        if not self.closed:
            self.wire.carry(data, self._local, to)

    def close(self) -> None:
        self.closed = True
        self.wire.sockets.pop(self._local, None)


class Wire:
    """`carried` is every datagram that was sent: (from, to, data). `taken` ports cannot be opened."""

    def __init__(self) -> None:
        self.sockets: dict[Address, MemorySocket] = {}
        self.carried: list[tuple[Address, Address, bytes]] = []
        self.taken: set[int] = set()

    async def open(self, host: str, port: int, receive: Receive) -> Datagrams:
        local = Address(host, port)
        if local in self.sockets or port in self.taken:
            raise OSError(98, "Address already in use")
        self.sockets[local] = MemorySocket(self, local, receive)
        return self.sockets[local]

    def carry(self, data: bytes, source: Address, to: Address) -> None:
        self.carried.append((source, to, data))
        if to in self.sockets:
            self.sockets[to].receive(data, source)

    def sent_by(self, source: Address) -> list[bytes]:
        return [data for sender, _, data in self.carried if sender == source]
