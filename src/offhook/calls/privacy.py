"""What may be stored of a call: one decision, which the row, the artifact, the outbox and the recording
follow.

`artifactPlan` and `compliancePlan` of the assistant that speaks decide, and the org's compliance overrides
them (vapi-wire §5). Audio is recorded while the assistant that speaks allows it. Words are stored as one
conversation, so all assistants that took part must allow it. What is not stored still goes to the owner in
messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from offhook.json_document import Variables
from offhook.schema.assistants import effective
from offhook.schema.assistants.assistant import AssistantOverrides
from offhook.schema.calls.privacy_wishes import privacy_wishes
from offhook.schema.org import UpdateOrgDTO


@dataclass(frozen=True, slots=True)
class PrivacyDecision:
    """`audio`: whether there is a recording. `words`: whether what was said stays in the call's row, and in
    messages that have been delivered. `transcript`: whether the artifact has one; the two names begin its
    lines."""

    audio: bool = True
    words: bool = True
    transcript: bool = True
    assistant_name: str = "AI"
    user_name: str = "User"

    def taken_over(self, following: PrivacyDecision) -> PrivacyDecision:
        """The decision that holds when the conversation goes on with the assistant that `following` is
        about."""
        return replace(
            self,
            audio=following.audio,
            words=self.words and following.words,
            transcript=self.transcript and following.transcript,
        )


def kept_by(settings: AssistantOverrides, org: UpdateOrgDTO) -> PrivacyDecision:
    """The decision while this assistant speaks."""
    hipaa, pci = _compliance(org)
    plan = effective.artifact_plan(settings, hipaa=hipaa)
    pci = pci or effective.pci_enabled(settings)
    return PrivacyDecision(
        audio=plan.recording and not pci,
        words=not (hipaa or pci or effective.hipaa_enabled(settings)),
        transcript=plan.transcript,
        assistant_name=plan.assistant_name,
        user_name=plan.user_name,
    )


def kept_without_assistant(meant: object, org: UpdateOrgDTO) -> PrivacyDecision:
    """The decision for a call that no assistant answers. `meant` holds the documents of those who should have
    answered, valid or not. What any of them forbids to store is not stored."""
    wishes = [privacy_wishes(one) for one in _mappings(meant)]
    hipaa, pci = _compliance(org)
    hipaa = hipaa or any(one.hipaa for one in wishes)
    pci = pci or any(one.pci for one in wishes)
    return PrivacyDecision(
        audio=not (hipaa or pci or any(one.unrecorded for one in wishes)),
        words=not (hipaa or pci),
        transcript=not any(one.silent for one in wishes),
    )


def without_learned(variables: Variables, learned: Variables) -> dict[str, Any]:
    """The variables of a call as they are stored where words are not: without those in `learned`, which the
    conversation has brought."""
    hidden = {*learned, *(name.replace("-", "_") for name in learned)}
    return {name: value for name, value in variables.items() if name not in hidden}


def _compliance(org: UpdateOrgDTO) -> tuple[bool, bool]:
    """Whether the org is under HIPAA, and whether it is under PCI."""
    plan = org.compliance_plan
    hipaa = org.hipaa_enabled is True or (plan is not None and plan.hipaa_enabled is True)
    return hipaa, plan is not None and plan.pci_enabled is True


def _mappings(value: object) -> Iterator[Mapping[str, Any]]:
    """All JSON objects in a document, at any depth."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            yield one
            waiting += one.values()
        elif isinstance(one, list | tuple):
            waiting += one
