"""What any document says about what may be kept of a call, and who else may say so, be it valid or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from offhook.json_document import ResourceDocument


@dataclass(frozen=True, slots=True)
class PrivacyWishes:
    """`unrecorded`: no recording is wanted; `silent`: no transcript."""

    hipaa: bool
    pci: bool
    unrecorded: bool
    silent: bool


def privacy_wishes(document: ResourceDocument) -> PrivacyWishes:
    """Of this object alone, not of those in it but for its plans."""
    plans = (document, _mapping(document.get("compliancePlan")))
    return PrivacyWishes(
        hipaa=any(one.get("hipaaEnabled") is True for one in plans),
        pci=any(one.get("pciEnabled") is True for one in plans),
        unrecorded=document.get("recordingEnabled") is False,
        silent=_mapping(document.get("transcriptPlan")).get("enabled") is False,
    )


def first_member_named(squad: ResourceDocument) -> str | None:
    """The id of the stored assistant that a squad would begin with."""
    members = squad.get("members")
    first = members[0] if isinstance(members, list) and members else None
    named = _mapping(first).get("assistantId")
    return named if isinstance(named, str) and named else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
