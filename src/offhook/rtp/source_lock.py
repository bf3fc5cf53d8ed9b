"""Whose media is heard: symmetric RTP that is learned once and then locked."""

from __future__ import annotations

from offhook.network import Address

UNSPECIFIED = ("0.0.0.0", "::")  # noqa: S104 (compared, not bound)

GRACE = 1.0
"""Seconds after learning in which a likelier source still wins over the one that was learned."""

SILENT = 0.2
"""Seconds without a packet after which the same address may go on with another SSRC: media servers switch
their source that way, whereas a stream that is alive cannot be replaced."""


class SourceLock:
    """Decides which packets belong to the leg, by (address, SSRC).

    A peer behind a NAT sends from another address than its SDP says, so the first valid packet is believed,
    wherever it comes from. After that the leg is locked to its address and SSRC, and nobody who finds the
    port can be heard in the call or have our media sent to him (the "RTP bleed"). So that a stranger who
    came first does no lasting harm, a likelier source wins within GRACE over the one that was learned: the
    very address of the SDP over all others, and the host of the SDP or of the signalling over a foreign one.
    Other changes come only with a new SDP, through `expect`."""

    __slots__ = (
        "_announced", "_expecting", "_heard_at", "_learned_at", "_signalling_host", "locked", "refused",
        "ssrc",
    )  # fmt: skip

    def __init__(self, announced: Address, signalling_host: str | None = None) -> None:
        """`announced` is the SDP's address; `signalling_host` where the SIP messages come from, which
        behind a NAT is where the media will come from too."""
        self._announced = announced
        self._signalling_host = signalling_host
        self._learned_at = 0.0
        self._heard_at = 0.0
        self._expecting = False
        self.locked: Address | None = None
        self.ssrc = -1
        self.refused = 0

    def expect(self, announced: Address) -> None:
        """A new SDP. If it names another address than the last one, learning starts anew; not so for the
        unspecified address, the old way to hold a call (RFC 2543), which names nobody. The source that is
        locked may go on with another SSRC, once: a server in between connects somebody else that way."""
        self._expecting = True
        if announced != self._announced and announced.host not in UNSPECIFIED:
            self._announced = announced
            self.locked = None
            self.ssrc = -1

    @property
    def remote(self) -> Address:
        """Where to send: what was learned, and until then what was announced."""
        return self.locked or self._announced

    def admit(self, source: Address, ssrc: int, now: float) -> bool:
        """Whether a valid packet from `source` is the peer's; counts it as refused if not."""
        if source == self.locked:
            if ssrc == self.ssrc or self._expecting or now - self._heard_at >= SILENT:
                self._expecting = self._expecting and ssrc == self.ssrc
                self.ssrc = ssrc
                self._heard_at = now
                return True
        elif self.locked is None or (
            now - self._learned_at < GRACE and self._likelihood(source) > self._likelihood(self.locked)
        ):
            self.locked = source
            self.ssrc = ssrc
            self._learned_at = self._heard_at = now
            return True
        self.refused += 1
        return False

    def _likelihood(self, source: Address) -> int:
        if source == self._announced:
            return 2
        return int(source.host in (self._announced.host, self._signalling_host))
