"""One call, from the INVITE to its report: the only writer of its status.

serve():  open a port -> 180 -> who answers? -> engines ready -> 200 -> ACK: in-progress, speak
end():    once, from anywhere: BYE or refusal, recording complete, status and report written together"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from offhook.calls import messages, routing
from offhook.calls.leg import Leg, LegEnd
from offhook.calls.record import CallRecord
from offhook.calls.recording import Recorder
from offhook.calls.reporter import Reporter
from offhook.calls.services import Services
from offhook.calls.state import CallState
from offhook.calls.tools import read_results, tool_call_fields
from offhook.calls.transfer import Transfer, TransferFailed
from offhook.calls.variables import built_in_variables
from offhook.conversation.events import (
    EngineFailed,
    Event,
    ModelUsed,
    ToolOutcome,
    TurnMeasured,
    UserInterrupted,
    VoiceUsed,
)
from offhook.conversation.member import ended_reason
from offhook.conversation.session import Conversation
from offhook.language.base import ModelError, ToolCall
from offhook.rtp.ports import PortsExhausted
from offhook.schema import effective
from offhook.schema.assistant import AssistantOverrides
from offhook.sip.errors import SipError
from offhook.sip.handler import Answer
from offhook.sip.invitation import Invitation
from offhook.sip.message import Request
from offhook.speech.base import EngineError
from offhook.webhooks.client import AskFailed
from offhook.webhooks.receiver import Receiver, choose_server, credential_id, receiver_of

ASSISTANT_REQUEST_SECONDS: Final = 7.5
"""For all of an assistant-request, whatever the server's timeoutSeconds says (wire-facts §3)."""

FINISH_SECONDS: Final = 10.0
"""For putting a call away: engines, files, the last write. Whatever hangs is left behind with a log line."""

LEG_REASONS: Final[dict[LegEnd, str]] = {
    "hung-up": "customer-ended-call",
    "unacknowledged": "call.ringing.error-sip-inbound-call-failed-to-connect",
    "gone": "call.in-progress.error-sip-inbound-call-failed-to-connect",
    "no-audio": "call.in-progress.error-assistant-did-not-receive-customer-audio",
}

_log = logging.getLogger(__name__)


