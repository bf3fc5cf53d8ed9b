"""All calls of this node: who is let in, who is told to come again, and how the node drains."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from offhook.calls.admission import Admission
from offhook.calls.call import Call, Refusal
from offhook.calls.caller import customer, header_variables
from offhook.calls.privacy import kept_without_assistant
from offhook.calls.record import CallRecord
from offhook.calls.services import Services
from offhook.log_context import working_for
from offhook.sip.invitation import Invitation
from offhook.sip.uri import Uri

LOOKUP_SECONDS: Final = 5.0
"""For finding the number in the database; beyond it the caller hears 503 instead of nothing."""

RETRY_AFTER: Final = (("Retry-After", "10"),)

OVER_THE_LIMIT: Final = "call.start.error-subscription-concurrency-limit-reached"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """`calls`: at most so many at once on this node. `domain`: the only host part that is ours, if set."""

    calls: int
    domain: str | None = None


class Calls:
    """The user agent's handler."""

    def __init__(self, services: Services, limits: Limits, admission: Admission) -> None:
        self._services = services
        self._limits = limits
        self._admission = admission
        self._active: dict[str, Call] = {}
        self._of_org: Counter[str] = Counter()
        self._admitting = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.draining = False
        self.accepted = 0
        self.refused = 0

    # -- in -------------------------------------------------------------------------------------

    def invited(self, invitation: Invitation) -> None:
        if self.draining or len(self._active) + self._admitting >= self._limits.calls:
            why = "draining" if self.draining else f"{self._limits.calls} calls are up"
            self._refuse(invitation, 503, why, RETRY_AFTER)
            return
        self._admitting += 1
        self._own(asyncio.create_task(self._admit(invitation)))

    async def _admit(self, invitation: Invitation) -> None:
        try:
            found = await self._look_up(invitation)
        finally:
            self._admitting -= 1
        if found is None or invitation.finished:
            return
        number, org = found
        challenge = self._admission.challenge(invitation.request, number)
        if challenge is not None:
            self._refuse(invitation, challenge.status, "authentication", challenge.headers)
        elif self.draining:
            self._refuse(invitation, 503, "draining", RETRY_AFTER)
        else:
            self._take(invitation, number, org)

    async def _look_up(self, invitation: Invitation) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
        """The number and its org; None when the call is refused for want of them."""
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                number = await self._number(invitation.request.uri)
                if number is not None:
                    return number, await self._services.directory.org(number["orgId"])
        except Exception as error:
            _log.error("sip-call=%s the number could not be looked up: %r", invitation.call_id, error)
            self._refuse(invitation, 503, "no database", RETRY_AFTER)
            return None
        self._refuse(invitation, 404, f"no number {invitation.request.uri.user}")
        return None

    async def _number(self, uri: Uri) -> Mapping[str, Any] | None:
        domain = self._limits.domain
        if not uri.user or (domain is not None and uri.host != domain.lower()):
            return None
        return await self._services.directory.number(uri.user)

    def _take(self, invitation: Invitation, number: Mapping[str, Any], org: Mapping[str, Any]) -> None:
        services = self._services
        now = services.now()
        variables = header_variables(invitation.request.headers.items())
        record = CallRecord(
            id=services.new_id(),
            org_id=number["orgId"],
            number=number,
            sip_call_id=invitation.call_id,
            customer=customer(invitation.request),
            created_at=now,
            offset=now - asyncio.get_running_loop().time(),
            overrides={"variableValues": variables} if variables else {},
            org=org,
            kept=kept_without_assistant(None, org),
        )
        _log.info(
            "call=%s sip-call=%s from %s to %s", record.id, record.sip_call_id, record.customer.get("sipUri"),
            number.get("sipUri"),
        )  # fmt: skip
        refusal = self._over_the_limit(record.org_id, org)
        with working_for(record.id):
            call = Call(services, invitation, record, org)
        self._active[record.id] = call
        self._of_org[record.org_id] += refusal is None
        self.accepted += refusal is None
        self.refused += refusal is not None
        call.start(refusal)
        self._own(asyncio.create_task(self._forget_when_finished(call, counted=refusal is None)))

    def _over_the_limit(self, org_id: str, org: Mapping[str, Any]) -> Refusal | None:
        """What an org's call beyond its `concurrencyLimit` gets. 486 and not 503: a proxy would take 503 for
        the whole node's and keep the calls of all others away too (RFC 3261 §21.5.4)."""
        limit = org.get("concurrencyLimit")
        if limit is None or self._of_org[org_id] < limit:
            return None
        return Refusal(486, OVER_THE_LIMIT, f"the org has {limit} calls at once already", RETRY_AFTER)

    async def _forget_when_finished(self, call: Call, *, counted: bool) -> None:
        await call.finished.wait()
        record = call.record
        del self._active[record.id]
        if counted:
            self._of_org[record.org_id] -= 1
            if not self._of_org[record.org_id]:
                del self._of_org[record.org_id]

    def _own(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _refuse(
        self, invitation: Invitation, status: int, why: str, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        self.refused += 1
        _log.info("sip-call=%s refused with %d: %s", invitation.call_id, status, why)
        if not invitation.finished:
            invitation.reject(status, headers=headers)

    # -- what others ask ------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._active)

    def get(self, call_id: str) -> Call | None:
        return self._active.get(call_id)

    async def end_call(self, call_id: str, reason: str = "manually-canceled") -> bool:
        """Hang up and wait until the report is written; False if the call is not up here."""
        call = self._active.get(call_id)
        if call is None:
            return False
        call.end(reason)
        await call.finished.wait()
        return True

    def end_all(self, reason: str) -> None:
        """Hang up on everybody."""
        for call in self._active.values():
            call.end(reason)

    async def drain(self, grace: float) -> None:
        """Take no more calls, let those that are up end within `grace` seconds, then end the rest."""
        self.draining = True
        calls = list(self._active.values())
        if calls:
            _log.info("draining: calls that are up have %g s: %d", grace, len(calls))
        waiting = [asyncio.create_task(call.finished.wait()) for call in calls]
        if waiting:
            await asyncio.wait(waiting, timeout=grace)
        self.end_all("worker-shutdown")
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace + 10)
        for task in (*self._tasks, *waiting):
            task.cancel()
