"""To whom audio may be sent for how long without a sign that it is wanted (the thought of RFC 7675).

An SDP can name any address, so a caller could have everything that is said sent to somebody who never asked
for it, from many calls at once. The host that signals has shown that it is there. Any other one is sent
audio for START seconds, in which it has to send valid RTP or RTCP itself, and after that as long as it goes
on doing so."""

from __future__ import annotations

from typing import Final

from offhook.network.addresses import network_of, plain_host

START: Final = 5.0
"""Seconds of audio for a host that is still to send its first packet: the first RTCP comes within them also
of a peer that only listens (RFC 3550 §6.2)."""

LASTS: Final = 30.0
"""Seconds for which a packet is a sign, as in RFC 7675 §5.1."""

BURST: Final = 500
"""Packets for one network (see `network_of`) whose hosts have sent nothing, over all legs: ten seconds of
one leg."""
REFILL: Final = 10.0
"""How many there may be again, in a second."""

REMEMBERED: Final = 600.0
"""Seconds for which a host that answered in one call of a signalling host is not counted in its others: a
provider's media server takes part in hundreds."""

MOST_REMEMBERED: Final = 4096
"""Hosts, and networks; the oldest are forgotten first."""

_NEVER: Final = float("-inf")


class Unasked:
    """Counts, over all legs of a node, what goes to hosts that have sent nothing yet."""

    def __init__(self) -> None:
        self._left: dict[str, tuple[float, float]] = {}
        self._answered: dict[tuple[str, str], float] = {}

    def spend(self, signalling_host: str, host: str, network: str, now: float) -> bool:
        """Whether one more packet may go to `host`, which lies in `network`, in a call of
        `signalling_host`."""
        if now - self._answered.get((signalling_host, host), _NEVER) < REMEMBERED:
            return True
        left, at = self._left.pop(network, (float(BURST), now))
        left = min(left + (now - at) * REFILL, BURST)
        granted = left >= 1.0
        self._left[network] = (left - granted, now)
        if len(self._left) > MOST_REMEMBERED:
            del self._left[next(iter(self._left))]
        return granted

    def answered(self, signalling_host: str, host: str, now: float) -> None:
        """`host` sent valid packets to a call of `signalling_host`."""
        self._answered.pop((signalling_host, host), None)
        self._answered[signalling_host, host] = now
        if len(self._answered) > MOST_REMEMBERED:
            del self._answered[next(iter(self._answered))]


class Consent:
    """That of one leg's peer. `withheld` counts the packets that were not sent for want of it."""

    __slots__ = (
        "_heard_at", "_host", "_may_begin", "_network", "_signalling_host", "_started_at", "_unasked",
        "withheld",
    )  # fmt: skip

    def __init__(self, signalling_host: str | None, unasked: Unasked) -> None:
        """`signalling_host` None: everybody consents."""
        self._signalling_host = signalling_host and plain_host(signalling_host)
        self._unasked = unasked
        self._host = self._network = ""
        self._may_begin = False
        self._started_at = self._heard_at = _NEVER
        self.withheld = 0

    def aim(self, host: str, *, may_begin: bool) -> None:
        """An SDP names `host`. `may_begin`: audio may go there before it has sent any."""
        if host != self._host:
            self._host = host
            self._network = network_of(host)
            self._started_at = self._heard_at = _NEVER
        self._may_begin = may_begin

    def begin_anew(self) -> None:
        """What was called has answered: what was sent while it rang is not held against it."""
        if self._heard_at == _NEVER:
            self._started_at = _NEVER

    def heard(self, host: str, now: float) -> None:
        """A valid packet of the peer came from `host`."""
        signalling_host = self._signalling_host
        if signalling_host is None or host == signalling_host:
            return
        if host != self._host or now - self._heard_at >= LASTS:
            self._host = host
            self._unasked.answered(signalling_host, host, now)
        # There is no START after a sign: when those end, so does the audio.
        self._started_at = self._heard_at = now

    def stands(self, host: str, now: float) -> bool:
        """Whether `host` may be sent to."""
        if self._signalling_host is None or host == self._signalling_host:
            return True
        if host != self._host:
            return False
        if now - self._heard_at < LASTS:
            return True
        return self._may_begin and now - self._started_at < START

    def spend(self, host: str, now: float) -> bool:
        """The same for a packet of audio, which is counted: it begins the START."""
        signalling_host = self._signalling_host
        if signalling_host is None or host == signalling_host:
            return True
        if host == self._host:
            if now - self._heard_at < LASTS:
                return True
            if self._may_begin:
                if self._started_at == _NEVER:
                    self._started_at = now
                if now - self._started_at < START and self._unasked.spend(
                    signalling_host, host, self._network, now
                ):
                    return True
        self.withheld += 1
        return False
