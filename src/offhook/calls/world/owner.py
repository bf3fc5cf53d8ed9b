"""What a call asks of its owner: the owner's servers, and the owner's stored resources."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final, NamedTuple

from offhook.calls.call_services import CallServices
from offhook.calls.equipment import equipped
from offhook.calls.leg import Leg
from offhook.calls.record import messages
from offhook.calls.record.call_record import CallRecord
from offhook.calls.routing.outcome import FoundAssistant, RequestFailed
from offhook.calls.world import knowledge
from offhook.calls.world.asked_again import attempted
from offhook.calls.world.handover import Successor, handoff_answer, successor, transfer_answer
from offhook.calls.world.tools.tool_site import ToolSite
from offhook.calls.world.variables import knowing_what_was_said
from offhook.conversation.events import Named, ToolOutcome
from offhook.conversation.tools.destinations import destination_name
from offhook.conversation.tools.tool_kinds import kind_of
from offhook.json_document import Answer
from offhook.language.language_model import ToolCall
from offhook.schema.answered import unwrapped
from offhook.schema.assistants.assistant import Assistant, AssistantOverrides
from offhook.schema.assistants.squad import Squad
from offhook.schema.server import HasServer, Server
from offhook.schema.tools.handoff import HandoffDestinationDynamic, Successors
from offhook.schema.tools.tool import AnyTool
from offhook.schema.webhooks.answers import (
    AssistantRequestAnswer,
    DestinationAnswer,
    KnowledgeBaseAnswer,
    endpointing_seconds,
)
from offhook.schema.webhooks.server_message import (
    Body,
    ServerMessageAssistantRequest,
    ServerMessageCallEndpointingRequest,
    ServerMessageHandoffDestinationRequest,
    ServerMessageKnowledgeBaseRequest,
    ServerMessageTransferDestinationRequest,
)
from offhook.webhooks.client import AskFailed
from offhook.webhooks.receiver import Receiver, choose_server, credential_id, receiver_of

ASSISTANT_REQUEST_SECONDS: Final = 7.5
"""Seconds for the whole assistant-request, whatever the server's timeoutSeconds says (vapi-wire §3)."""

_log = logging.getLogger(__name__)


class _Asked(NamedTuple):
    """An object with a server and nothing else."""

    server: Server | None


