"""All calls of this node: which are admitted, which are refused, and how the node drains."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from typing import Final

from pydantic import BaseModel

from offhook.calls.admission.admission import Admission
from offhook.calls.admission.caller import MAX_URI, customer, header_variables, kept
from offhook.calls.admission.entrance import RETRY_AFTER, Entrance, EntranceLimits, Turned
from offhook.calls.admission.unacknowledged import Unacknowledged
from offhook.calls.call_services import CallServices
from offhook.calls.ends import Refusal
from offhook.calls.inbound_call import InboundCall
from offhook.calls.ledger.recovery import WORKER_DIED
from offhook.calls.privacy import kept_without_assistant
from offhook.calls.record.call_record import CallRecord
from offhook.calls.routing.decision import from_headers
from offhook.calls.steering import steer
from offhook.calls.trunks.called_number import CalledNumber, CalledNumbers, NotItsGateway
from offhook.log_context import working_for
from offhook.network import turns
from offhook.network.sources import Rate, Source
from offhook.schema.calls.call_watcher import CallWatcher
from offhook.schema.calls.monitored_call import MonitoredCall
from offhook.schema.org import UpdateOrgDTO
from offhook.sip.dialogs.handler import Answer
from offhook.sip.dialogs.invitation import Invitation
from offhook.sip.messages.message import Request
from offhook.sip.messages.telephone import subscriber_of
from offhook.sip.quiet import QuietLog

LOOKUP_SECONDS: Final = 5.0
"""Seconds for finding the number in the database. After that the caller gets 503 rather than no answer."""

OVER_THE_LIMIT: Final = "call.start.error-subscription-concurrency-limit-reached"

REPORTED: Final = (1.0, 20)
REPORTED_OF_ORG: Final = (10.0, 100)
"""Rate, per second and in a burst, of calls above an org's limit that are stored and reported: for one
source, and for the whole org. Calls above this rate are refused without a record."""

LONGEST_LOGGED: Final = 128
"""Characters of the caller's own text in one log line."""

BEGIN_COST: Final = 700
"""Cost of the beginning of a call on the loop, in microseconds, roughly."""

NO_ROOM: Final = Refusal(
    503,
    "call.start.error-vapifault-worker-not-available",
    "all places were taken while it rang, and others waited for one",
    RETRY_AFTER,
)

DRAINING: Final = Turned(503, "draining", RETRY_AFTER)

_log = logging.getLogger(__name__)

Found = tuple[CalledNumber, UpdateOrgDTO]
"""A number and its org."""


