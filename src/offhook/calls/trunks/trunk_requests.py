"""Requests to gateways outside of calls: they go only where any destination of an org may be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from offhook.network import AddressGuard
from offhook.sip.dialogs.lone_request import LoneRequest
from offhook.sip.errors import SipError
from offhook.sip.messages.headers import NameAddr
from offhook.sip.messages.uri import Uri
from offhook.sip.transports.table import port_of, transport_of
from offhook.sip.transports.transport import Flow


class TrunkAgent(Protocol):
    """What is needed of the user agent."""

    def outside(
        self,
        method: str,
        uri: Uri,
        *,
        from_: NameAddr,
        contact: str | None = None,
        flow: Flow | None = None,
        credentials: tuple[str, str] | None = None,
    ) -> LoneRequest: ...


class TrunkRequests:
    """`address_for` gives our address by the host of a peer."""

    def __init__(self, agent: TrunkAgent, guard: AddressGuard, address_for: Callable[[str], str]) -> None:
        self._agent = agent
        self._guard = guard
        self._address_for = address_for

    async def outside(
        self,
        method: str,
        uri: Uri,
        gateway: Uri,
        *,
        from_: NameAddr | None = None,
        contact: str | None = None,
        credentials: tuple[str, str] | None = None,
    ) -> LoneRequest:
        """A request for `uri` to `gateway`, from us where nobody else is named. Raises SipError,
        AddressRefused, OSError."""
        transport = transport_of(gateway)
        (address, *_) = await self._guard.resolve(gateway.host, port_of(gateway))
        ours = from_ or NameAddr(None, Uri("sip", user="ping", host=self._address_for(address.host)))
        return self._agent.outside(
            method,
            uri,
            from_=ours,
            contact=contact,
            flow=Flow(transport, address, name=gateway.host),
            credentials=credentials,
        )


def why(error: SipError) -> str:
    """In place of a response that did not come."""
    return "nobody answers" if error.status == 408 else error.reason
