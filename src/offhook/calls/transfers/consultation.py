"""A second assistant speaks with the called party while the caller waits (`transferAssistant`,
vapi-wire §2.4): it connects them with `transferSuccessful` or calls it off with `transferCancel`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from functools import partial
from typing import Final, Protocol

from offhook.calls.call_services import CallServices
from offhook.calls.record.call_facts import Document
from offhook.calls.record.call_record import CallRecord
from offhook.calls.transfers.transfer_destination import TransferFailed
from offhook.calls.world.conversing import converse
from offhook.conversation.conversation import Conversation
from offhook.conversation.events import Event, ModelUsed, Named, ToolOutcome, VoiceUsed
from offhook.conversation.transcript import ConversationTranscript
from offhook.language.language_model import ToolCall
from offhook.media.channel import Channel
from offhook.schema.answered import NotValid
from offhook.schema.assistants.assistant import AssistantOverrides
from offhook.schema.calls.call_document import TransferAssistantDefaults
from offhook.schema.server import Server
from offhook.schema.stored import assistant_of
from offhook.schema.tools.destination import (
    CallDestination,
    ContextEngineeringPlanLastNMessages,
    ContextEngineeringPlanNone,
    TransferPlan,
)
from offhook.schema.tools.handoff import HandoffDestinationDynamic, Successors
from offhook.schema.tools.tool import AnyTool
from offhook.speech.engine_protocols import EngineError
from offhook.speech.remote import CallContext

SUCCESSFUL: Final = "transferSuccessful"
CANCEL: Final = "transferCancel"
MOST_SECONDS: Final = 120
SILENCE_SECONDS: Final = 30

_CANCELLED: Final = (
    "the transfer was called off",
    "cancelled",
    "call.in-progress.error-warm-transfer-assistant-cancelled",
)
_ENDINGS: Final[Mapping[str, tuple[str, str, str]]] = {
    "exceeded-max-duration": (
        "the destination was spoken with for too long",
        "cancelled",
        "call.in-progress.error-warm-transfer-max-duration",
    ),
    "silence-timed-out": (
        "the destination said nothing",
        "no-answer",
        "call.in-progress.error-warm-transfer-silence-timeout",
    ),
}

_NO_OTHERS: Final = "There is nobody else to speak with here."

BRIEFING: Final = (
    "You are on the telephone with the person that a caller is to be connected with; the caller waits and"
    " does not hear you. When the person takes the call, use transferSuccessful. When they do not want or are"
    " not able to take it, or you reach an answering machine, use transferCancel."
)

_log = logging.getLogger(__name__)


class ToolRunner(Protocol):
    """Runs the owner's own tools (`World.run_tool`)."""

    async def run_tool(self, tool: AnyTool, call: ToolCall) -> ToolOutcome: ...


