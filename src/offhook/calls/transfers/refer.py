"""A REFER inside the caller's dialog, followed to its end (RFC 3515)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from offhook.calls.owners_headers import one_line
from offhook.calls.transfers.transfer_destination import Target, TransferFailed, failure_of
from offhook.sip.dialogs.session import Session
from offhook.sip.errors import SipError
from offhook.sip.messages.message import Request

NOTIFY_SECONDS: Final = 60.0
"""Seconds that a phone may take to report how its REFER went. A phone that never reports counts as gone at
its 202."""
MOST_REASON: Final = 40
"""Characters of the reason that are reported."""

MOST_PARAMS: Final = 16

_SEQUENCE = re.compile(r"[0-9]{1,10}")

# A sipfrag begins with its status line; what stands before it, and of which type the body says it is, differs
# with the phones and with what lies between (a multipart among them).
_STATUS_LINE = re.compile(rb"(?:^|[\r\n])[ \t]*+SIP/2\.0[ \t]++([1-6][0-9]{2})(?![0-9])", re.IGNORECASE)
_DONE: Final = frozenset({"", "noresource", "invariant"})
"""Reasons that end a subscription after the REFER was carried out (RFC 3515 §2.4.7, RFC 6665 §4.1.3), with
whatever result. All others mean that it was not: `rejected`, `giveup`, `timeout`, `deactivated`,
`probation`."""


class ReferRefused(TransferFailed):
    """The phone did not accept the REFER. The dialog is unchanged."""


class Refer:
    """One REFER. `accepted` is set once the phone has accepted it."""

    def __init__(self) -> None:
        self.accepted = False
        self._older = 0
        self._outcome: asyncio.Future[TransferFailed | None] = asyncio.get_running_loop().create_future()

    async def run(
        self, session: Session, target: Target, headers: Sequence[tuple[str, str]], in_uri: bool
    ) -> None:
        """Sends the REFER and waits for its end. `in_uri` puts the headers into the Refer-To, for the INVITE
        that the phone will send. Raises ReferRefused, TransferFailed."""
        uri = replace(target.uri, headers=tuple(headers)) if in_uri else target.uri
        items = [("Refer-To", f"<{uri}>"), *([] if in_uri else headers)]
        if not any(name.lower() in ("referred-by", "b") for name, _ in headers):
            # Whom it names may be known to the destination where the caller is not (RFC 3892).
            items.append(("Referred-By", f"<{session.dialog.local.uri}>"))
        self._older = session.dialog.local_seq
        try:
            response = await session.request("REFER", items)
        except SipError as error:
            raise TransferFailed(f"no answer to the REFER: {error}") from error
        if response.status >= 300:
            raise ReferRefused(f"the phone refused the REFER: {response.status} {response.reason}")
        self.accepted = True
        try:
            async with asyncio.timeout(NOTIFY_SECONDS):
                failed = await self._outcome
        except TimeoutError:
            return
        if failed is not None:
            self.accepted = False
            raise failed

    def notified(self, request: Request) -> int | None:
        """A NOTIFY of the REFER's subscription (RFC 3515 §2.4.4). Returns the status to answer with, None if
        it belongs to another subscription. A provisional status, or none at all, only shows progress, unless
        the subscription ends with it."""
        event, about = _read(request.headers.get("Event") or "refer")
        if event != "refer":
            return None
        if not self._is_older(about.get("id", "")):
            state, told = _read(request.headers.get("Subscription-State") or "")
            self._learn(_status_of(request.body), state == "terminated", told.get("reason", "").lower())
        return 200

    def _is_older(self, number: str) -> bool:
        """Whether this is the `id` of an earlier REFER, the number of its CSeq (RFC 3515 §2.4.6)."""
        return _SEQUENCE.fullmatch(number) is not None and int(number) <= self._older

    def _learn(self, status: int | None, over: bool, reason: str) -> None:
        # It may come before the 202, and its sender may be gone before that.
        self.accepted = self.accepted or (status is not None and status < 300)
        if self._outcome.done():
            return
        if status is not None and status >= 200:
            self._outcome.set_result(None if status < 300 else failure_of(status))
        elif over:
            failed = TransferFailed(f"the phone gave its REFER up: {one_line(reason)[:MOST_REASON]}")
            self._outcome.set_result(None if reason in _DONE else failed)


def _status_of(body: bytes) -> int | None:
    found = _STATUS_LINE.search(body)
    return None if found is None else int(found[1])


def _read(text: str) -> tuple[str, dict[str, str]]:
    """Reads `value;name=value` leniently: empty parameters and blanks are ignored."""
    value, *params = text.split(";", MOST_PARAMS)
    pairs = (param.partition("=") for param in params)
    return value.strip().lower(), {name.strip().lower(): given.strip(' \t"') for name, _, given in pairs}