class Calls:
    """Handles what the user agent receives."""

    def __init__(self, services: CallServices, limits: EntranceLimits, admission: Admission) -> None:
        self._services = services
        self._limits = limits
        self._admission = admission
        self._numbers = CalledNumbers(services.directory, limits.domains, services.contacts)
        self._entrance = Entrance(limits, asyncio.get_running_loop().time, self._give_way)
        parts = limits.sources.parts
        self._unacknowledged = Unacknowledged(
            limits.calls / parts, lambda: self._entrance.taken, self._give_up
        )
        self._refusals = QuietLog(_log, asyncio.get_running_loop().time)
        self._failures = QuietLog(_log, asyncio.get_running_loop().time)
        self._lane = turns.lane("calls")
        self._active: dict[str, InboundCall] = {}
        self._of_org: Counter[str] = Counter()
        self._of_org_elsewhere = limits.common.places("calls of orgs")
        self._reported = Rate.part(REPORTED, parts)
        self._reported_of_org = Rate.part(REPORTED_OF_ORG, parts)
        self._beyond: set[str] = set()  # of the active ones, those that their org's limit refuses
        self._tasks: set[asyncio.Task[None]] = set()
        self.draining = False
        self.ready: Callable[[], bool] = lambda: True
        """Whether the node can store calls."""
        self.doubt: Callable[[], None] = lambda: None
        """Called when a read has failed, so that the database is checked."""
        self.accepted = 0
        self.refused = 0

    # -- in -------------------------------------------------------------------------------------

    def invited(self, invitation: Invitation) -> None:
        source = self._limits.sources.of(invitation.source.host)
        user = subscriber_of(invitation.request.uri)
        turned = DRAINING if self.draining else self._entrance.turns_away(source, invitation.source, user)
        if turned is not None:
            self._turn_away(invitation, turned)
            return
        task = asyncio.create_task(self._attend(invitation, source, user))
        self._tasks.add(task)
        task.add_done_callback(self._attended)

    async def _attend(self, invitation: Invitation, source: Source, user: str) -> None:
        """Handles one INVITE until its call is over or refused. Whatever fails, the caller gets a final
        response."""
        await self._lane.turn(BEGIN_COST)
        try:
            found = await self._look_up(invitation, source, user)
            outcome = found if isinstance(found, Turned) else self._admit(invitation, source, *found)
        except Exception:
            _log.exception("sip-call=%s could not be admitted", invitation.call_id[:LONGEST_LOGGED])
            outcome = Turned(500, "internal error")
        if isinstance(outcome, Turned):
            self._turn_away(invitation, outcome)
        elif outcome is not None:
            try:
                await outcome.finished.wait()
            finally:
                self._forget(outcome, source)

    def _attended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("an INVITE could not be handled", exc_info=task.exception())

    async def _look_up(self, invitation: Invitation, source: Source, user: str) -> Found | Turned:
        """The number and its org, or the refusal if there is none."""
        self._entrance.look_up(source)
        exists: bool | None = None
        is_public = True
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                called = await self._numbers.find(invitation.request, invitation.source.host)
                exists = called is not None
                is_public = called is None or called.trunk is None
                if called is not None:
                    return called, await self._services.directory.org(called.number.settings.org_id)
        except NotItsGateway:
            exists, is_public = False, False
            refusal = self._admission.demand()
            return Turned(refusal.status, "no gateway of the number's trunk", refusal.headers)
        except Exception as error:
            call_id = invitation.call_id[:LONGEST_LOGGED]
            self._failures.error("sip-call=%s the number could not be looked up: %r", call_id, error)
            self.doubt()
            return Turned(503, "no database", RETRY_AFTER)
        finally:
            self._entrance.looked_up(source, invitation.source, user, exists, is_public=is_public)
        return Turned(404, f"no number {user[:LONGEST_LOGGED]}")

    def _admit(
        self,
        invitation: Invitation,
        source: Source,
        called: CalledNumber,
        org: UpdateOrgDTO,
    ) -> InboundCall | Turned | None:
        """The call that begins, the refusal, or None if the caller has given up meanwhile."""
        if invitation.finished:
            return None
        number = called.number
        challenge = self._admission.challenge(invitation.request, invitation.source, number.settings)
        if challenge is not None:
            return Turned(challenge.status, "authentication", challenge.headers)
        org_id = number.settings.org_id
        with self._limits.common.turn():
            refusal = self._over_the_limit(org_id, org)
            if refusal is not None and not self._reports(source, org_id):
                return Turned(refusal.status, str(refusal), refusal.headers)
            turned = DRAINING if self.draining else self._entrance.enter(source)
            if turned is not None:
                return turned
            if refusal is None:
                self._count(org_id, 1)
        call_id = self._services.new_id()
        self._entrance.ringing.begin(call_id, source)
        try:
            return self._take(call_id, invitation, called, org, refusal)
        except BaseException:
            self._entrance.leave(call_id, source)
            if refusal is None:
                self._count(org_id, -1)
            raise

    def _reports(self, source: Source, org_id: str) -> bool:
        """Whether one more call above the org's limit is stored and reported."""
        now = asyncio.get_running_loop().time()
        own = None if source is None else f"{org_id} {source}"
        return self._reported.admits(own, now) and self._reported_of_org.admits(org_id, now)

    def _take(
        self,
        call_id: str,
        invitation: Invitation,
        called: CalledNumber,
        org: UpdateOrgDTO,
        refusal: Refusal | None,
    ) -> InboundCall:
        invitation.trying()
        services, number = self._services, called.number
        if called.trunk is not None:  # what we have registered is told to the registrar alone
            invitation.contact = number.settings.number or ""
        now = services.now()
        variables = kept(header_variables(invitation.request.headers.items()))
        record = CallRecord(
            id=call_id,
            org_id=number.settings.org_id,
            number=number,
            sip_call_id=invitation.call_id[:MAX_URI],
            customer=customer(invitation.request, trusted=called.trunk is not None),
            created_at=now,
            offset=now - asyncio.get_running_loop().time(),
            overrides=from_headers(variables),
            org=org,
            kept=kept_without_assistant(None, org),
            live_url=services.live_url,
        )
        _log.info(
            "call=%s sip-call=%s from %s to %s", record.id, record.sip_call_id[:LONGEST_LOGGED],
            str(invitation.request.from_.uri)[:LONGEST_LOGGED],
            number.settings.sip_uri or number.settings.number,
        )  # fmt: skip
        with working_for(record.id):
            call = InboundCall(services, invitation, record, self._unacknowledged, self._entrance.ringing)
        self._active[record.id] = call
        if refusal is None:
            self.accepted += 1
        else:
            self._beyond.add(record.id)
            self.refused += 1
        call.start(refusal)
        return call

    def _over_the_limit(self, org_id: str, org: UpdateOrgDTO) -> Refusal | None:
        """The refusal of a call above the org's `concurrencyLimit`. It is 486 and not 503: a proxy would
        apply 503 to the whole node and keep the calls of all other orgs away too (RFC 3261 §21.5.4)."""
        limit = org.concurrency_limit
        if limit is None or self._of_org[org_id] + self._of_org_elsewhere.held(org_id) < limit:
            return None
        return Refusal(486, OVER_THE_LIMIT, f"the org has {limit} calls at once already", RETRY_AFTER)

    def _give_up(self, call_id: str) -> None:
        call = self._active.get(call_id)
        if call is not None:
            call.leg.unacknowledged()

    def _give_way(self, call_id: str) -> None:
        call = self._active.get(call_id)
        if call is not None:
            call.give_way(NO_ROOM)

    def _forget(self, call: InboundCall, source: Source) -> None:
        record = call.record
        del self._active[record.id]
        self._entrance.leave(record.id, source)
        if record.id in self._beyond:
            self._beyond.remove(record.id)
        else:
            self._count(record.org_id, -1)

    def _count(self, org_id: str, more: int) -> None:
        self._of_org[org_id] += more
        self._of_org_elsewhere.hold(org_id, self._of_org[org_id])
        if not self._of_org[org_id]:
            del self._of_org[org_id]

    def _turn_away(self, invitation: Invitation, turned: Turned) -> None:
        self.refused += 1
        self._refusals.info(
            "sip-call=%s refused with %d: %s",
            invitation.call_id[:LONGEST_LOGGED],
            turned.status,
            turned.why,
        )
        invitation.dismiss(turned.status, headers=turned.headers)

    # -- what others ask ------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._active)

    def get(self, call_id: str) -> InboundCall | None:
        return self._active.get(call_id)

    def held(self) -> list[str]:
        """The ids of the calls that are up."""
        return list(self._active)

    def taken(self, call_id: str) -> None:
        """Another node has ended this call and reported it. This node only hangs up."""
        call = self._active.get(call_id)
        if call is not None:
            _log.error("call=%s was ended by another node, which took this one for dead", call_id)
            call.end(WORKER_DIED)

    def takes_calls(self) -> bool:
        return not self.draining and self.ready()

    def options(self, request: Request) -> Answer:
        """The response that an INVITE would get now (RFC 3261 §11.2)."""
        return 200 if self.takes_calls() else (503, RETRY_AFTER, b"")

    async def end_call(self, call_id: str) -> bool:
        """Hang up and wait until the report is written; False if the call is not up here."""
        call = self._active.get(call_id)
        if call is None:
            return False
        call.end("manually-canceled")
        await call.finished.wait()
        return True

    def monitored(self, call_id: str) -> MonitoredCall | None:
        """What may be done with a call that is up here; None for any other."""
        call = self._active.get(call_id)
        return None if call is None or call.is_ending else call.record.monitored

    def watch(self, call_id: str, watcher: CallWatcher) -> Callable[[], None] | None:
        """Tell the watcher what happens in a call that is up here, until the call has ended or what this
        returns is called; None for any other call."""
        call = self._active.get(call_id)
        return None if call is None else call.reporter.watchers.add(watcher)

    async def control(self, call_id: str, message: BaseModel) -> str | None:
        """As for `steering.steer`; None for a call that is not up here."""
        call = self._active.get(call_id)
        if call is None or call.is_ending:
            return None
        with working_for(call_id):
            return await steer(call, message)

    def end_all(self) -> None:
        """Hangs up all calls, because the node stops."""
        for call in self._active.values():
            call.end("worker-shutdown")

    async def drain(self, grace: float) -> None:
        """Accepts no more calls, lets those that are up end within `grace` seconds, then ends the rest."""
        self.draining = True
        calls = list(self._active.values())
        if calls:
            _log.info("draining: %d calls have %g s to end", len(calls), grace)
        waiting = [asyncio.create_task(call.finished.wait()) for call in calls]
        if waiting:
            await asyncio.wait(waiting, timeout=grace)
        self.end_all()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace + 10)
        for task in (*self._tasks, *waiting):
            task.cancel()
