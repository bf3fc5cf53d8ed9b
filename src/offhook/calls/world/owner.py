"""What a call asks of its owner: of the servers that they run, and of what they have stored."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from offhook.calls.equipment import equipped
from offhook.calls.leg import Leg
from offhook.calls.record import messages
from offhook.calls.record.call_record import CallRecord
from offhook.calls.routing import decision as routing
from offhook.calls.services import Services
from offhook.calls.world import knowledge
from offhook.calls.world.attempts import attempted
from offhook.calls.world.handover import Successor, handoff_answer, successor, transfer_answer
from offhook.calls.world.tools.tool_site import ToolSite
from offhook.calls.world.variables import knowing_what_was_said
from offhook.conversation.events import Named, ToolOutcome
from offhook.conversation.tools.destinations import destination_name
from offhook.conversation.tools.tool_kinds import kind_of
from offhook.language.base import ToolCall
from offhook.schema.answered import unwrapped
from offhook.schema.assistant import Assistant, AssistantOverrides
from offhook.schema.server_message import (
    AssistantRequest,
    Body,
    CallEndpointingRequest,
    HandoffDestinationRequest,
    KnowledgeBaseRequest,
    TransferDestinationRequest,
)
from offhook.webhooks.client import AskFailed
from offhook.webhooks.receiver import Receiver, choose_server, credential_id, receiver_of

ASSISTANT_REQUEST_SECONDS: Final = 7.5
"""For all of an assistant-request, whatever the server's timeoutSeconds says (vapi-wire §3)."""

_log = logging.getLogger(__name__)


