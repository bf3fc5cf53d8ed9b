"""One call's facts, and the documents made of them: the Call resource, the artifact, the objects that go out
in every server message (vapi-wire §3, §4.3, §8.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel

from offhook.calls.record.call_artifact import artifact_of, costs_of
from offhook.calls.record.call_facts import CALL_TYPE, CallFacts, Document
from offhook.json_document import ResourceDocument
from offhook.schema.assistants.model import with_model_names
from offhook.schema.base import document, timestamp
from offhook.schema.calls.call_document import (
    CallDocument,
    CostsDocument,
    EndedCallDocument,
    EngineContext,
    IdentityDocument,
    MonitorDocument,
    ProviderDetailsDocument,
    TransportDocument,
)
from offhook.schema.identity_cache import IdentityCache
from offhook.schema.server import show_secret_set
from offhook.schema.shown_documents import without_secrets

CARRIERS: Final = ("twilio", "vonage", "telnyx")
"""Providers of numbers that carry a call themselves. Calls of all others come to our own SIP."""


@dataclass(slots=True)
class CallRecord(CallFacts):
    """A call's facts and documents. What is worked out of a document, or of a type, is worked out once: every
    message carries it."""

    _shown: dict[int, tuple[object, Document]] = field(default_factory=dict, repr=False)
    _dumped: dict[int, tuple[object, Document]] = field(default_factory=dict, repr=False)
    _assistants: dict[int, tuple[object, Document]] = field(default_factory=dict, repr=False)
    _artifact: Document | None = field(default=None, repr=False)

    def document(self) -> Document:
        """The Call resource without id, orgId, createdAt, updatedAt: what the store keeps."""
        number = self.number.settings
        body = CallDocument(
            type=CALL_TYPE,
            status=self.status,
            phone_call_provider=number.provider if number.provider in CARRIERS else "vapi",
            phone_call_provider_id=self.id,
            phone_number_id=number.id,
            assistant_id=self.assistant_id,
            assistant=self.transient_assistant,
            assistant_overrides=self.dumped(self.overrides),
            squad_id=self.squad_id,
            squad=self.squad.document if self.squad and not self.squad_id else None,
            customer=self.customer,
            transport=self.transport(),
            phone_call_provider_details=ProviderDetailsDocument(sbc_call_id=self.sip_call_id),
            started_at=iso(self.started_at),
            ended_at=iso(self.ended_at),
            ended_reason=self.ended_reason,
            ended_message=self.ended_message if self.kept.words else self.ended_message_unquoted,
            destination=self.destination,
            monitor=self.monitor(),
        ).document()
        if self.status == "ended":
            body |= self._ending()
        return body

    def monitor(self) -> Document:
        """Where the call can be listened to and steered, as long as it goes on."""
        if self.live_url is None or self.status == "ended":
            return {}
        allowed, url = self.monitored, f"{self.live_url}/{self.id}"
        return MonitorDocument(control_url=f"{url}/control" if allowed.controls else None).given()

    def transport(self) -> TransportDocument:
        return TransportDocument(call_sid=self.id, sbc_call_sid=self.sip_call_id)

    def _ending(self) -> Document:
        artifact = self.artifact() if self.kept.words else artifact_of(self, words=False)
        urls = self.recording_urls or {}
        ended = EndedCallDocument(
            messages=artifact["messages"],
            transcript=artifact["transcript"],
            recording_url=urls.get("mono"),
            stereo_recording_url=urls.get("stereo"),
            artifact=artifact,
            analysis={},
        )
        return {**ended.document(), **self.costs().document()}

    def resource(self, updated_at: float) -> Document:
        """The Call as it goes out in server messages, without secrets."""
        identity = IdentityDocument(
            id=self.id,
            org_id=self.org_id,
            created_at=timestamp(self.created_at),
            updated_at=timestamp(updated_at),
        )
        body = {**identity.document(), **self.document(), "endedMessage": self.ended_message}
        for name in ("assistant", "assistantOverrides", "squad"):
            if body[name]:
                body[name] = self.shown(body[name])
        return body

    def number_resource(self) -> Document:
        """The number as it goes out in server messages, without secrets."""
        return self.shown(self.number.document)

    def assistant_resource(self) -> Document | None:
        """The assistant as it goes out in server messages, without secrets; None until there is one. Its
        variable values are those of the call and stand in the call's overrides."""
        if self.assistant is None:
            return None
        return _known(self._assistants, self.assistant.document, _shown_assistant)

    def engine_context(self, now: Callable[[], float]) -> Document:
        """What custom engines are told about the call."""
        return EngineContext(
            call=self.resource(now()),
            phone_number=self.number_resource(),
            customer=self.customer,
            assistant=self.assistant_resource(),
            metadata=self.speaking.metadata,
        ).document()

    def shown(self, document: ResourceDocument) -> Document:
        """A document without secrets."""
        return _known(self._shown, document, _shown)

    def dumped(self, model: BaseModel) -> Document:
        """A type as the document that it was read from."""
        return _known(self._dumped, model, document)

    def artifact(self) -> Document:
        """Everything that is known of the call, as its owner gets it. Of an ended call it is made once, since
        nothing is added any more."""
        if self.status != "ended":
            return artifact_of(self)
        if self._artifact is None:
            self._artifact = artifact_of(self)
        return self._artifact

    def costs(self) -> CostsDocument:
        return costs_of(self)


def _known(made: dict[int, tuple[object, Document]], of: Any, make: Callable[[Any], Document]) -> Document:
    """What `make` gives for this very object, made once in a call."""
    found = made.get(id(of))
    if found is None:
        found = made[id(of)] = (of, make(of))
    return found[1]


def _without_secrets(document: ResourceDocument) -> Document:
    return with_model_names(without_secrets(document))


_shown: Final = IdentityCache(_without_secrets)
"""Numbers and most assistants are the same document in every call."""


def _as_assistant(assistant: ResourceDocument) -> Document:
    shown = {name: one for name, one in _shown(assistant).items() if name != "variableValues"}
    return show_secret_set(shown, assistant) if "id" in shown else shown


_shown_assistant: Final = IdentityCache(_as_assistant)


def iso(seconds: float | None) -> str | None:
    return None if seconds is None else timestamp(seconds)