class Owner:
    """The owner, as one call sees them."""

    def __init__(self, services: CallServices, record: CallRecord) -> None:
        self._services = services
        self._record = record
        self._fill = knowing_what_was_said(record, services.render)
        self._squad: Squad | None = None  # one that the call was handed to
        self._site = ToolSite(
            record=record,
            receiver=self.receiver,
            ask=self._ask,
            credential=partial(services.directory.credential, record.org_id),
            send=services.send,
            fill=self._fill,
        )
        self._coming: list[tuple[AssistantOverrides, Successor, Receiver | None]] = []

    async def receiver(self, tool: HasServer | None = None) -> Receiver | None:
        """The one server for a message, with the credential that it names: the tool's, else that of the
        assistant that speaks, else the number's, else the org's (vapi-wire §4.1)."""
        return await self._receiver(tool, self._record.speaking)

    async def _receiver(self, tool: HasServer | None, assistant: HasServer) -> Receiver | None:
        record = self._record
        number = record.number.settings
        server = choose_server(tool=tool, assistant=assistant, number=number, org=record.org)
        if server is None:
            return None
        named = credential_id(server)
        if named is None:
            return receiver_of(server)
        return receiver_of(server, await self._services.directory.credential(record.org_id, named))

    async def assistant_request(self, receiver: Receiver) -> AssistantRequestAnswer:
        """Asks which assistant answers. Raises RequestFailed."""
        try:
            answer = await self._ask(receiver, ServerMessageAssistantRequest(), ASSISTANT_REQUEST_SECONDS)
        except AskFailed as failed:
            raise RequestFailed(failed.kind, failed.detail, failed.status, failed.response) from failed
        return AssistantRequestAnswer.of(answer)

    async def run_tool(self, tool: AnyTool, call: ToolCall, leg: Leg | None = None) -> ToolOutcome:
        """Runs a tool; on the caller's `leg` if the tool acts on the leg. Never raises."""
        try:
            return await kind_of(tool).run(replace(self._site, leg=leg), tool, call)
        except AskFailed as failed:
            _log.warning("call=%s tool %s failed: %s", self._record.id, call.name, failed)
            return ToolOutcome(error=f"the tool's server did not answer: {failed.kind}")
        except Exception:
            _log.exception("call=%s tool %s could not be run", self._record.id, call.name)
            return ToolOutcome(error="the tool could not be run")

    async def transfer_destination(self, tool: AnyTool) -> Named:
        """Asks where the caller is to go."""
        return await self._destination(tool, ServerMessageTransferDestinationRequest(), transfer_answer)

    async def handoff_destination(
        self, tool: AnyTool, destination: HandoffDestinationDynamic, call: ToolCall
    ) -> Named:
        """Asks who takes over. If the `dynamic` destination has a server of its own, that one is asked."""
        asked: HasServer = destination if destination.server is not None else tool
        return await self._destination(
            asked, ServerMessageHandoffDestinationRequest(dict(call.arguments)), handoff_answer
        )

    async def _destination(
        self, asked: HasServer, body: Body, read: Callable[[DestinationAnswer], Named]
    ) -> Named:
        receiver = await self.receiver(asked)
        if receiver is None:
            return Named(error="No server is set that could name a destination.")
        try:
            return read(DestinationAnswer.of(await self._ask(receiver, body)))
        except AskFailed as failed:
            _log.warning("call=%s %s failed: %s", self._record.id, body.type, failed)
            return Named(error=f"The server did not name a destination: {failed.kind}.")

    async def knowledge(
        self, server: Server, question: ServerMessageKnowledgeBaseRequest
    ) -> KnowledgeBaseAnswer | None:
        """What the server of a knowledge base answers; None if it does not."""
        receiver = await self.receiver(_Asked(server))
        if receiver is None:
            return None
        try:
            question = knowledge.timed(question, self._record.messages(), self._record.began * 1000)
            seconds = min(receiver.timeout_seconds, knowledge.MOST_SECONDS)
            return KnowledgeBaseAnswer.of(await self._ask(receiver, question, seconds))
        except AskFailed as failed:
            _log.warning("call=%s %s failed: %s", self._record.id, question.type, failed)
            return None

    async def endpointing(self, server: Server | None) -> float | None:
        """Asks how many seconds to wait after the caller's last words, 0 to 15. None if there is no
        answer."""
        receiver = await self.receiver(_Asked(server))
        if receiver is None:
            return None
        record = self._record
        question = ServerMessageCallEndpointingRequest(record.messages_openai(), messages=record.messages())
        try:
            seconds = endpointing_seconds(await self._ask(receiver, question))
        except AskFailed as failed:
            _log.warning("call=%s %s failed: %s", record.id, question.type, failed)
            return None
        if seconds is None:
            _log.warning("call=%s %s was answered without timeoutSeconds", record.id, question.type)
        return seconds

    async def assistant_for(self, destination: Successors) -> AssistantOverrides | None:
        """The squad's member, or the assistant, that a destination names."""
        record = self._record
        squad = self._squad or (None if record.squad is None else record.squad.settings)
        directory = self._services.directory
        coming = await successor(record.org_id, squad, destination, record.overrides, directory)
        if coming is None:
            name = destination_name(destination)
            _log.warning("call=%s no assistant was found for %s", record.id, name)
            return None
        settings = await self.equipped(coming.found.settings)
        receiver = await self._receiver(None, coming.found.settings)
        self._coming.append((settings, coming, receiver))
        return settings

    def taken_over(self, settings: Assistant) -> tuple[FoundAssistant, Receiver | None]:
        """The assistant that `assistant_for` gave as `settings`, and the server for its messages."""
        for index, (known, coming, receiver) in enumerate(self._coming):
            if known is settings:
                del self._coming[: index + 1]
                self._squad = coming.squad
                return coming.found, receiver
        raise LookupError("nobody has asked for this assistant")

    async def equipped(self, settings: AssistantOverrides) -> AssistantOverrides:
        """The assistant with the stored tools that it names."""
        record = self._record
        return await equipped(settings, record.org_id, self._services.directory, record.id)

    async def _ask(self, receiver: Receiver, body: Body, seconds: float | None = None) -> Answer:
        """Asks a server within the seconds given; without them, as the server's timeoutSeconds and
        backoffPlan say."""
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