class Owner:
    """One call's view of them. `org`: the org's document."""

    def __init__(self, services: Services, record: CallRecord, org: Mapping[str, Any]) -> None:
        self._services = services
        self._record = record
        self._fill = knowing_what_was_said(record, services.render)
        self._org = org
        self._squad: Mapping[str, Any] | None = None  # one that the call was handed to
        self._site = ToolSite(
            record=record,
            receiver=self.receiver,
            ask=self._ask,
            credential=partial(services.directory.credential, record.org_id),
            send=services.send,
            fill=self._fill,
        )
        self._coming: list[tuple[AssistantOverrides, Successor, Receiver | None]] = []

    async def receiver(self, tool: Mapping[str, Any] | None = None) -> Receiver | None:
        """The one server for a message, with the credential it names: the tool's, else the assistant's once
        there is one, else the number's, else the org's (vapi-wire §4.1)."""
        return await self._receiver({"tool": tool, "assistant": self._record.assistant})

    async def _receiver(self, first: Mapping[str, Mapping[str, Any] | None]) -> Receiver | None:
        record = self._record
        server = choose_server(**first, number=record.number, org=self._org)
        if server is None:
            return None
        named = credential_id(server)
        if named is None:
            return receiver_of(server, {})
        credential = await self._services.directory.credential(record.org_id, named)
        return receiver_of(server, {} if credential is None else {named: credential})

    async def assistant_request(self, receiver: Receiver) -> Mapping[str, Any]:
        """Who shall answer? Raises routing.RequestFailed."""
        try:
            return await self._ask(receiver, AssistantRequest(), ASSISTANT_REQUEST_SECONDS)
        except AskFailed as failed:
            raise routing.RequestFailed(
                failed.kind, failed.detail, failed.status, failed.response
            ) from failed

    async def run_tool(self, tool: Mapping[str, Any], call: ToolCall, leg: Leg | None = None) -> ToolOutcome:
        """Run a tool, on the caller's `leg` if it is one that acts on it. Never raises."""
        try:
            return await kind_of(tool).run(replace(self._site, leg=leg), tool, call)
        except AskFailed as failed:
            _log.warning("call=%s tool %s failed: %s", self._record.id, call.name, failed)
            return ToolOutcome(error=f"the tool's server did not answer: {failed.kind}")
        except Exception:
            _log.exception("call=%s tool %s could not be run", self._record.id, call.name)
            return ToolOutcome(error="the tool could not be run")

    async def transfer_destination(self, tool: Mapping[str, Any]) -> Named:
        """Where shall the caller go?"""
        return await self._destination(tool, TransferDestinationRequest(), transfer_answer)

    async def handoff_destination(
        self, tool: Mapping[str, Any], destination: Mapping[str, Any], call: ToolCall
    ) -> Named:
        """Who shall take over? The `dynamic` destination's own server is asked, if it has one."""
        asked = destination if destination.get("server") else tool
        return await self._destination(asked, HandoffDestinationRequest(dict(call.arguments)), handoff_answer)

    async def _destination(
        self, asked: Mapping[str, Any], body: Body, read: Callable[[Mapping[str, Any]], Named]
    ) -> Named:
        receiver = await self.receiver(asked)
        if receiver is None:
            return Named(error="No server is set that could name a destination.")
        try:
            return read(await self._ask(receiver, body))
        except AskFailed as failed:
            _log.warning("call=%s %s failed: %s", self._record.id, body.type, failed)
            return Named(error=f"The server did not name a destination: {failed.kind}.")

    async def knowledge(
        self, server: Mapping[str, Any], question: KnowledgeBaseRequest
    ) -> Mapping[str, Any] | None:
        """What the server of a knowledge base answers; None if it does not."""
        receiver = await self.receiver({"server": server})
        if receiver is None:
            return None
        try:
            question = knowledge.timed(question, self._record.messages(), self._record.began * 1000)
            seconds = min(receiver.timeout_seconds, knowledge.MOST_SECONDS)
            return await self._ask(receiver, question, seconds)
        except AskFailed as failed:
            _log.warning("call=%s %s failed: %s", self._record.id, question.type, failed)
            return None

    async def endpointing(self, server: Mapping[str, Any] | None) -> float | None:
        """How long to wait after what the caller said last, in seconds, 0 to 15; None if nobody says."""
        receiver = await self.receiver({"server": server} if server else None)
        if receiver is None:
            return None
        record = self._record
        question = CallEndpointingRequest(record.messages_openai(), messages=record.messages())
        try:
            seconds = (await self._ask(receiver, question)).get("timeoutSeconds")
        except AskFailed as failed:
            _log.warning("call=%s %s failed: %s", record.id, question.type, failed)
            return None
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= 15:
            _log.warning("call=%s %s was answered without timeoutSeconds", record.id, question.type)
            return None
        return seconds

    async def assistant_for(self, destination: Mapping[str, Any]) -> AssistantOverrides | None:
        """The squad's member, or the assistant, that may take over."""
        record = self._record
        found = await successor(
            record.org_id,
            self._squad or record.squad,
            destination,
            record.overrides,
            self._services.directory,
        )
        if found is None:
            _log.warning("call=%s nobody is there for %s", record.id, destination_name(destination))
            return None
        settings = await self.equipped(found.settings)
        receiver = await self._receiver({"assistant": found.document})
        self._coming.append((settings, found, receiver))
        return settings

    def taken_over(self, settings: Assistant) -> tuple[Successor, Receiver | None]:
        """Who it is that `assistant_for` gave as `settings`, and the server that its messages go to."""
        for index, (known, found, receiver) in enumerate(self._coming):
            if known is settings:
                del self._coming[: index + 1]
                self._squad = found.squad
                return found, receiver
        raise LookupError("nobody has asked for this assistant")

    async def equipped(self, settings: AssistantOverrides) -> AssistantOverrides:
        """With the stored tools that it names."""
        record = self._record
        return await equipped(settings, record.org_id, self._services.directory, record.id)

    async def _ask(self, receiver: Receiver, body: Body, seconds: float | None = None) -> Mapping[str, Any]:
        """The answer within so many seconds; without them as the server's timeoutSeconds and backoffPlan
        say."""
        services = self._services
        question = messages.message(body, self._record, services.now())
        if seconds is not None:
            return unwrapped(await services.ask(receiver, question, seconds))
        answer = await attempted(
            lambda left: services.ask(receiver, question, left),
            receiver.timeout_seconds,
            receiver.backoff,
        )
        return unwrapped(answer)
