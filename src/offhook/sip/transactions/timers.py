"""How long SIP waits (RFC 3261 §17 and Table 4, RFC 6026 §8)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Timer(StrEnum):
    """The timers of the four machines, under their names in the RFCs."""

    A = "A"  # INVITE client: send the INVITE again (UDP)
    B = "B"  # INVITE client: nobody answers
    D = "D"  # INVITE client: absorb repeated 3xx-6xx
    E = "E"  # non-INVITE client: send the request again (UDP)
    F = "F"  # non-INVITE client: nobody answers
    G = "G"  # INVITE server: send the 3xx-6xx again (UDP)
    H = "H"  # INVITE server: no ACK for the 3xx-6xx
    I = "I"  # INVITE server: absorb repeated ACKs  # noqa: E741
    J = "J"  # non-INVITE server: absorb repeated requests
    K = "K"  # non-INVITE client: absorb repeated responses
    L = "L"  # INVITE server: absorb repeated INVITEs after a 2xx
    M = "M"  # INVITE client: collect repeated and forked 2xx


@dataclass(frozen=True, slots=True)
class Timings:
    """`t1` round trip estimate, `t2` longest interval between repetitions of a non-INVITE request or an
    INVITE response, `t4` longest life of a message in the network, `d` wait for repeated refusals over
    UDP; all in seconds."""

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0
    d: float = 32.0

    @property
    def timeout(self) -> float:
        """64*T1: how long an answer or an ACK is waited for."""
        return 64 * self.t1
