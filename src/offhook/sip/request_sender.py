"""How a request of ours finds its way: next hop, transport, Via and Contact (RFC 3261 §8.1.2, §18.1)."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Final

from offhook.network import Address
from offhook.sip.allowance import Allowance
from offhook.sip.errors import SipError
from offhook.sip.messages.message import Request
from offhook.sip.messages.uri import Uri
from offhook.sip.transactions.layer import ClientTransaction, ClientUser, TransactionLayer
from offhook.sip.transactions.matching import COOKIE
from offhook.sip.transports.rules import transport_for, via_of
from offhook.sip.transports.table import params_for, transport_of
from offhook.sip.transports.transport import Flow, Transport, Wires

log = logging.getLogger(__name__)

Resolve = Callable[[str, int, Transport], Awaitable[Address]]
"""`await resolve(host, port, transport)` gives an address to send to; OSError when there is none."""

AllowanceOf = Callable[[Flow], Allowance | None]

RESOLVING: Final = 5.0
"""Seconds that a name may take."""


async def resolve_name(host: str, port: int, transport: Transport) -> Address:
    """The machine's own resolver; literals as they are."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=transport.kind)
        return Address(str(found[0][4][0]), port)
    return Address(host, port)


class Sending:
    """One request under way. `flow` and `transaction` are None until the next hop is found."""

    __slots__ = (
        "_allowance", "_data", "_otherwise", "_task", "_user", "contact", "ended", "flow", "request",
        "sender", "transaction",
    )  # fmt: skip

    def __init__(
        self,
        sender: RequestSender,
        request: Request,
        user: ClientUser | None,
        contact: str | None,
        allowance: AllowanceOf | None,
        otherwise: Flow | None,
    ) -> None:
        self.sender = sender
        self.request = request
        self.contact = contact
        self.flow: Flow | None = None
        self.transaction: ClientTransaction | None = None
        self.ended = False
        self._user = user
        self._allowance = allowance
        self._otherwise = otherwise
        self._data = b""
        self._task: asyncio.Task[None] | None = None

    def follow(self, task: asyncio.Task[None]) -> None:
        """`task` looks for the way."""
        self._task = task

    def go(self, flow: Flow) -> None:
        """The way is known: complete the request and send it."""
        if self.ended:
            return
        self.flow = flow
        self.sender.complete(self.request, flow, self.contact)
        allowance = None if self._allowance is None else self._allowance(flow)
        if self._user is None:
            self._data = self.request.to_bytes()
            if allowance is not None:
                allowance.spend(len(self._data))
            self.sender.wires.send(self._data, flow)
        else:
            user, self._user = self._user, None
            self.transaction = self.sender.layer.send(self.request, flow, user, allowance)

    def repeat(self) -> None:
        """Send an ACK, which has no transaction, once more."""
        flow = self.flow
        if flow is None:
            return
        allowance = None if self._allowance is None else self._allowance(flow)
        if allowance is None or allowance.covers(len(self._data)):
            self.sender.wires.send(self._data, flow)

    def failed(self, error: SipError) -> None:
        if self.ended:
            return
        if self._user is not None:
            self._user.failed(error)
        elif self._otherwise is not None:
            self.go(self._otherwise)

    def end(self) -> None:
        """Stop sending; nobody is told."""
        self.ended = True
        if self.transaction is not None:
            self.transaction.end()
        elif self._task is not None:
            self._task.cancel()


