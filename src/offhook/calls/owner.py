"""What a call asks of its owner: of the servers that they run, and of what they have stored."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from offhook.calls import messages, routing
from offhook.calls.record import CallRecord
from offhook.calls.services import Services
from offhook.calls.tools import read_results, tool_calls
from offhook.conversation.events import ToolOutcome
from offhook.language.base import ToolCall
from offhook.schema.assistant import AssistantOverrides
from offhook.schema.server_message import AssistantRequest, Body, TransferDestinationRequest
from offhook.webhooks.client import AskFailed
from offhook.webhooks.receiver import Receiver, choose_server, credential_id, receiver_of

ASSISTANT_REQUEST_SECONDS: Final = 7.5
"""For all of an assistant-request, whatever the server's timeoutSeconds says (wire-facts §3)."""

_log = logging.getLogger(__name__)


class Owner:
    """One call's view of them. `org`: the org's document."""

    def __init__(self, services: Services, record: CallRecord, org: Mapping[str, Any]) -> None:
        self._services = services
        self._record = record
        self._org = org

    async def receiver(self, tool: Mapping[str, Any] | None = None) -> Receiver | None:
        """The one server for a message, with the credential it names: the tool's, else the assistant's once
        there is one, else the number's, else the org's (wire-facts §4.1)."""
        record = self._record
        server = choose_server(tool=tool, assistant=record.assistant, number=record.number, org=self._org)
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

    async def run_tool(self, tool: Mapping[str, Any], call: ToolCall) -> ToolOutcome:
        """Run a tool at its URL. Never raises."""
        try:
            receiver = await self.receiver(tool)
            if receiver is None:
                return ToolOutcome(error=f"no server is set for the tool {call.name}")
            answer = await self._ask(receiver, tool_calls(tool, call), receiver.timeout_seconds)
        except AskFailed as failed:
            _log.warning("call=%s tool %s failed: %s", self._record.id, call.name, failed)
            return ToolOutcome(error=f"the tool's server did not answer: {failed.kind}")
        except Exception:
            _log.exception("call=%s tool %s could not be run", self._record.id, call.name)
            return ToolOutcome(error="the tool could not be run")
        return read_results(answer, call)

    async def transfer_destination(self) -> Mapping[str, Any] | None:
        """Where shall the caller go? None when the server names nothing valid."""
        receiver = await self.receiver()
        if receiver is None:
            return None
        try:
            answer = await self._ask(receiver, TransferDestinationRequest(), receiver.timeout_seconds)
        except AskFailed as failed:
            _log.warning("call=%s no transfer destination: %s", self._record.id, failed)
            return None
        return routing.destination_of(answer)

    async def assistant_for(self, destination: Mapping[str, Any]) -> AssistantOverrides | None:
        """The squad's member, or the assistant, that takes over."""
        record = self._record
        found = await routing.handoff_assistant(
            record.org_id, record.squad, destination, record.overrides, self._services.directory
        )
        return None if found is None else found.settings

    async def _ask(self, receiver: Receiver, body: Body, seconds: float) -> Mapping[str, Any]:
        question = messages.message(body, self._record, self._services.now())
        return await self._services.ask(receiver, question, seconds)
