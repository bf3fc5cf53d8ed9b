"""Where a call plane hears SIP, and with which certificate."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from offhook.listening import cannot_listen
from offhook.network import Address
from offhook.network.certificates import DAY, CertificateProblem, Certificates, days_left
from offhook.settings import Settings
from offhook.sip.transports.tls import TLS
from offhook.sip.transports.transports import Transports

SOON: Final = 14
"""Days before a certificate expires at which a line in the log asks for another one."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BoundSip:
    """Sockets that are bound already: those of UDP and TCP, and those for TLS."""

    usual: Sequence[socket.socket]
    secured: Sequence[socket.socket] = ()


async def listen(transports: Transports, settings: Settings, sockets: BoundSip | None) -> Address:
    """Hear SIP where the settings say; returns where UDP and TCP are heard. Raises StartError."""
    sip, tls = settings.sip, settings.sip_tls
    try:
        heard = await (transports.listen(*sip) if sockets is None else transports.serve(sockets.usual))
    except OSError as error:
        raise cannot_listen("SIP", "--sip or OFFHOOK_SIP", sip, error) from error
    if tls is None:
        return heard
    try:
        if sockets is None:
            await transports.listen(*tls, over=(TLS,))
        else:
            await transports.serve(sockets.secured, over=(TLS,))
    except OSError as error:
        raise cannot_listen("SIP over TLS", "OFFHOOK_SIP_TLS", tls, error) from error
    _tell_of(transports.certificates)
    return heard


async def read_again(certificates: Certificates) -> None:
    """For connections that are made from now on. Files that cannot be used change nothing."""
    try:
        await asyncio.to_thread(certificates.read)
    except CertificateProblem as problem:
        _log.error("the certificate is not changed: %s", problem)
        return
    _log.info("the certificate was read again")
    _tell_of(certificates)


async def warn_in_time(certificates: Certificates) -> None:
    """Once a day, from when it is to be replaced."""
    while True:
        await asyncio.sleep(DAY)
        if certificates.expires is not None and days_left(certificates.expires) <= SOON:
            _tell_of(certificates)


def _tell_of(certificates: Certificates) -> None:
    if certificates.expires is None:
        return
    level = logging.WARNING if days_left(certificates.expires, time.time()) <= SOON else logging.INFO
    until = time.strftime("%Y-%m-%d", time.gmtime(certificates.expires))
    _log.log(level, "the certificate for SIP over TLS is good until %s", until)