class Consultation:
    """One such conversation and its world, on the channel of the party's leg."""

    def __init__(
        self, services: CallServices, record: CallRecord, context: CallContext, tools: ToolRunner
    ) -> None:
        self._services = services
        self._record = record
        self._context = context
        self._tools = tools
        self._decided: asyncio.Future[TransferFailed | None] = asyncio.get_running_loop().create_future()
        self._conversation: Conversation | None = None

    @property
    def transcript(self) -> ConversationTranscript:
        return ConversationTranscript() if self._conversation is None else self._conversation.transcript

    async def prepare(self, plan: TransferPlan) -> None:
        """Starts the engines before anybody is called. Raises TransferFailed."""
        document = assistant_document(plan, self._record)
        try:
            settings = assistant_of(document)
        except NotValid as problem:
            raise TransferFailed(f"the transferAssistant is not valid: {problem}") from problem
        services = self._services
        credentials = partial(services.directory.credentials_for, self._record.org_id)
        try:
            self._conversation = await converse(
                services,
                self._record,
                settings,
                engines=services.engines(self._context, credentials, self._record.org_id),
                world=self,
                tell=self._told,
            )
        except EngineError as error:
            raise TransferFailed(f"the transferAssistant cannot speak: {error}") from error

    @property
    def channel(self) -> Channel | None:
        """None before it is prepared."""
        return None if self._conversation is None else self._conversation.channel

    async def run(self) -> None:
        """Runs the conversation until it is decided. Raises TransferFailed if the caller is not to be
        connected."""
        if self._conversation is None:
            raise TransferFailed("the transferAssistant is not ready")
        self._conversation.begin()
        failed = await self._decided
        if failed is not None:
            raise failed

    async def close(self) -> None:
        if self._conversation is not None:
            await self._conversation.close()

    def _told(self, event: Event) -> None:
        """Only the costs count: server messages are about the conversation with the caller."""
        match event:
            case ModelUsed(prompt, completion):
                self._record.prompt_tokens += prompt
                self._record.completion_tokens += completion
            case VoiceUsed(characters):
                self._record.voice_characters += characters
            case _:
                pass

    def _decide(self, failed: TransferFailed | None) -> None:
        if not self._decided.done():
            self._decided.set_result(failed)

    def digit(self, digit: str, milliseconds: int) -> None:
        if self._conversation is not None:
            self._conversation.keypad(digit)

    # -- what the conversation asks -------------------------------------------------------------

    async def run_tool(self, tool: AnyTool, call: ToolCall) -> ToolOutcome:
        if call.name == SUCCESSFUL:
            self._decide(None)
            return ToolOutcome(result="The caller is being connected.")
        if call.name == CANCEL:
            self._decide(TransferFailed(*_CANCELLED))
            return ToolOutcome(result="The transfer is called off.")
        return await self._tools.run_tool(tool, call)

    async def transfer_destination(self, tool: AnyTool, call: ToolCall) -> Named:
        return Named(error=_NO_OTHERS)

    async def handoff_destination(
        self, tool: AnyTool, destination: HandoffDestinationDynamic, call: ToolCall
    ) -> Named:
        return Named(error=_NO_OTHERS)

    async def endpointing(self, server: Server | None) -> float | None:
        """The owner's server is not asked about the other party's words: the platform decides by itself."""
        return None

    def transfer(self, destination: CallDestination) -> None:
        _log.warning("call=%s a transferAssistant cannot transfer", self._record.id)
        self._decide(TransferFailed(*_CANCELLED))

    async def assistant_for(self, destination: Successors) -> AssistantOverrides | None:
        return None

    def end(self, ended_reason: str) -> None:
        """The conversation ended without a decision, so the caller is not connected."""
        ending = _ENDINGS.get(ended_reason)
        if ending is not None:
            self._decide(TransferFailed(*ending))
        elif ended_reason.startswith("assistant-"):
            self._decide(TransferFailed(*_CANCELLED))
        else:
            self._decide(TransferFailed(f"the transferAssistant failed: {ended_reason}"))


def assistant_document(plan: TransferPlan, record: CallRecord) -> Document:
    """The transferAssistant as an assistant: with what it needs to know, the two tools by which it decides,
    and the caller's voice and transcriber where it names none."""
    given: Document = dict(plan.transfer_assistant or {})
    asked = given.get("model")
    model: Document = dict(asked) if isinstance(asked, Mapping) else {}
    own = record.speaking
    briefing = "\n\n".join(part for part in (BRIEFING, history(plan, record)) if part)
    model["messages"] = [*(model.get("messages") or ()), {"role": "system", "content": briefing}]
    model["tools"] = [*(model.get("tools") or ()), _tool(SUCCESSFUL, "take"), _tool(CANCEL, "refuse")]
    return {
        **TransferAssistantDefaults(
            voice=None if own.voice is None else record.dumped(own.voice),
            transcriber=None if own.transcriber is None else record.dumped(own.transcriber),
            max_duration_seconds=MOST_SECONDS,
            silence_timeout_seconds=SILENCE_SECONDS,
        ).document(),
        **given,
        "model": model,
    }


def history(plan: TransferPlan, record: CallRecord) -> str:
    """What the caller and their assistant have said, as far as the contextEngineeringPlan lets it through."""
    context = plan.context_engineering_plan
    if isinstance(context, ContextEngineeringPlanNone):
        return ""
    said = [
        f"{'Caller' if message['role'] == 'user' else 'Assistant'}: {message['content']}"
        for message in record.messages_openai()
        if message["role"] in ("user", "assistant") and message.get("content")
    ]
    if isinstance(context, ContextEngineeringPlanLastNMessages):
        count = int(context.max_messages)
        said = said[-count:] if count else []
    return "The call so far:\n" + "\n".join(said) if said else ""


def _tool(name: str, verb: str) -> Document:
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": f"Use it when the person you speak with wants to {verb} the call.",
            "parameters": {"type": "object", "properties": {}},
        },
        # An empty message instead of a filler: the decision is carried out at once.
        "messages": [{"type": "request-start", "content": ""}],
    }
