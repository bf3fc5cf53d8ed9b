"""Which way the requests of a dialog go to the peer (RFC 3261 §12.2.1.1, §18.1.1, RFC 3581)."""

from __future__ import annotations

import ipaddress

from offhook.network import Address
from offhook.sip.allowance import START, Allowance
from offhook.sip.errors import SipError
from offhook.sip.messages.message import Request
from offhook.sip.messages.uri import Uri
from offhook.sip.transports.table import transport_of
from offhook.sip.transports.transport import Flow, Wires


class Ways:
    """The ways to one peer, in the order in which they are tried. `came`: how its first message came, or went
    out; `flow`: where to send without asking a resolver, None to follow the route set and the target."""

    __slots__ = ("_flow", "_signalling_host", "_source", "_starts", "_wires", "connection")

    def __init__(self, wires: Wires, came: Flow | None, flow: Flow | None) -> None:
        self._wires = wires
        self.connection: Flow | None = None
        self._source: Flow | None = None
        self._flow = flow
        if came is not None:
            self.heard(came)
        self._signalling_host = came.remote.host if came is not None else None
        self._starts: dict[str, Allowance] = {}

    def allowance(self, flow: Flow) -> Allowance | None:
        """How much may be sent over `flow`: to the host that the dialog's signalling comes from, and on
        connections, whatever there is to say (None). To any other goes a start only, until it has responded:
        Contact and Record-Route may name anybody."""
        if self.signals_from(flow):
            return None
        return self._starts.setdefault(flow.remote.host, Allowance(START))

    def signals_from(self, flow: Flow) -> bool:
        """Whether `flow` is a connection, or the dialog's signalling comes from its host."""
        return flow.reliable or flow.remote.host == self._signalling_host

    def in_order(self) -> tuple[Flow | None, ...]:
        """The dialog's own connection while it is open, whatever port its Contact or Record-Route names: a
        phone, and many a proxy, takes no other. Then the flow. Where that is what the peer names, and leads
        nowhere (a name of its own network, a transport that we have not), what its messages came from."""
        ways: tuple[Flow | None, ...] = (self._flow,)
        if self._flow is None and self._source is not None:
            ways = (None, self._source)
        if self.connection is None or not self._wires.is_open(self.connection):
            return ways
        return self.connection, *ways

    def heard(self, flow: Flow) -> None:
        """A request of the peer came over `flow`: on a connection, that is the dialog's own from now on."""
        if flow.reliable:
            self.connection = flow
        else:
            self._source = flow

    def refreshed(self, request: Request, flow: Flow, hop: Uri, *, moved: bool) -> None:
        """A target refresh of the peer came over `flow`; `moved` when its Contact is another one. A peer
        behind a translation may have got another port with the old Contact."""
        known, found = self._flow, direct_flow(request, flow, hop)
        if moved or (known is not None and found is not None and known.remote.host == found.remote.host):
            self._flow = found
        if moved and not flow.reliable:
            self.connection = None

    def forget(self) -> None:
        """The peer has moved and does not say from where: follow its target."""
        self._flow = None


def direct_flow(request: Request, flow: Flow, hop: Uri) -> Flow | None:
    """The way back to a peer that is reached without asking a resolver; None to follow `hop`, its first
    route or its target.

    A peer whose `hop` names the host in its own Via, but which is seen elsewhere, or an address that cannot
    be reached from where it is seen, is behind a translation: only the address that we see reaches it. A
    connection is not asked for here; once it is gone, only what the peer names is left."""
    if flow.reliable:
        return None
    seen, via = flow.remote, request.via
    if _is_nowhere(hop.host, seen.host):
        return flow
    if request.record_routes or hop.host not in (via.host, seen.host):
        return None
    if hop.host != seen.host:
        return flow
    try:
        if transport_of(hop) is not flow.transport:
            return None
    except SipError:
        return None
    port = hop.port or flow.transport.default_port
    if via.wants_rport and (via.host, via.port or flow.transport.default_port) == (hop.host, port):
        return flow  # it listens where it sends from (RFC 3581 §4), whatever port it believes that to be
    return replace_port(flow, port)


def replace_port(flow: Flow, port: int) -> Flow:
    return flow._replace(remote=Address(flow.remote.host, port))


def _is_nowhere(host: str, seen: str) -> bool:
    """Whether `host` cannot be where a peer is that is seen at `seen`: no address at all, a name that never
    resolves (RFC 7118 §5.2), or an address of an inside (RFC 1918, RFC 6598) behind a public one."""
    try:
        named = ipaddress.ip_address(host)
    except ValueError:
        return host.endswith(".invalid")
    if host == seen:
        return False
    source = ipaddress.ip_address(seen.partition("%")[0])
    return (
        named.is_unspecified
        or (named.is_loopback and not source.is_loopback)
        or (source.is_global and not named.is_global)
    )