class Call:
    """One inbound call. `serve()` is its task; `finished` is set when nothing of it is left."""

    def __init__(
        self, services: Services, invitation: Invitation, record: CallRecord, org: Mapping[str, Any]
    ) -> None:
        self._services = services
        self._invitation = invitation
        self._org = org
        self._state = CallState()
        self._task: asyncio.Task[None] | None = None
        self._finisher: asyncio.Task[None] | None = None
        self._transfer: Transfer | None = None
        self._on_connected: Callable[[], None] | None = None
        self._recorder: Recorder | None = None
        self._activity = services.activity.open(self._heard_activity)
        self.record = record
        self.reporter = Reporter(record, services.ledger, services.now)
        self.conversation: Conversation | None = None
        source = invitation.source.host
        self.leg = Leg(services.media, self, self, self, peer=source, call_id=record.id)
        self.finished = asyncio.Event()
        invitation.on_cancelled = self._cancelled

    # -- the way up -----------------------------------------------------------------------------

    def start(self) -> None:
        self._task = asyncio.create_task(self._serve(), name=f"call {self.record.id}")

    async def _serve(self) -> None:
        try:
            await self._set_up()
        except SipError as error:
            self._refuse(error.status, "call.ringing.error-sip-inbound-call-failed-to-connect", str(error))
        except PortsExhausted as error:
            _log.error("call=%s %s", self.record.id, error)
            self._refuse(503, "call.start.error-vapifault-worker-not-available", str(error))
        except Exception:
            _log.exception("call=%s could not be set up", self.record.id)
            self._refuse(500, "call.start.error-get-assistant", "internal error")

    async def _set_up(self) -> None:
        record, services = self.record, self._services
        sdp = await self.leg.open(self._invitation.offer)
        self._invitation.provisional(180)
        begun = services.ledger.begin(record)
        await self._listen(None)
        request_assistant = self._ask_for_assistant if self.reporter.receiver is not None else None
        outcome = await routing.who_answers(
            record.number,
            record.customer.get("number"),
            record.overrides.get("variableValues") or {},
            services.directory,
            request_assistant,
        )
        await begun
        if outcome.failure is not None:
            record.debugging = outcome.failure.artifacts or {"error": outcome.failure.error}
            _log.warning("call=%s %s: %s", record.id, outcome.failure.ended_reason, outcome.failure.error)
        self._on_connected = await self._prepare(outcome.action)
        self.leg.session = self._invitation.answer(sdp, self.leg)

    async def _prepare(
        self, action: routing.Assistant | routing.Transfer | routing.Say
    ) -> Callable[[], None]:
        """Get ready for what was decided; returns what to do once the call is connected."""
        match action:
            case routing.Assistant():
                return await self._prepare_assistant(action)
            case routing.Say(text, reason):
                conversation = await self._converse(AssistantOverrides(), {})
                return _in_order(conversation.begin, lambda: conversation.finish(reason, text))
            case routing.Transfer(destination, reason):
                conversation = await self._converse(AssistantOverrides(), {})
                self.record.ended_reason = reason
                return _in_order(conversation.begin, lambda: conversation.send_on(destination))

    async def _prepare_assistant(self, action: routing.Assistant) -> Callable[[], None]:
        record = self.record
        record.assistant = action.document
        record.assistant_id = action.assistant_id
        record.transient_assistant = action.transient
        record.overrides = dict(action.overrides)
        record.squad, record.squad_id = action.squad, action.squad_id
        assistant = AssistantOverrides.model_validate(action.document)
        await self._listen(assistant)
        try:
            return (await self._converse(assistant, action.document)).begin
        except (EngineError, ModelError) as error:
            # The caller hears why nobody speaks, in the platform's own voice.
            _log.error("call=%s %s", record.id, error)
            record.ended_message = str(error)
            return await self._prepare(routing.Say(routing.SORRY, ended_reason(error)))

    async def _converse(self, assistant: AssistantOverrides, document: Mapping[str, Any]) -> Conversation:
        services, record = self._services, self.record
        record.variables = built_in_variables(record, document)
        conversation = Conversation(
            assistant=assistant,
            engines=services.engines(self._context),
            emergency=services.emergency,
            call_id=record.id,
            world=self,
            variables=record.variables,
            render=services.render,
            tell=self._told,
            rng=services.rng,
        )
        try:
            await conversation.prepare()
        except BaseException:
            await conversation.close()
            raise
        record.transcript = conversation.transcript
        self.conversation = conversation
        if effective.artifact_plan(assistant).recording:
            self._recorder = Recorder(services.recordings, record.id, services.writer)
            record.recording_urls = services.recording_urls(record.id)
        return conversation

    async def _listen(self, assistant: AssistantOverrides | None) -> None:
        """From now on the server messages go where this assistant, else the number, else the org says."""
        receiver = await self._receiver(None)
        self.reporter.listen(receiver, effective.server_messages(assistant or AssistantOverrides()))

    async def _receiver(self, tool: Mapping[str, Any] | None) -> Receiver | None:
        """The one server for a message, with the credential it names."""
        record = self.record
        server = choose_server(tool=tool, assistant=record.assistant, number=record.number, org=self._org)
        if server is None:
            return None
        named = credential_id(server)
        if named is None:
            return receiver_of(server, {})
        credential = await self._services.directory.credential(record.org_id, named)
        return receiver_of(server, {} if credential is None else {named: credential})

    async def _ask_for_assistant(self) -> Mapping[str, Any]:
        body = messages.assistant_request(self.record, self._services.now())
        receiver = self.reporter.receiver
        assert receiver is not None
        try:
            return await self._services.ask(receiver, body, ASSISTANT_REQUEST_SECONDS)
        except AskFailed as failed:
            raise routing.RequestFailed(
                failed.kind, failed.detail, failed.status, failed.response
            ) from failed

    # -- the leg --------------------------------------------------------------------------------

    def leg_connected(self) -> None:
        self._state.on("answered")
        self.record.status = self._state.status
        self.record.started_at = self._services.now()
        self.reporter.status()
        _log.info("call=%s answered", self.record.id)
        if self._on_connected is not None:
            self._on_connected()

    def leg_ended(self, end: LegEnd, detail: str) -> None:
        _log.info("call=%s the caller's leg ended: %s (%s)", self.record.id, end, detail)
        reason = LEG_REASONS[end]
        if self._transfer is not None and end == "hung-up":
            reason = self._transfer.reason_when_caller_leaves()
        self.end(reason)

    def leg_requested(self, request: Request) -> Answer | None:
        if request.method == "NOTIFY" and self._transfer is not None:
            return self._transfer.notified(request)
        return None

    # -- audio, on the 20 ms tick ---------------------------------------------------------------

    def next_frame(self) -> bytes | None:
        conversation = self.conversation
        return None if conversation is None else conversation.next_frame()

    def exchanged(self, heard: bytes, said: bytes) -> None:
        conversation = self.conversation
        if conversation is not None:
            self._activity.push(heard)
            conversation.hear(heard, said)
        if self._recorder is not None:
            self._recorder.exchanged(heard, said)

    def digit(self, digit: str, milliseconds: int) -> None:
        if self.conversation is not None:
            self.conversation.keypad(digit)

    def _heard_activity(self, probability: float) -> None:
        if self.conversation is not None:
            self.conversation.voice_activity(probability)

    # -- what the conversation tells and asks ---------------------------------------------------

    def _context(self) -> Mapping[str, object]:
        """What custom engines are told about the call."""
        record = self.record
        return {
            "call": record.resource(self._services.now()),
            "phoneNumber": record.number_resource(),
            "customer": record.customer,
            "assistant": record.assistant,
            "metadata": (record.assistant or {}).get("metadata"),
        }

    def _told(self, event: Event) -> None:
        record = self.record
        match event:
            case TurnMeasured():
                record.turns.append(event)
            case UserInterrupted():
                record.user_interruptions += 1
            case ModelUsed(prompt, completion):
                record.prompt_tokens += prompt
                record.completion_tokens += completion
            case VoiceUsed(characters):
                record.voice_characters += characters
            case EngineFailed(_, detail):
                record.ended_message = detail
                _log.error("call=%s %s", record.id, detail)
            case _:
                pass
        self.reporter.told(event)

    async def run_tool(self, tool: Mapping[str, Any], call: ToolCall) -> ToolOutcome:
        receiver = await self._receiver(tool)
        if receiver is None:
            return ToolOutcome(error=f"no server is set for the tool {call.name}")
        body = messages.envelope(
            "tool-calls", self.record, self._services.now(), **tool_call_fields(tool, call)
        )
        try:
            answer = await self._services.ask(receiver, body, receiver.timeout_seconds)
        except AskFailed as failed:
            _log.warning("call=%s tool %s failed: %s", self.record.id, call.name, failed)
            return ToolOutcome(error=f"the tool's server did not answer: {failed.kind}")
        return read_results(answer, call)

    async def transfer_destination(self, tool: Mapping[str, Any], call: ToolCall) -> Mapping[str, Any] | None:
        receiver = self.reporter.receiver
        if receiver is None:
            return None
        body = messages.envelope("transfer-destination-request", self.record, self._services.now())
        try:
            answer = await self._services.ask(receiver, body, receiver.timeout_seconds)
        except AskFailed as failed:
            _log.warning("call=%s no transfer destination: %s", self.record.id, failed)
            return None
        return routing.destination_of(answer)

    async def assistant_for(self, destination: Mapping[str, Any]) -> AssistantOverrides | None:
        found = await routing.handoff_assistant(
            self.record.org_id,
            self.record.squad,
            destination,
            self.record.overrides,
            self._services.directory,
        )
        return None if found is None else AssistantOverrides.model_validate(found.document)

    def transfer(self, destination: Mapping[str, Any]) -> None:
        if self._transfer is not None or self._finisher is not None:
            return
        self.record.destination = destination
        self._transfer = Transfer(self._services, self.leg, self.record, self._invitation.source, destination)
        self._state.on("forwarded")
        self.record.status = self._state.status
        self.reporter.transferring(dict(destination))
        self.reporter.status()
        self._task = asyncio.create_task(self._forward(self._transfer), name=f"transfer {self.record.id}")

    async def _forward(self, transfer: Transfer) -> None:
        routed = self.record.ended_reason
        try:
            await transfer.run()
        except TransferFailed as failed:
            _log.warning("call=%s transfer failed: %s", self.record.id, failed)
            self.record.ended_message = str(failed)
            if self.conversation is not None:
                reason = routed or "call.in-progress.error-transfer-failed"
                self.conversation.finish(reason, transfer.apology)
            return
        self.end(routed or "assistant-forwarded-call")

    # -- the way down ---------------------------------------------------------------------------

    def end(self, ended_reason: str) -> None:
        """End the call, once; later reasons are not heard."""
        if self._finisher is not None:
            return
        self.record.ended_reason = ended_reason
        self.record.ended_at = self._services.now()
        self._finisher = asyncio.create_task(self._finish(), name=f"end of call {self.record.id}")

    def _cancelled(self) -> None:
        self.end("call.ringing.sip-inbound-caller-hungup-before-call-connect")

    def _refuse(self, status: int, ended_reason: str, detail: str) -> None:
        if not self._invitation.finished:
            self._invitation.reject(status)
        self.record.ended_message = detail
        self.end(ended_reason)

    async def _finish(self) -> None:
        record = self.record
        try:
            async with asyncio.timeout(FINISH_SECONDS):
                await self._put_away()
        except TimeoutError:
            _log.error("call=%s something did not stop within %g s", record.id, FINISH_SECONDS)
        except Exception:
            _log.exception("call=%s could not be put away cleanly", record.id)
        self._state.on("ended")
        record.status = self._state.status
        self.reporter.status()
        await self.reporter.settled()
        _log.info("call=%s ended: %s after %.1f s", record.id, record.ended_reason, record.duration)
        self.finished.set()

    async def _put_away(self) -> None:
        task = self._task
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            await asyncio.wait([task])
        if not self._invitation.finished:
            self._invitation.reject(480)
        self.leg.hang_up()
        if self.conversation is not None:
            await self.conversation.close()
        self._activity.close()
        await self.leg.close()
        await self._close_recording()

    async def _close_recording(self) -> None:
        if self._recorder is None:
            return
        loop = asyncio.get_running_loop()
        written: asyncio.Future[None] = loop.create_future()
        self._recorder.close(lambda: _settle_from_thread(loop, written))
        await written
        if self._recorder.frames == 0 or self._recorder.failed:
            self.record.recording_urls = None if self._recorder.frames == 0 else self.record.recording_urls


def _in_order(*steps: Callable[[], None]) -> Callable[[], None]:
    def run() -> None:
        for step in steps:
            step()

    return run


def _settle_from_thread(loop: asyncio.AbstractEventLoop, future: asyncio.Future[None]) -> None:
    loop.call_soon_threadsafe(_settle, future)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
