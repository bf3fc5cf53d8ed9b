"""What may be kept of a call: one decision, which the row, the artifact, the outbox and the recording ask.

`artifactPlan` and `compliancePlan` of whoever speaks decide, and the org's compliance over them
(vapi-wire §5). Sound is kept while the one who speaks allows it. Words are kept as one conversation, so that
all who took part must allow it. What is not kept still goes to the owner in messages."""

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
    """`audio`: a recording. `words`: what was said stays in the call's row, and in messages that have been
    delivered. `transcript`: the artifact has one at all; the two names begin its lines."""

    audio: bool = True
    words: bool = True
    transcript: bool = True
    assistant_name: str = "AI"
    user_name: str = "User"

    def taken_over(self, following: PrivacyDecision) -> PrivacyDecision:
        """What holds from now on, when whoever `following` is about goes on with the call."""
        return replace(
            self,
            audio=following.audio,
            words=self.words and following.words,
            transcript=self.transcript and following.transcript,
        )


def kept_by(settings: AssistantOverrides, org: UpdateOrgDTO) -> PrivacyDecision:
    """While this assistant speaks."""
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
    """Of a call that no assistant answers. `meant` is what its owner has given of those who should have
    answered, be it valid or not: whatever they do not let be kept is not."""
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
    """The variables of a call as they are kept where words are not: `learned` are those that the conversation
    has brought."""
    hidden = {*learned, *(name.replace("-", "_") for name in learned)}
    return {name: value for name, value in variables.items() if name not in hidden}


def _compliance(org: UpdateOrgDTO) -> tuple[bool, bool]:
    """Whether the org is under HIPAA, and under PCI."""
    plan = org.compliance_plan
    hipaa = org.hipaa_enabled is True or (plan is not None and plan.hipaa_enabled is True)
    return hipaa, plan is not None and plan.pci_enabled is True


def _mappings(value: object) -> Iterator[Mapping[str, Any]]:
    """All JSON objects in it, however deep."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            yield one
            waiting += one.values()
        elif isinstance(one, list | tuple):
            waiting += one
