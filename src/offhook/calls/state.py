"""The life of a call as one table (vapi-wire §8.2 `status`). Only `InboundCall` changes a status, and only as
the table allows."""

from __future__ import annotations

from typing import Final, Literal

CallStatus = Literal["ringing", "in-progress", "forwarding", "ended"]
CallEvent = Literal["answered", "forwarded", "ended"]

TRANSITIONS: Final[dict[tuple[CallStatus, CallEvent], CallStatus]] = {
    ("ringing", "answered"): "in-progress",
    ("ringing", "forwarded"): "forwarding",
    ("ringing", "ended"): "ended",
    ("in-progress", "forwarded"): "forwarding",
    ("in-progress", "ended"): "ended",
    ("forwarding", "ended"): "ended",
}
"""What may follow what. Statuses only move forward: a pair that is missing is refused."""


class WrongTransition(RuntimeError):
    """The call's status does not allow this event. That is a defect of ours, never of the peer's."""

    def __init__(self, status: CallStatus, event: CallEvent) -> None:
        super().__init__(f"a call that is {status} cannot be {event}")


class CallState:
    """The status of one call."""

    __slots__ = ("status",)

    def __init__(self) -> None:
        self.status: CallStatus = "ringing"

    def allows(self, event: CallEvent) -> bool:
        return (self.status, event) in TRANSITIONS

    def on(self, event: CallEvent) -> CallStatus:
        """Changes the status by `event` and returns the new one. Raises WrongTransition."""
        try:
            self.status = TRANSITIONS[self.status, event]
        except KeyError:
            raise WrongTransition(self.status, event) from None
        return self.status
