"""How much of this user agent one source, or one dialog, may have.

What belongs to calls that are up (their ACK, BYE and the answers to our own requests) is counted apart from
all else, so that no flood of it keeps them out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from offhook.network import Address
from offhook.network.sources import PeerRate, Rate, Shares, Source, Sources
from offhook.sip.messages.message import Request

ARRIVALS: Final = (1000.0, 2000)
ARRIVALS_OF_SOURCE: Final = (3000.0, 6000)
"""Messages of one address and port, and of all ports of its source, a second and at once; the same again for
what begins with one of `OF_CALLS`."""

OF_CALLS: Final = (b"ACK ", b"BYE ", b"SIP/2.0 ")

REPLIES: Final = (100.0, 300)
REPLIES_OF_SOURCE: Final = (300.0, 900)
"""Answers without a transaction (refusals, OPTIONS) to one address and port, and to all of its source."""

IN_DIALOG: Final = (20.0, 60)
"""Requests in one dialog, a second and at once, besides its BYE."""

WAITING: Final = 2000
WAITING_LARGE: Final = 64
"""Datagrams that wait for their turn to be read: usual ones, and those beyond USUAL octets."""

USUAL: Final = 4096


def may_wait(data: bytes) -> int:
    """How many datagrams may wait for their turn where this one does too."""
    return WAITING if len(data) <= USUAL else WAITING_LARGE


def cost(data: bytes) -> int:
    """Of reading a message and finding out whose it is, in microseconds, about."""
    return (700 if data.startswith(b"INVITE ") else 150) + len(data) // 10


MAX_TRANSACTIONS: Final = 40_000
"""INVITEs outside dialogs that are remembered, and as many requests within."""

OF_ONE_SOURCE: Final = 10_000
"""Of the INVITEs: what a source reaches that places 300 calls a second."""

OF_ONE_DIALOG: Final = 400
"""Of the requests within; over UDP each is remembered for half a minute."""


class MessageRates:
    """What of the messages that come is read at all. `time` is the loop's clock."""

    def __init__(self, sources: Sources, time: Callable[[], float]) -> None:
        self._time = time
        self._usual = PeerRate(sources, ARRIVALS, ARRIVALS_OF_SOURCE)
        self._of_calls = PeerRate(sources, ARRIVALS, ARRIVALS_OF_SOURCE)

    def admits(self, data: bytes, peer: Address) -> bool:
        rate = self._of_calls if data.startswith(OF_CALLS) else self._usual
        return rate.admits(peer, self._time())


class UserAgentLimits:
    """What a user agent takes on."""

    def __init__(self, sources: Sources, time: Callable[[], float]) -> None:
        self._sources = sources
        self._time = time
        self._replies = PeerRate(sources, REPLIES, REPLIES_OF_SOURCE)
        self._in_dialog = Rate(*IN_DIALOG, remembered=MAX_TRANSACTIONS)
        most = MAX_TRANSACTIONS // sources.parts
        self._invites = Shares(most, OF_ONE_SOURCE // sources.parts)
        self._within = Shares(most, OF_ONE_DIALOG)

    def replies(self, peer: Address) -> bool:
        """Whether `peer` is answered once more without a transaction."""
        return self._replies.admits(peer, self._time())

    def begin_invite(self, host: str) -> Callable[[], None] | None:
        """Take on an INVITE outside a dialog: what to call at its end, None when there is no room."""
        return _taken(self._invites, self._sources.of(host))

    def begin_within(self, request: Request) -> Callable[[], None] | None:
        """The same for a request within a dialog; its BYE has room of its own."""
        dialog = request.to.tag or ""
        if request.method == "BYE":
            return _taken(self._within, f"BYE {dialog}")
        if not self._in_dialog.admits(dialog, self._time()):
            return None
        return _taken(self._within, dialog)


def _taken(shares: Shares, source: Source) -> Callable[[], None] | None:
    if not shares.admits(source):
        return None
    shares.take(source)
    return lambda: shares.give_back(source)