class RequestSender:
    """`advertised` is what goes into Via and Contact for peers of the same address family; port 0 in it
    means the port of our socket. `names` are the addresses that Vias of ours have had."""

    def __init__(
        self,
        layer: TransactionLayer,
        wires: Wires,
        *,
        resolve: Resolve,
        advertised: Address | None,
        rng: random.Random,
        spawn: Callable[[Coroutine[None, None, None]], asyncio.Task[None]],
    ) -> None:
        self.layer = layer
        self.wires = wires
        self.resolve = resolve
        self.advertised = advertised
        self.closed = False
        self.names: set[Address] = set() if advertised is None else {advertised}
        self._rng = rng
        self._spawn = spawn

    def send(
        self,
        request: Request,
        to: Uri,
        user: ClientUser | None,
        *,
        flow: Flow | None = None,
        contact: str | None = None,
        allowance: AllowanceOf | None = None,
        otherwise: Flow | None = None,
    ) -> Sending:
        """Send `request`, which has no Via yet, to `flow` if it is known and still open, else to `to`.

        `contact` is the user part of the Contact to add, None for none. Without `user` no transaction
        is begun (ACK), and nobody hears that no way was found: it goes `otherwise` then. `allowance` says how
        much may go the way that is found."""
        sending = Sending(self, request, user, contact, allowance, otherwise)
        if self.closed:
            sending.failed(SipError(503, "Shutting Down"))
        elif (
            flow is not None
            and (flow.local is not None or not flow.transport.secure)
            and self.wires.is_open(flow)
            and transport_for(request, to, flow.transport) is flow.transport
        ):
            sending.go(flow)
        else:
            # The far end of a connection that the peer made is of no use once it is gone.
            known = None if flow is not None and flow.reliable and flow.local is not None else flow
            sending.follow(self._spawn(self._find_way(sending, to, known)))
        return sending

    def complete(self, request: Request, flow: Flow, contact: str | None) -> None:
        """Add Via and Contact for `flow`. A Via that is there is replaced: it was for another way."""
        ours = self.sent_by(flow)
        self.names.add(ours)
        branch = f"{COOKIE}{self._rng.getrandbits(80):020x}"
        via = via_of(flow, ours, branch)
        if "Via" in request.headers:
            request.headers.set("Via", str(via))
        else:
            request.headers.prepend("Via", str(via))
        if contact is not None:
            request.headers.set("Contact", self.contact_for(request, contact, flow))

    def sent_by(self, flow: Flow) -> Address:
        """Our address for the peer at the end of `flow`."""
        ours = self.advertised
        if ours is not None and (":" in ours.host) == (":" in flow.remote.host):
            return ours if ours.port else Address(ours.host, self.wires.local_for(flow).port)
        return self.wires.local_for(flow)

    def contact_for(self, request: Request, user: str | None, flow: Flow) -> str:
        """Our Contact in `request` or in a response to it; an empty or no `user` leaves the user part out."""
        ours = self.sent_by(flow)
        scheme, params = ("sips", ()) if _asks_for_secrecy(request) else ("sip", params_for(flow.transport))
        uri = Uri(scheme, user=user or None, host=ours.host, port=ours.port, params=params)
        return f"<{uri}>"

    async def _find_way(self, sending: Sending, to: Uri, known: Flow | None) -> None:
        try:
            sending.go(await self._way(sending.request, to, known))
        except asyncio.CancelledError:
            sending.failed(SipError(503, "Shutting Down"))
            raise
        except SipError as error:
            sending.failed(error)
        except (OSError, TimeoutError) as error:
            log.info(
                "%s:%s cannot be reached sip-call=%s: %s", to.host, to.port, sending.request.call_id, error
            )
            sending.failed(SipError(503, "Transport Failed"))
        except Exception:
            log.exception("a request could not be sent sip-call=%s", sending.request.call_id)
            sending.failed(SipError(503, "Transport Failed"))

    async def _way(self, request: Request, to: Uri, known: Flow | None) -> Flow:
        """RFC 3261 §8.1.2, §18.1.1. SipError 416 for what we have no transport for."""
        if known is not None:
            transport, address, name = known.transport, known.remote, known.name
        else:
            transport = transport_of(to)
            # Who is meant has to prove itself, whatever host another party names for it (RFC 5922 §4).
            host, name = to.param("maddr") or to.host, to.host
            async with asyncio.timeout(RESOLVING):
                address = await self.resolve(host, to.port or transport.default_port, transport)
        if transport.reliable:
            return await self.wires.connect(transport, address, name)
        larger = transport_for(request, to, transport)
        if larger is not transport:
            try:
                return await self.wires.connect(larger, address, name)
            except (OSError, TimeoutError):
                log.debug("%s does not speak %s; a large request goes over %s", address, larger, transport)
        found = Flow(transport, address)
        if not self.wires.reaches(found):
            raise OSError(errno.EAFNOSUPPORT, "no socket of its address family")
        return found


def _asks_for_secrecy(request: Request) -> bool:
    """Whether our Contact has to be a `sips:` URI (RFC 3261 §8.1.1.8, §12.1.1)."""
    return "sips" in (request.uri.scheme, *(route.uri.scheme for route in request.record_routes[:1]))


def plain(uri: Uri) -> Uri:
    """As a Request-URI: without headers and a method parameter (RFC 3261 §19.1.1)."""
    params = tuple(pair for pair in uri.params if pair[0] != "method")
    return replace(uri, headers=(), params=params)
