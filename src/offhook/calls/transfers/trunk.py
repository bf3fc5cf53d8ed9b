"""The trunk that numbers are called through: a provider's or PBX's SIP address, with our login there.

The trunk of the settings serves all orgs. The operator has named it, so it may have a private address. Calls
through it cost money, so a list of prefixes limits the numbers that it may call. An org's own trunk is a
credential of the provider `byo-sip-trunk` (vapi-wire §2.3), and must have an address that any destination of
the org may have."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from pydantic import ValidationError

from offhook.json_document import ResourceDocument
from offhook.network import Address
from offhook.network.guard import AddressGuard, AddressRefused
from offhook.schema.credential import ByoSipTrunkCredential
from offhook.schema.sip_trunk import SipTrunkGateway
from offhook.sip.errors import SipError
from offhook.sip.messages.headers import NameAddr
from offhook.sip.messages.telephone import subscriber
from offhook.sip.messages.uri import Uri
from offhook.sip.transports.table import TRANSPORTS, params_for, port_of
from offhook.sip.transports.udp import UDP

_NUMBER: Final = re.compile(r"\+?[0-9]{2,20}")
SRTP: Final = "srtp"
_WITHHELD: Final = NameAddr("Anonymous", Uri("sip", user="anonymous", host="anonymous.invalid"))
"""RFC 3323 §4.1.1.3."""


@dataclass(frozen=True, slots=True)
class Trunk:
    """`uri`: sip:USER@HOST[:PORT][;transport=tcp]. `prefixes`: numbers that may be called begin with one of
    them. `plus`: numbers keep their plus. `tech_prefix` is put before the number. `srtp`: calls are made with
    SRTP only. `diversion`: the number of ours that the carrier knows us by (RFC 5806). `is_down`: it has not
    answered when it was last asked whether it is there."""

    uri: Uri
    password: str | None = field(default=None, repr=False)
    prefixes: tuple[str, ...] = ("",)
    guard: AddressGuard = field(default_factory=lambda: AddressGuard(allow_private=True), repr=False)
    plus: bool = True
    tech_prefix: str = ""
    srtp: bool = False
    diversion: str = ""
    is_down: bool = False

    @property
    def credentials(self) -> tuple[str, str] | None:
        """User name and password for the trunk's challenges."""
        return (self.uri.user, self.password) if self.uri.user and self.password else None

    def uri_of(self, number: str) -> Uri:
        """The URI at which a number is called."""
        dialled = number if self.plus else number.removeprefix("+")
        return replace(self.uri, user=self.tech_prefix + dialled, password=None)

    def allows(self, user: str | None) -> bool:
        """Whether a prefix allows this user part. Parameters (`rn`, `phone-context`) are refused: they could
        lead a number past any rule."""
        if user is None or (";" in user and "" not in self.prefixes):
            return False
        return user.startswith(self.prefixes)

    def is_named_by(self, uri: Uri) -> bool:
        return _place(uri) == _place(self.uri)

    async def is_among(self, addresses: Collection[Address]) -> bool:
        """Whether the trunk is at one of these addresses: a URI may name it in another way than `uri` does,
        and it accepts calls from us."""
        return any(address in addresses for address in await self._addresses())

    async def own(self, host: str, port: int) -> Address | None:
        """The address of a host of the trunk's own, None for any other host: its Contact or Record-Route may
        lead there, even to a private address."""
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
        """From, and the headers beside it, of a call for `user`: the number to show. Providers trust
        P-Asserted-Identity (RFC 3325 §9.1). A caller who withheld the number stays anonymous (RFC 3323); a
        caller without a number appears under the trunk's own name."""
        number = subscriber(user)
        identity = Uri("sip", user=number if _NUMBER.fullmatch(number) else self.uri.user, host=self.uri.host)
        headers = [("P-Asserted-Identity", f"<{identity}>"), *self._diverted()]
        if user == "anonymous":
            return _WITHHELD, [*headers, ("Privacy", "id")]
        return NameAddr(name, identity), headers

    def _diverted(self) -> list[tuple[str, str]]:
        """The number by which the carrier knows whose calls these are; it may be a whole header."""
        if not self.diversion:
            return []
        with suppress(SipError):
            return [("Diversion", str(NameAddr.parse(self.diversion)))]
        return [("Diversion", f"<{Uri('sip', user=self.diversion, host=self.uri.host)}>")]


class Trunks(NamedTuple):
    """The trunks that a call may use: the node's, and the org's own, which the org's numbers prefer."""

    node: Trunk | None = None
    own: Sequence[Trunk] = ()

    @property
    def for_numbers(self) -> Sequence[Trunk]:
        """In the order in which they are tried. Those of an org that has none that answers are not replaced
        by the node's."""
        return self.own or ([] if self.node is None else [self.node])

    async def at(self, uri: Uri, addresses: Collection[Address]) -> Trunk | None:
        """The trunk that `uri` leads to, given its `addresses`. The node's is tried first: its rules hold
        whatever name an org has for it."""
        node = self.node
        if node is not None and (node.is_named_by(uri) or await node.is_among(addresses)):
            return node
        named = next((one for one in self.own if one.is_named_by(uri)), None)
        if named is not None:
            return named
        for trunk in self.own:
            if await trunk.is_among(addresses):
                return trunk
        return None


def trunks_of(
    credentials: Iterable[ResourceDocument],
    guard: AddressGuard,
    is_down: Callable[[Uri], bool] = lambda uri: False,
) -> Sequence[Trunk]:
    """The gateways for outgoing calls of the first of an org's `byo-sip-trunk` credentials that has any."""
    for credential in credentials:
        try:
            settings = ByoSipTrunkCredential.model_validate(credential)
        except ValidationError:
            continue
        login = settings.outbound_authentication_plan
        found: list[Trunk] = []
        for gateway in settings.gateways:
            uri = gateway_uri(gateway, None if login is None else login.auth_username)
            if uri is None:
                continue
            trunk = Trunk(
                uri,
                None if login is None else login.auth_password,
                guard=guard,
                plus=settings.outbound_leading_plus_enabled is True,
                tech_prefix=settings.tech_prefix or "",
                srtp=_protocol(gateway)[1] == SRTP,
                diversion=(settings.sip_diversion_header or "").strip(),
                is_down=gateway.options_ping_enabled is True and is_down(uri),
            )
            found.append(trunk)
        if found:
            return found
    return ()


def gateway_uri(gateway: SipTrunkGateway, user: str | None = None) -> Uri | None:
    """Where calls to a gateway go; None for one that takes none, or that we have no transport for."""
    transport = TRANSPORTS.get(_protocol(gateway)[0])
    if gateway.outbound_enabled is False or transport is None:
        return None
    try:
        uri = Uri.parse(f"sip:{gateway.ip}:{int(gateway.port or transport.default_port)}")
    except SipError:
        return None
    return Uri("sip", user=user, host=uri.host, port=uri.port, params=params_for(transport))


def _protocol(gateway: SipTrunkGateway) -> tuple[str, str]:
    """`tls/srtp` as `tls` and `srtp`."""
    name, _, audio = (gateway.outbound_protocol or UDP.name).partition("/")
    return name, audio


def _place(uri: Uri) -> Address:
    return Address(uri.host, port_of(uri))
