"""A line for phones: the sockets, the clock and the user agent that calls from this machine need."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from offhook.calls.leg import Media
from offhook.media.engine import Engine
from offhook.media.local_plane import LocalPlane
from offhook.network import Address, open_datagrams
from offhook.network.certificates import CertificateFiles, Certificates
from offhook.network.routes import source_towards
from offhook.rtp.clock import Clock
from offhook.rtp.ports import PortPool
from offhook.sip.dialogs.invitation import Invitation
from offhook.sip.errors import SipError
from offhook.sip.messages.headers import NameAddr
from offhook.sip.messages.uri import Uri
from offhook.sip.request_sender import resolve_name
from offhook.sip.transports.table import transport_of
from offhook.sip.transports.transport import Transport
from offhook.sip.transports.transports import Transports
from offhook.sip.user_agent import UserAgent
from offhook.speech.activity import VoiceActivity

RTP_PORTS: Final = (30000, 39999)
"""Below those of the service, so that both can run on one machine."""


PATIENCE: Final = 60.0
"""Seconds without a packet after which a call counts as lost."""


class _NoIncoming:
    """A phone that only calls."""

    def invited(self, invitation: Invitation) -> None:
        invitation.reject(480)


@dataclass(frozen=True, slots=True)
class PhoneLine:
    """What `PhoneCall` and `dial` need, towards one destination."""

    agent: UserAgent
    media: Media
    activity: VoiceActivity
    uri: Uri
    remote: Address
    transport: Transport
    own: NameAddr


def destination(target: str) -> Uri:
    """`sip:user@host[:port]` as a URI; raises ValueError for anything else."""
    try:
        uri = Uri.parse(target)
    except SipError as error:
        raise ValueError("not a SIP URI such as sip:demo@127.0.0.1") from error
    if not uri.is_sip:
        raise ValueError("not a SIP URI such as sip:demo@127.0.0.1")
    return uri


@asynccontextmanager
async def open_line(
    target: str,
    *,
    transport: Transport | None = None,
    user: str = "offhook",
    name: str | None = None,
    authorities: Path | None = None,
) -> AsyncIterator[PhoneLine]:
    """A line to `sip:user@host[:port]`, over what the URI asks for unless `transport` is given. Who is
    reached over TLS has a certificate of the system's authorities, or of those in a file. Raises ValueError
    for what is no SIP URI or has no transport of ours, OSError for a host that has no address."""
    uri = destination(target)
    certificates = Certificates(CertificateFiles(authorities=authorities))
    try:
        transport = transport or transport_of(uri)
    except SipError as error:
        raise ValueError("neither UDP, TCP nor TLS") from error
    remote = await resolve_name(uri.host, uri.port or transport.default_port, transport)
    loop, rng = asyncio.get_running_loop(), random.SystemRandom()
    local = source_towards(remote.host)
    async with AsyncExitStack() as stack:
        transports = Transports(certificates=certificates)
        agent = UserAgent(_NoIncoming(), transports=transports, rng=rng)
        stack.push_async_callback(agent.close, 1.0)
        await transports.listen(local, 0)
        activity = VoiceActivity()
        clock = Clock(loop)
        clock.after_tick.append(activity.run)
        engine = Engine(
            clock,
            PortPool(local, *RTP_PORTS, open_datagrams, rng),
            now=time.time,
            rng=rng,
            patience=PATIENCE,
        )
        stack.callback(engine.close)
        media = Media(
            plane=LocalPlane(engine),
            address_for=lambda peer: local,
            may_send=lambda to, peer: True,
            rng=rng,
        )
        own = NameAddr(name, Uri("sip", user=user, host=local))
        yield PhoneLine(agent, media, activity, uri, remote, transport, own)
