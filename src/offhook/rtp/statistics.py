"""What is counted of a leg's audio."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StreamStatistics:
    """Counts since the leg began. `octets_*` are payload bytes; `jitter` is in seconds; `rejected` packets
    came from elsewhere than the peer; `withheld` ones were not sent, for want of a sign that they are wanted
    (see Consent); `invalid` ones were no RTP or RTCP, or of no payload type of ours;
    `concealed` are frames; `round_trip` (seconds), `remote_lost` and `remote_jitter` (seconds) come from
    the peer's RTCP and are None until it reported."""

    packets_sent: int
    octets_sent: int
    packets_received: int
    octets_received: int
    lost: int
    late: int
    duplicates: int
    discarded: int
    concealed: int
    rejected: int
    withheld: int
    invalid: int
    jitter: float
    round_trip: float | None
    remote_lost: int | None
    remote_jitter: float | None

    def __str__(self) -> str:
        """For the log: what came and went, and of the rest what is not as it should be."""
        told = [
            f"{self.packets_sent} packets sent, {self.packets_received} received, {self.lost} lost",
            f"jitter {1000 * self.jitter:.1f} ms",
        ]
        if self.round_trip is not None:
            told.append(f"round trip {1000 * self.round_trip:.0f} ms")
        if self.remote_lost is not None:
            told.append(f"{self.remote_lost} lost at the peer")
        others = ("late", "duplicates", "discarded", "concealed", "rejected", "withheld", "invalid")
        told += [f"{count} {name}" for name in others if (count := getattr(self, name))]
        return ", ".join(told)
