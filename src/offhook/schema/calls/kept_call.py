"""A call as a row has it that was left behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from offhook.json_document import ResourceDocument


@dataclass(frozen=True, slots=True)
class KeptCall:
    """Rows of earlier days may lack what later ones have."""

    phone_number_id: str | None
    sip_call_id: str
    customer: dict[str, Any]
    assistant_id: str | None
    assistant: ResourceDocument | None
    overrides: ResourceDocument
    squad_id: str | None
    squad: ResourceDocument | None
    destination: ResourceDocument | None
    started_at: str | None
    messages: Sequence[dict[str, Any]]

    @classmethod
    def of(cls, document: ResourceDocument) -> KeptCall:
        return cls(
            phone_number_id=document.get("phoneNumberId"),
            sip_call_id=(document.get("transport") or {}).get("sbcCallSid", ""),
            customer=document.get("customer") or {},
            assistant_id=document.get("assistantId"),
            assistant=document.get("assistant"),
            overrides=document.get("assistantOverrides") or {},
            squad_id=document.get("squadId"),
            squad=document.get("squad"),
            destination=document.get("destination"),
            started_at=document.get("startedAt"),
            messages=document.get("messages") or (),
        )
