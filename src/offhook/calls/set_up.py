"""A call's way up:

row -> port -> 180 -> who answers? -> engines ready -> 200"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Final

from offhook.calls.call_components import CallComponents
from offhook.calls.ends import Refusal
from offhook.calls.privacy import kept_without_assistant
from offhook.calls.routing.decision import meant, who_answers
from offhook.calls.routing.outcome import (
    SORRY,
    AnsweringAssistant,
    ForwardedCaller,
    LastWords,
    RoutingAction,
    RoutingOutcome,
)
from offhook.calls.world.conversing import converse
from offhook.calls.world.knowledge import with_knowledge
from offhook.calls.world.variables import refresh
from offhook.conversation.active_assistant import ended_reason
from offhook.conversation.conversation import Conversation
from offhook.conversation.events import Event, World
from offhook.conversation.tools.destination_templates import filled
from offhook.network import turns
from offhook.schema.assistants import effective
from offhook.schema.assistants.assistant import AssistantOverrides
from offhook.speech.engine_protocols import EngineError
from offhook.speech.remote import CallContext

ROW_WITHIN_SECONDS: Final = 2.0
"""Seconds for the call's row to be written before the call is answered."""

PREPARE_COST: Final = 1000
"""Cost of preparing an answer on the loop, in microseconds, roughly."""

_log = logging.getLogger(__name__)

Connected = Callable[[], None]
"""Is called once the call is connected: it lets somebody speak."""


class SetUp:
    """`context` is what engines are told about the call. `tell` gets the conversation's events."""

    def __init__(
        self, parts: CallComponents, world: World, tell: Callable[[Event], None], context: CallContext
    ) -> None:
        self._parts = parts
        self._world = world
        self._tell = tell
        self._context = context
        self._lane = turns.lane("calls")

    async def listen(self, assistant: AssistantOverrides) -> None:
        """Sets the server for messages from now on: that of this assistant, else the number's, else the
        org's."""
        receiver = await self._parts.owner.receiver()
        self._parts.reporter.listen(receiver, effective.server_messages(assistant))

    async def run(self, begun: asyncio.Future[None]) -> Connected:
        """Answer the call; `begun` is done when its row is written. Raises Refusal, SipError and
        PortsExhausted."""
        parts = self._parts
        sdp = await parts.leg.open(parts.invitation.offer)
        parts.invitation.provisional(180)
        outcome = await self._who_answers()
        # Hundreds may be answered, or not answered in time, at the same moment.
        await self._lane.turn(PREPARE_COST)
        # A store that is slow must not keep the caller waiting: the row follows.
        await asyncio.wait([begun], timeout=ROW_WITHIN_SECONDS)
        await self._note(outcome)
        connected = await self._prepare(outcome.action)
        parts.leg.session = parts.invitation.answer(sdp, parts.leg)
        return connected

    async def _who_answers(self) -> RoutingOutcome:
        record, receiver = self._parts.record, self._parts.reporter.receiver
        return await who_answers(
            record.number.settings,
            record.customer.get("number"),
            record.overrides.variable_values or {},
            self._parts.services.directory,
            None if receiver is None else lambda: self._parts.owner.assistant_request(receiver),
        )

    async def _note(self, outcome: RoutingOutcome) -> None:
        """Records why no assistant answers the call, if none does."""
        record, failure = self._parts.record, outcome.failure
        if not isinstance(outcome.action, AnsweringAssistant):
            given = await meant(record.number.settings, failure, self._parts.services.directory)
            record.kept = kept_without_assistant(given, record.org)
        if failure is None:
            return
        record.debugging = record.shown(failure.artifacts or {"error": failure.error})
        for reason in (failure.ended_reason, _reason_of(outcome.action)):
            record.explain(reason, str(failure))
        _log.warning("call=%s %s: %s", record.id, failure.ended_reason, failure)

    async def _prepare(self, action: RoutingAction) -> Connected:
        """Prepares what was decided."""
        match action:
            case AnsweringAssistant():
                return await self._prepare_assistant(action)
            case LastWords(text, reason, ours):
                text = self._fill(text) if ours else text
                return await self._prepare_last_words(text, reason, AssistantOverrides())
            case ForwardedCaller():
                return await self._prepare_transfer(action)

    async def _prepare_transfer(self, action: ForwardedCaller) -> Connected:
        record = self._parts.record
        record.ended_reason = action.ended_reason
        destination = filled(action.destination, self._fill) if action.ours else action.destination
        try:
            conversation = await self._converse(AssistantOverrides())
        except EngineError as error:
            _log.error("call=%s the transfer is not announced: %s", record.id, error.unquoted)
            return lambda: self._world.transfer(destination)
        return _in_order(conversation.begin, lambda: conversation.send_on(destination))

    def _fill(self, text: str) -> str:
        record = self._parts.record
        refresh(record)
        return self._parts.services.render(text, record.variables)

    async def _prepare_assistant(self, action: AnsweringAssistant) -> Connected:
        record = self._parts.record
        record.answered_by(action)
        await self.listen(action.found.settings)
        settings = await self._parts.owner.equipped(action.found.settings)
        try:
            return (await self._converse(settings)).begin
        except EngineError as error:
            # The caller hears that nobody speaks, in the platform's own voice.
            _log.error("call=%s %s", record.id, str(error) if record.kept.words else error.unquoted)
            record.explain(ended_reason(error), str(error), error.unquoted)
            hooks = AssistantOverrides(hooks=settings.hooks)
            return await self._prepare_last_words(SORRY, ended_reason(error), hooks)

    async def _prepare_last_words(self, text: str, reason: str, settings: AssistantOverrides) -> Connected:
        """Says `text` and ends the call for `reason`, unless one of the assistant's hooks decides
        otherwise."""
        try:
            conversation = await self._converse(settings)
        except EngineError as error:
            # Nobody is there who could say it.
            record = self._parts.record
            record.explain_further(reason, str(error), error.unquoted)
            detail, unquoted = record.why[reason]
            raise Refusal(503, reason, detail, unquoted=unquoted) from error
        return _in_order(conversation.begin, lambda: conversation.finish(reason, text))

    async def _converse(self, assistant: AssistantOverrides) -> Conversation:
        parts, record = self._parts, self._parts.record
        refresh(record)
        credentials = partial(parts.services.directory.credentials_for, record.org_id)
        made = parts.services.engines(self._context, credentials, record.org_id)
        engines = with_knowledge(made, parts.owner.knowledge)
        conversation = await converse(
            parts.services, record, assistant, engines=engines, world=self._world, tell=self._tell
        )
        record.transcript = conversation.transcript
        assert parts.leg.line is not None
        parts.sound.converse(conversation, parts.leg.line, record.kept.audio)
        return conversation


def _reason_of(action: RoutingAction) -> str:
    return "" if isinstance(action, AnsweringAssistant) else action.ended_reason


def _in_order(*steps: Connected) -> Connected:
    def run() -> None:
        for step in steps:
            step()

    return run
