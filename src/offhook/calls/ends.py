"""How a call may end early: the API's reasons, and an explanation for the owner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from offhook.calls.leg import LegEnd

BROKEN: Final = "call.in-progress.error-vapifault-worker-died"

LEG_REASONS: Final[dict[LegEnd, str]] = {
    "hung-up": "customer-ended-call",
    "unacknowledged": "call.ringing.error-sip-inbound-call-failed-to-connect",
    "gone": "call.in-progress.error-sip-inbound-call-failed-to-connect",
    "no-audio": "call.in-progress.error-assistant-did-not-receive-customer-audio",
}

LEG_FAILURES: Final[Mapping[LegEnd, str]] = {
    "unacknowledged": "the caller's phone did not acknowledge the answer",
    "gone": "the caller was lost",
    "no-audio": "nothing was heard from the caller",
}
"""The explanations, which become the call's `endedMessage`. A caller who hangs up is no failure and has
none."""


class Refusal(Exception):
    """The call is not answered: the SIP status for the caller, and the reason for the report. `unquoted`: the
    detail without other people's words, where it has any."""

    def __init__(
        self,
        status: int,
        ended_reason: str,
        detail: str,
        headers: tuple[tuple[str, str], ...] = (),
        *,
        unquoted: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.unquoted = detail if unquoted is None else unquoted
        self.status = status
        self.ended_reason = ended_reason
        self.headers = headers
