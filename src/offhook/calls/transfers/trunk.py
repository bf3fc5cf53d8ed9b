"""The trunk that numbers are called through: a provider's or PBX's SIP address with our login there.

Whoever runs the node has named it, so it may be at a private address; numbers it may not call are kept out by
prefix, since calls through it cost money."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Final

from offhook.network import Address
from offhook.network.guard import AddressGuard, AddressRefused
from offhook.sip.flow import DEFAULT_PORT
from offhook.sip.headers import NameAddr
from offhook.sip.uri import Uri

_NUMBER: Final = re.compile(r"\+?[0-9]{2,20}")
_WRITTEN: Final = str.maketrans("", "", " -.()")
"""What people put between digits."""
_WITHHELD: Final = NameAddr("Anonymous", Uri("sip", user="anonymous", host="anonymous.invalid"))
"""RFC 3323 §4.1.1.3."""


@dataclass(frozen=True, slots=True)
class Trunk:
    """`uri`: sip:USER@HOST[:PORT][;transport=tcp]; `prefixes`: one of them begins each number that may be
    called."""

    uri: Uri
    password: str | None = field(default=None, repr=False)
    prefixes: tuple[str, ...] = ("",)
    guard: AddressGuard = field(default_factory=lambda: AddressGuard(allow_private=True), repr=False)

    @property
    def credentials(self) -> tuple[str, str] | None:
        """User name and password for its challenges."""
        return (self.uri.user, self.password) if self.uri.user and self.password else None

    def uri_of(self, number: str) -> Uri:
        """Where a number is called."""
        return replace(self.uri, user=number, password=None)

    def allows(self, user: str | None) -> bool:
        return user is not None and user.startswith(self.prefixes)

    def is_named_by(self, uri: Uri) -> bool:
        return _place(uri) == _place(self.uri)

    async def is_at(self, address: Address) -> bool:
        """Whether it is there: a URI may name it otherwise than `uri` does, and it takes calls from us."""
        return address in await self._addresses()

    async def own(self, host: str, port: int) -> Address | None:
        """The address of a host of its own, None of any other: a Contact or Record-Route may lead there,
        private or not."""
        hosts = [address.host for address in await self._addresses()]
        if host == self.uri.host and hosts:
            return Address(hosts[0], port)
        return Address(host, port) if host in hosts else None

    async def _addresses(self) -> list[Address]:
        try:
            return await self.guard.resolve(*_place(self.uri))
        except (AddressRefused, OSError):
            return []

    def caller(self, name: str | None, user: str) -> tuple[NameAddr, list[tuple[str, str]]]:
        """From, and the headers beside it, of a call for `user`: the number to show. A provider believes
        P-Asserted-Identity (RFC 3325 §9.1). One who withheld his number stays unknown (RFC 3323), and one
        who has none calls under the trunk's own name."""
        number = user.translate(_WRITTEN)
        identity = Uri("sip", user=number if _NUMBER.fullmatch(number) else self.uri.user, host=self.uri.host)
        asserted = ("P-Asserted-Identity", f"<{identity}>")
        if user == "anonymous":
            return _WITHHELD, [asserted, ("Privacy", "id")]
        return NameAddr(name, identity), [asserted]


def _place(uri: Uri) -> Address:
    return Address(uri.host, uri.port or DEFAULT_PORT)
