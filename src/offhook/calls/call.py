"""One call, from the INVITE to its report: the only writer of its status.

start():  row -> port -> 180 -> who answers? -> engines ready -> 200 -> ACK: in-progress, speak
end():    once, from anywhere: BYE or refusal, port free, recording complete, status and report together"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from offhook.calls.admission.ringing import Ringing
from offhook.calls.admission.unacknowledged import Unacknowledged
from offhook.calls.ends import BROKEN, LEG_FAILURES, LEG_REASONS, Refusal
from offhook.calls.leg import Leg, LegEnd
from offhook.calls.privacy import kept_without_assistant
from offhook.calls.record.call_record import CallRecord
from offhook.calls.record.reporter import Reporter
from offhook.calls.routing import decision as routing
from offhook.calls.services import Services
from offhook.calls.sound import Sound
from offhook.calls.state import CallEvent, CallState
from offhook.calls.transfers.destination import FAILED, Peer
from offhook.calls.transfers.transfer import Transfer, TransferFailed
from offhook.calls.world import in_dialog
from offhook.calls.world.conversing import converse
from offhook.calls.world.knowledge import with_knowledge
from offhook.calls.world.owner import Owner
from offhook.calls.world.variables import learn, refresh
from offhook.conversation.active_assistant import ended_reason
from offhook.conversation.conversation import Conversation
from offhook.conversation.events import (
    EngineFailed,
    Event,
    HandedOver,
    Named,
    ToolOutcome,
)
from offhook.conversation.tools.destination_templates import filled
from offhook.language.base import ModelError, ToolCall
from offhook.log_context import working_for
from offhook.media.client import Line
from offhook.media.recorded import stereo_path
from offhook.network import INTERNAL, turns
from offhook.rtp.ports import PortsExhausted
from offhook.schema import effective
from offhook.schema.assistant import AssistantOverrides
from offhook.sip.dialogs.handler import Answer
from offhook.sip.dialogs.invitation import Invitation
from offhook.sip.errors import SipError
from offhook.sip.messages.message import Request
from offhook.speech.base import EngineError

ROW_WITHIN_SECONDS: Final = 2.0
"""For the row of a call to be written before it is answered."""

PREPARE_COST: Final = 1000
END_COST: Final = 500
"""Of getting ready to answer, and of ending, in microseconds, about."""

PUT_AWAY_SECONDS: Final = 10.0
"""For each part of a call to end. What hangs is left behind with a log line."""

_log = logging.getLogger(__name__)


class Call:
    """One inbound call. `start` begins it; `finished` is set when nothing of it is left."""

    def __init__(
        self,
        services: Services,
        invitation: Invitation,
        record: CallRecord,
        org: Mapping[str, Any],
        unacknowledged: Unacknowledged,
        ringing: Ringing,
    ) -> None:
        self._services = services
        self._invitation = invitation
        self._unacknowledged = unacknowledged
        self._ringing = ringing
        self._lane = turns.lane("calls")
        self._state = CallState()
        self._task: asyncio.Task[None] | None = None
        self._finisher: asyncio.Task[None] | None = None
        self._returned: Transfer | None = None
        self._on_connected: Callable[[], None] | None = None
        self._sound = Sound()
        self._owner = Owner(services, record, org)
        self.record = record
        self.reporter = Reporter(record, services.ledger, services.now)
        sound, source = self._sound, invitation.source.host
        self.leg = Leg(services.media, self, sound, peer=source, call_id=record.id)
        self.finished = asyncio.Event()
        invitation.on_cancelled = self._cancelled

    @property
    def conversation(self) -> Conversation | None:
        """None until somebody is there to speak."""
        return self._sound.conversation

    # -- the way up -----------------------------------------------------------------------------

    def start(self, refusal: Refusal | None = None) -> None:
        """Answer the call, or only write down and report that it is refused."""
        self._work(self._serve(refusal), "call")

    def _work(self, work: Coroutine[Any, Any, None], what: str) -> None:
        """The task that brings the call on; if it breaks, the call ends instead of staying as it is."""
        with working_for(self.record.id):
            self._task = asyncio.create_task(work, name=f"{what} {self.record.id}")
        self._task.add_done_callback(self._worked)

    def _worked(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            _log.error("call=%s broke", self.record.id, exc_info=task.exception())
            self.record.explain(BROKEN, INTERNAL)
            self.end(BROKEN)

    async def _serve(self, refusal: Refusal | None) -> None:
        begun = self.reporter.begin()
        try:
            await self._listen(AssistantOverrides())
            if refusal is not None:
                raise refusal
            await self._set_up(begun)
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

    async def _set_up(self, begun: asyncio.Future[None]) -> None:
        record, services = self.record, self._services
        sdp = await self.leg.open(self._invitation.offer)
        self._invitation.provisional(180)
        receiver = self.reporter.receiver
        outcome = await routing.who_answers(
            record.number,
            record.customer.get("number"),
            record.overrides.get("variableValues") or {},
            services.directory,
            None if receiver is None else lambda: self._owner.assistant_request(receiver),
        )
        # Hundreds may be answered, or not answered in time, at the same moment.
        await self._lane.turn(PREPARE_COST)
        # A store that is slow must not keep the caller waiting: the row follows.
        await asyncio.wait([begun], timeout=ROW_WITHIN_SECONDS)
        if not isinstance(outcome.action, routing.Assistant):
            meant = await routing.meant(record.number, outcome.failure, services.directory)
            record.kept = kept_without_assistant(meant, record.org)
        if outcome.failure is not None:
            failure = outcome.failure
            record.debugging = record.shown(failure.artifacts or {"error": failure.error})
            for reason in (failure.ended_reason, _reason_of(outcome.action)):
                record.explain(reason, str(failure))
            _log.warning("call=%s %s: %s", record.id, failure.ended_reason, failure)
        self._on_connected = await self._prepare(outcome.action)
        self.leg.session = self._invitation.answer(sdp, self.leg)
        self._ringing.answered(record.id)
        if self._invitation.transport == "udp":
            self._unacknowledged.add(record.id)

    async def _prepare(
        self, action: routing.Assistant | routing.Transfer | routing.Say
    ) -> Callable[[], None]:
        """Get ready for what was decided; returns what to do once the call is connected."""
        match action:
            case routing.Assistant():
                return await self._prepare_assistant(action)
            case routing.Say(text, reason, ours):
                text = self._fill(text) if ours else text
                return await self._prepare_last_words(text, reason, AssistantOverrides())
            case routing.Transfer(given, reason, ours):
                self.record.ended_reason = reason
                destination = filled(given, self._fill) if ours else given
                try:
                    conversation = await self._converse(AssistantOverrides())
                except (EngineError, ModelError) as error:
                    _log.error("call=%s the transfer goes unannounced: %s", self.record.id, error.unquoted)
                    return lambda: self.transfer(destination)
                return _in_order(conversation.begin, lambda: conversation.send_on(destination))

    def _fill(self, text: str) -> str:
        refresh(self.record)
        return self._services.render(text, self.record.variables)

    async def _prepare_assistant(self, action: routing.Assistant) -> Callable[[], None]:
        record = self.record
        record.answered_by(action)
        await self._listen(action.settings)
        settings = await self._owner.equipped(action.settings)
        try:
            return (await self._converse(settings)).begin
        except (EngineError, ModelError) as error:
            # The caller hears that nobody speaks, in the platform's own voice.
            _log.error("call=%s %s", record.id, str(error) if record.kept.words else error.unquoted)
            record.explain(ended_reason(error), str(error), error.unquoted)
            hooks = AssistantOverrides(hooks=settings.hooks)
            return await self._prepare_last_words(routing.SORRY, ended_reason(error), hooks)

    async def _prepare_last_words(
        self, text: str, reason: str, settings: AssistantOverrides
    ) -> Callable[[], None]:
        """Say `text` and end the call for `reason`, unless a hook of the assistant's has it otherwise."""
        try:
            conversation = await self._converse(settings)
        except (EngineError, ModelError) as error:
            # Nobody is there who could say it.
            self.record.explain_further(reason, str(error), error.unquoted)
            detail, unquoted = self.record.why[reason]
            raise Refusal(503, reason, detail, unquoted=unquoted) from error
        return _in_order(conversation.begin, lambda: conversation.finish(reason, text))

    async def _converse(self, assistant: AssistantOverrides) -> Conversation:
        services, record = self._services, self.record
        refresh(record)
        engines = with_knowledge(services.engines(self._context), self._owner.knowledge)
        conversation = await converse(
            services, record, assistant, engines=engines, world=self, tell=self._told
        )
        record.transcript = conversation.transcript
        assert self.leg.line is not None
        self._sound.converse(conversation, self.leg.line, record.kept.audio)
        return conversation

    async def _listen(self, assistant: AssistantOverrides) -> None:
        """From now on the server messages go where this assistant, else the number, else the org says."""
        self.reporter.listen(await self._owner.receiver(), effective.server_messages(assistant))

    # -- the leg --------------------------------------------------------------------------------

    def leg_connected(self) -> None:
        self._unacknowledged.remove(self.record.id)
        self._ringing.acknowledged(self.record.id)
        if self._finisher is not None:
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

    # -- what the conversation tells and asks ---------------------------------------------------

    def _context(self) -> Mapping[str, object]:
        """What custom engines are told about the call."""
        record = self.record
        return {
            "call": record.resource(self._services.now()),
            "phoneNumber": record.number_resource(),
            "customer": record.customer,
            "assistant": record.assistant_resource(),
            "metadata": (record.assistant or {}).get("metadata"),
        }

    def _told(self, event: Event) -> None:
        self.record.note(event)
        if isinstance(event, EngineFailed):
            shown = event.detail if self.record.kept.words else event.unquoted
            _log.error("call=%s %s", self.record.id, shown)
        elif isinstance(event, HandedOver):
            self._handed_over(event)
        self.reporter.told(event)

    def _handed_over(self, event: HandedOver) -> None:
        """Another assistant speaks: messages are about it, and go where it says."""
        record = self.record
        found, receiver = self._owner.taken_over(event.assistant)
        left = record.assistant_resource()
        record.taken_over_by(found.document, found.settings, found.assistant_id)
        self._sound.keep(record.kept.audio)
        own = (event.destination.get("assistantOverrides") or event.destination.get("squadOverrides")) or {}
        learn(record, event.learned, instead_of=own.get("variableValues"))
        self.reporter.handed_over(event.destination, left)
        # One that has no server of its own is reported to who got the messages so far.
        self.reporter.listen(receiver or self.reporter.receiver, effective.server_messages(event.assistant))
        self.reporter.assistant_started()

    async def run_tool(self, tool: Mapping[str, Any], call: ToolCall) -> ToolOutcome:
        if tool.get("type") in in_dialog.TYPES:
            return await in_dialog.run(self.leg, tool, call, self._owner.render)
        return await self._owner.run_tool(tool, call)

    async def transfer_destination(self, tool: Mapping[str, Any], call: ToolCall) -> Named:
        return await self._owner.transfer_destination(tool)

    async def handoff_destination(
        self, tool: Mapping[str, Any], destination: Mapping[str, Any], call: ToolCall
    ) -> Named:
        return await self._owner.handoff_destination(tool, destination, call)

    async def endpointing(self, server: Mapping[str, Any] | None) -> float | None:
        return await self._owner.endpointing(server)

    async def assistant_for(self, destination: Mapping[str, Any]) -> AssistantOverrides | None:
        return await self._owner.assistant_for(destination)

    def transfer(self, destination: Mapping[str, Any]) -> None:
        if self._sound.transfer is not None or self._finisher is not None:
            return
        self.record.destination = shown = self.record.shown(destination)
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
            _log.exception("call=%s transfer broke", self.record.id)
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
        elif transfer.ends_call_on_failure:
            conversation.finish(reason, transfer.apology)
        else:
            conversation.resume()
            conversation.say(transfer.apology)

    # -- the way down ---------------------------------------------------------------------------

    def end(self, ended_reason: str) -> None:
        """End the call, once; later reasons are not heard."""
        if self._finisher is not None:
            return
        self._unacknowledged.remove(self.record.id)
        self.record.ends(ended_reason, self._services.now())
        with working_for(self.record.id):
            self._finisher = asyncio.create_task(self._finish(), name=f"end of call {self.record.id}")

    def give_way(self, refusal: Refusal) -> None:
        """Somebody else has its place; it has not been answered."""
        if self._finisher is None:
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
            await self._put_away()
            self._move("ended")
            await self.reporter.settled()
            _log.info("call=%s ended: %s after %.1f s", record.id, record.ended_reason, record.duration)
        except Exception:
            _log.exception("call=%s did not end cleanly", record.id)
        finally:
            self.finished.set()

    async def _put_away(self) -> None:
        """What others wait for goes first, the BYE and the port; what may hang has no say in that."""
        task, record = self._task, self.record
        if task is not None:
            task.cancel()
        await self._within_limit("leg", self._hang_up())
        if task is not None and not task.done():
            await self._within_limit("set-up", asyncio.wait([task]))
        conversation = self.conversation
        if conversation is not None:
            await self._within_limit("hooks", conversation.conclude(record.ended_reason or ""))
            await self._within_limit("conversation", conversation.close())
        if self._sound.recorded is not None:
            await self._within_limit("recording", self._close_recording(self._sound.recorded))

    async def _hang_up(self) -> None:
        try:
            self._invitation.reject(480)
            self.leg.hang_up()
        finally:
            try:
                self._sound.close()
            finally:
                await self.leg.close()

    async def _within_limit(self, what: str, ending: Coroutine[Any, Any, object]) -> None:
        try:
            async with asyncio.timeout(PUT_AWAY_SECONDS):
                await ending
        except TimeoutError:
            _log.error("call=%s its %s did not end within %g s", self.record.id, what, PUT_AWAY_SECONDS)
        except Exception:
            _log.exception("call=%s its %s did not end cleanly", self.record.id, what)

    async def _close_recording(self, line: Line) -> None:
        record, services = self.record, self._services
        begun = False
        try:
            begun = await line.stop_recording()
        finally:
            # A disk that hangs may have the files all the same.
            if begun or stereo_path(services.recordings, record.id).is_file():
                record.recording_urls = services.recording_urls(record.id)


def _reason_of(action: routing.Action) -> str:
    return "" if isinstance(action, routing.Assistant) else action.ended_reason


def _in_order(*steps: Callable[[], None]) -> Callable[[], None]:
    def run() -> None:
        for step in steps:
            step()

    return run
