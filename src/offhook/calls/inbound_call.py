"""One call, from the INVITE to its report: the only writer of its status.

start():  set-up (set_up.py); after the ACK in-progress, and somebody speaks
end():    once, from anywhere: tear-down (tear_down.py), then status and report together"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final

from offhook.calls.admission.ringing import Ringing
from offhook.calls.admission.unacknowledged import Unacknowledged
from offhook.calls.audio_owner import AudioOwner
from offhook.calls.call_components import CallComponents
from offhook.calls.call_services import CallServices
from offhook.calls.ends import BROKEN, LEG_FAILURES, LEG_REASONS, Refusal
from offhook.calls.leg import Leg, LegEnd
from offhook.calls.record.call_record import CallRecord
from offhook.calls.record.reporter import Reporter
from offhook.calls.set_up import SetUp
from offhook.calls.state import CallEvent, CallState
from offhook.calls.tear_down import TearDown
from offhook.calls.transfers.transfer import Transfer, TransferFailed
from offhook.calls.transfers.transfer_destination import FAILED, Peer
from offhook.calls.world.call_world import CallWorld
from offhook.calls.world.handover import variables_of
from offhook.calls.world.owner import Owner
from offhook.calls.world.variables import learn, learn_anew, refresh
from offhook.conversation.conversation import Conversation
from offhook.conversation.events import CallerTold, EngineFailed, Event, HandedOver
from offhook.conversation.own_words import NOT_TRANSFERRED
from offhook.log_context import working_for
from offhook.network import INTERNAL, turns
from offhook.rtp.ports import PortsExhausted
from offhook.schema.assistants import effective
from offhook.schema.assistants.assistant import AssistantOverrides
from offhook.schema.tools.destination import CallDestination
from offhook.sip.dialogs.handler import Answer
from offhook.sip.dialogs.invitation import Invitation
from offhook.sip.errors import SipError
from offhook.sip.messages.message import Request

END_COST: Final = 500
"""Cost of the end of a call on the loop, in microseconds, roughly."""

_log = logging.getLogger(__name__)


class InboundCall:
    """One inbound call. `start` begins it. `finished` is set when all of it has ended."""

    def __init__(
        self,
        services: CallServices,
        invitation: Invitation,
        record: CallRecord,
        unacknowledged: Unacknowledged,
        ringing: Ringing,
    ) -> None:
        self._services = services
        self._invitation = invitation
        self._unacknowledged = unacknowledged
        self._ringing = ringing
        self._lane = turns.lane("calls")
        self._state = CallState()
        self._working: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._returned: Transfer | None = None
        self._on_connected: Callable[[], None] | None = None
        self._sound = AudioOwner()
        self._owner = Owner(services, record)
        self.record = record
        self.reporter = Reporter(record, services.ledger, services.now)
        source = invitation.source.host
        self.leg = Leg(
            services.media,
            self,
            self._sound,
            peer=source,
            call_id=record.id,
            secure=invitation.transport.secure,
        )
        parts = CallComponents(
            services, invitation, record, self.reporter, self._owner, self._sound, self.leg
        )
        self._world = CallWorld(self._owner, self.leg, self.transfer, self.end)
        self._context = partial(record.engine_context, services.now)
        self._set_up = SetUp(parts, self._world, self._told, self._context)
        self._tear_down = TearDown(parts)
        self.finished = asyncio.Event()
        invitation.on_cancelled = self._cancelled

    @property
    def conversation(self) -> Conversation | None:
        """None until somebody speaks."""
        return self._sound.conversation

    @property
    def is_ending(self) -> bool:
        return self._ending is not None

    # -- the way up -----------------------------------------------------------------------------

    def start(self, refusal: Refusal | None = None) -> None:
        """Answers the call; or only stores and reports it, if it is refused."""
        self._work(self._serve(refusal), "call")

    def _work(self, work: Coroutine[Any, Any, None], what: str) -> None:
        """Runs the task that advances the call. If the task fails, the call ends rather than staying as it
        is."""
        with working_for(self.record.id):
            self._working = asyncio.create_task(work, name=f"{what} {self.record.id}")
        self._working.add_done_callback(self._worked)

    def _worked(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            # Its own end cancels it too, and is under way then.
            self.end(BROKEN)
        elif task.exception() is not None:
            _log.error("call=%s failed unexpectedly and is ended", self.record.id, exc_info=task.exception())
            self.record.explain(BROKEN, INTERNAL)
            self.end(BROKEN)

    async def _serve(self, refusal: Refusal | None) -> None:
        begun = self.reporter.begin()
        try:
            await self._set_up.listen(AssistantOverrides())
            if refusal is not None:
                raise refusal
            self._on_connected = await self._set_up.run(begun)
            self._ringing.answered(self.record.id)
            if not self._invitation.transport.reliable:
                self._unacknowledged.add(self.record.id)
        except Refusal as error:
            self._refuse(error)
        except SipError as error:
            reason = "call.ringing.error-sip-inbound-call-failed-to-connect"
            self._refuse(Refusal(error.status, reason, str(error)))
        except PortsExhausted as error:
            self._refuse(Refusal(503, "call.start.error-vapifault-worker-not-available", str(error)))
        except Exception:
            _log.exception("call=%s could not be set up", self.record.id)
            detail = f"the call could not be set up: {INTERNAL}"
            self._refuse(Refusal(500, "call.start.error-get-assistant", detail))

    # -- the leg --------------------------------------------------------------------------------

    def leg_connected(self) -> None:
        self._unacknowledged.remove(self.record.id)
        self._ringing.acknowledged(self.record.id)
        if self._ending is not None:
            return
        self.record.started_at = self._services.now()
        self._move("answered")
        refresh(self.record)
        self.reporter.assistant_started()
        _log.info("call=%s answered", self.record.id)
        if self._on_connected is not None:
            self._on_connected()

    def leg_ended(self, end: LegEnd, detail: str) -> None:
        _log.info("call=%s the caller's leg ended: %s (%s)", self.record.id, end, detail)
        reason = LEG_REASONS[end]
        if end in LEG_FAILURES:
            self.record.explain(reason, f"{LEG_FAILURES[end]}: {detail}")
        if self._sound.transfer is not None and end == "hung-up":
            reason = self._sound.transfer.reason_when_caller_leaves()
        elif self._returned is not None and end == "hung-up":
            reason = self._returned.reason_when_caller_leaves_later or reason
        self.end(reason)

    def leg_requested(self, request: Request) -> Answer | None:
        if request.method == "NOTIFY" and self._sound.transfer is not None:
            return self._sound.transfer.notified(request)
        return None

    # -- what the conversation tells ------------------------------------------------------------

    def _told(self, event: Event) -> None:
        self.record.note(event)
        if isinstance(event, EngineFailed):
            shown = event.detail if self.record.kept.words else event.unquoted
            _log.error("call=%s %s", self.record.id, shown)
        elif isinstance(event, HandedOver):
            self._handed_over(event)
        elif isinstance(event, CallerTold):
            learn_anew(self.record, event.learned)
        self.reporter.told(event)

    def _handed_over(self, event: HandedOver) -> None:
        """Another assistant speaks now: messages are about it, and go to its server."""
        record = self.record
        found, receiver = self._owner.taken_over(event.assistant)
        left = record.assistant_resource()
        record.taken_over_by(found)
        self._sound.keep(record.kept.audio)
        destination = event.destination
        learn(record, event.learned, instead_of=variables_of(destination))
        self.reporter.handed_over(destination, left)
        # One that has no server of its own is reported to who got the messages so far.
        self.reporter.listen(receiver or self.reporter.receiver, effective.server_messages(event.assistant))
        self.reporter.assistant_started()

    # -- transfers ------------------------------------------------------------------------------

    def transfer(self, destination: CallDestination) -> None:
        """Hands the caller on, unless a transfer is under way already or the call ends."""
        if self._sound.transfer is not None or self._ending is not None:
            return
        self.record.destination = shown = self.record.shown(self.record.dumped(destination))
        invitation = self._invitation
        self._sound.transfer = transfer = Transfer(
            self._services,
            self.leg,
            self.record,
            Peer(invitation.source, invitation.transport, invitation.request.max_forwards),
            destination,
            self.conversation,
            self._context,
            self._owner,
        )
        self.reporter.transferring(shown)
        self._work(self._forward(transfer), "transfer")

    async def _forward(self, transfer: Transfer) -> None:
        try:
            reason = await transfer.run(self._forwarding)
        except TransferFailed as failed:
            _log.warning("call=%s transfer failed: %s", self.record.id, failed)
            self._sound.transfer, self._returned = None, transfer
            self._after_failed_transfer(transfer, failed.ended_reason, str(failed))
        except Exception:
            _log.exception("call=%s transfer failed unexpectedly", self.record.id)
            self._sound.transfer, self._returned = None, transfer
            self._after_failed_transfer(transfer, FAILED, INTERNAL)
        else:
            self.end(reason)

    def _forwarding(self) -> None:
        if self._state.allows("forwarded"):
            self._move("forwarded")

    def _after_failed_transfer(self, transfer: Transfer, reason: str, detail: str) -> None:
        """The call ends for what led to the transfer, if that was a failure before it."""
        conversation = self.conversation
        before = self.record.ended_reason
        failed = f"the transfer failed: {detail}"
        if before:
            reason = before
            self.record.explain_further(reason, failed)
        else:
            self.record.explain(reason, failed)
        if conversation is None:
            self.end(reason)
            return
        apology = conversation.own(NOT_TRANSFERRED) if transfer.apology is None else transfer.apology
        if transfer.ends_call_on_failure:
            conversation.finish(reason, apology)
        else:
            conversation.resume()
            conversation.say(apology)

    # -- the way down ---------------------------------------------------------------------------

    def end(self, ended_reason: str) -> None:
        """End the call, once; later reasons are not heard."""
        if self._ending is not None:
            return
        self._unacknowledged.remove(self.record.id)
        self.record.ends(ended_reason, self._services.now())
        with working_for(self.record.id):
            self._ending = asyncio.create_task(self._finish(), name=f"end of call {self.record.id}")
        self._ending.add_done_callback(self._ended)

    def give_way(self, refusal: Refusal) -> None:
        """Somebody else has its place; it has not been answered."""
        if self._ending is None:
            self._refuse(refusal)

    def _move(self, event: CallEvent) -> None:
        self.record.status = self._state.on(event)
        self.reporter.status()

    def _cancelled(self) -> None:
        self.end("call.ringing.sip-inbound-caller-hungup-before-call-connect")

    def _refuse(self, refusal: Refusal) -> None:
        shown = str(refusal) if self.record.kept.words else refusal.unquoted
        _log.warning("call=%s refused with %d: %s", self.record.id, refusal.status, shown)
        self._invitation.reject(refusal.status, headers=refusal.headers)
        self.record.explain(refusal.ended_reason, str(refusal), refusal.unquoted)
        self.end(refusal.ended_reason)

    async def _finish(self) -> None:
        record = self.record
        try:
            await self._lane.turn(END_COST)
            await self._tear_down.run(self._working)
            self._move("ended")
            await self.reporter.settled()
            _log.info("call=%s ended: %s after %.1f s", record.id, record.ended_reason, record.duration)
        except Exception:
            _log.exception("call=%s did not end cleanly", record.id)
        finally:
            self.finished.set()

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Called when the task has ended: a task that is cancelled before its first step never reaches its
        `finally`."""
        if task.cancelled():
            _log.error("call=%s was cancelled before its end was complete", self.record.id)
        self.reporter.watchers.over()
        self.finished.set()
