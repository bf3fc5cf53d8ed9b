"""A REFER inside the caller's dialog, followed to its end (RFC 3515)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from offhook.calls.transfers.destination import Target, TransferFailed, failure_of
from offhook.sip.errors import SipError
from offhook.sip.message import Request
from offhook.sip.session import Session

NOTIFY_SECONDS: Final = 60.0
"""How long a phone may take to say how its REFER went; one that never does is taken at its 202."""

_SIPFRAG = re.compile(rb"SIP/2\.0 ([1-6]\d\d)")


class ReferRefused(TransferFailed):
    """The phone did not take the REFER: the dialog is as it was."""


class Refer:
    """One REFER. `accepted` once the phone has taken it."""

    def __init__(self) -> None:
        self.accepted = False
        self._outcome: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def run(
        self, session: Session, target: Target, headers: Sequence[tuple[str, str]], in_uri: bool
    ) -> None:
        """Send it and wait for its end; `in_uri` puts the headers into the Refer-To for the INVITE that the
        phone will send. Raises ReferRefused, TransferFailed."""
        uri = replace(target.uri, headers=tuple(headers)) if in_uri else target.uri
        items = [("Refer-To", f"<{uri}>"), *([] if in_uri else headers)]
        if not any(name.lower() in ("referred-by", "b") for name, _ in headers):
            # Whom it names may be known to the destination where the caller is not (RFC 3892).
            items.append(("Referred-By", f"<{session.dialog.local.uri}>"))
        try:
            response = await session.request("REFER", items)
        except SipError as error:
            raise TransferFailed(f"no answer to the REFER: {error}") from error
        if response.status >= 300:
            raise ReferRefused(f"the phone refused the REFER: {response.status} {response.reason}")
        self.accepted = True
        try:
            async with asyncio.timeout(NOTIFY_SECONDS):
                status = await self._outcome
        except TimeoutError:
            return
        if status >= 300:
            self.accepted = False
            raise failure_of(status)

    def notified(self, request: Request) -> int | None:
        """A NOTIFY of the REFER's subscription (RFC 3515 §2.4.4): the status to answer it with, None if it is
        of another. What is provisional only shows progress, unless no more is to come."""
        event = (request.headers.get("Event") or "refer").partition(";")[0].strip().lower()
        if event != "refer":
            return None
        found = _SIPFRAG.match(request.body)
        if found is None:
            return 400
        status = int(found.group(1))
        over = (request.headers.get("Subscription-State") or "").strip().lower().startswith("terminated")
        if (status >= 200 or over) and not self._outcome.done():
            self._outcome.set_result(status)
        # It may come before the 202, and its sender may be gone before that.
        self.accepted = self.accepted or status < 300
        return 200
