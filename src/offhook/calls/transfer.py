"""Handing a caller on (wire-facts §2.4): a REFER inside the dialog, followed to its end."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

from offhook.calls.leg import Leg
from offhook.calls.record import CallRecord
from offhook.calls.services import Services
from offhook.conversation.tools import content_of
from offhook.network import Address
from offhook.network.guard import AddressRefused
from offhook.sip.errors import SipError
from offhook.sip.message import Request
from offhook.sip.uri import Uri

NOTIFY_SECONDS: Final = 60.0
"""How long a phone may take to say how its REFER went; one that never does is taken at its 202."""

APOLOGY: Final = "Sorry, I could not transfer your call. Goodbye."
"""When the destination's fallbackPlan says nothing else."""

_SIPFRAG = re.compile(rb"SIP/2\.0 ([1-6]\d\d)")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!%*_+`'~.-]{1,64}")
_log = logging.getLogger(__name__)


class TransferFailed(Exception):
    """The caller is still here. `status` is the one of wire-facts §2.4 (`artifact.transfers[].status`)."""

    def __init__(self, detail: str, status: str = "failed") -> None:
        super().__init__(detail)
        self.status = status


class Transfer:
    """One blind transfer of the caller to a number or SIP destination."""

    def __init__(
        self, services: Services, leg: Leg, record: CallRecord, peer: Address, destination: Mapping[str, Any]
    ) -> None:
        self._services = services
        self._leg = leg
        self._peer = peer
        self._destination = destination
        self._plan: Mapping[str, Any] = destination.get("transferPlan") or {}
        self._outcome: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._accepted = False
        self._entry: dict[str, Any] = {
            "destination": dict(destination),
            "mode": self._plan.get("mode", "blind-transfer"),
            "status": "failed",
        }
        record.transfers.append(self._entry)
        fallback: Mapping[str, Any] = self._plan.get("fallbackPlan") or {}
        self.ends_call_on_failure = fallback.get("endCallEnabled") is not False
        """Whether the caller is hung up on after the apology when the transfer fails."""
        said = content_of(fallback.get("message"))
        self.apology = APOLOGY if said is None else said

    async def run(self) -> None:
        """Transfer; returns when the caller is in other hands. Raises TransferFailed."""
        try:
            await self._run()
        except TransferFailed as failed:
            self._entry["status"] = failed.status
            self._entry["failureReason"] = str(failed)
            raise
        self._entry["status"] = "completed"

    async def _run(self) -> None:
        if self._plan.get("sipVerb") == "bye":
            return
        target = await self._target()
        await self._refer(target)
        try:
            async with asyncio.timeout(NOTIFY_SECONDS):
                status = await self._outcome
        except TimeoutError:
            return
        if status >= 300:
            raise TransferFailed(f"the destination answered {status}", "busy" if status == 486 else "failed")

    async def _target(self) -> Uri:
        """Where to: the SIP URI, or the number at the peer that sent us the call."""
        if self._destination.get("type") == "number":
            return Uri.parse(
                f"sip:{quote(str(self._destination.get('number')), safe='+')}@{_host(self._peer)}"
            )
        try:
            target = Uri.parse(str(self._destination.get("sipUri")))
            await self._services.guard.resolve(target.host, target.port or 5060)
        except (SipError, ValueError) as error:
            raise TransferFailed(f"not a SIP URI: {error}") from error
        except (AddressRefused, OSError) as error:
            raise TransferFailed(f"the destination may not be reached: {error}") from error
        return target

    async def _refer(self, target: Uri) -> None:
        session = self._leg.session
        if session is None:
            raise TransferFailed("the call is not connected")
        headers = self._headers()
        in_uri = self._plan.get("sipHeadersInReferToEnabled") is True
        refer_to = replace(target, headers=tuple(headers)) if in_uri else target
        try:
            response = await session.request(
                "REFER", headers=[("Refer-To", f"<{refer_to}>"), *([] if in_uri else headers)]
            )
        except SipError as error:
            raise TransferFailed(f"no answer to the REFER: {error}") from error
        if response.status >= 300:
            raise TransferFailed(f"the phone refused the REFER: {response.status} {response.reason}")
        self._accepted = True

    def _headers(self) -> list[tuple[str, str]]:
        given = self._destination.get("sipHeaders") or {}
        return [
            (name, _one_line(str(value)))
            for name, value in given.items()
            if _HEADER_NAME.fullmatch(str(name))
        ]

    def notified(self, request: Request) -> int:
        """A NOTIFY of the REFER's subscription (RFC 3515 §2.4.4); what is provisional only shows progress."""
        found = _SIPFRAG.match(request.body)
        if found is None:
            return 400
        status = int(found.group(1))
        if status >= 200 and not self._outcome.done():
            self._outcome.set_result(status)
        return 200

    def reason_when_caller_leaves(self) -> str:
        """A caller that says BYE after taking the REFER went where it was sent."""
        if not self._accepted:
            return "customer-ended-call-during-transfer"
        self._entry["status"] = "completed"
        return "assistant-forwarded-call"


def _host(peer: Address) -> str:
    host = f"[{peer.host}]" if ":" in peer.host else peer.host
    return host if peer.port == 5060 else f"{host}:{peer.port}"


def _one_line(value: str) -> str:
    return " ".join(value.split())[:1000]
