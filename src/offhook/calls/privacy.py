"""What may be kept of a call: one decision, which the row, the artifact, the outbox and the recording ask.

`artifactPlan` and `compliancePlan` of whoever speaks decide, and the org's compliance over them
(vapi-wire §5). Sound is kept while the one who speaks allows it. Words are kept as one conversation, so that
all who took part must allow it. What is not kept still goes to the owner in messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from offhook.schema import effective
from offhook.schema.assistant import AssistantOverrides

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """`audio`: a recording. `words`: what was said stays in the call's row, and in messages that have been
    delivered. `transcript`: the artifact has one at all; the two names begin its lines."""

    audio: bool = True
    words: bool = True
    transcript: bool = True
    assistant_name: str = "AI"
    user_name: str = "User"

    def taken_over(self, following: Kept) -> Kept:
        """What holds from now on, when whoever `following` is about goes on with the call."""
        return replace(
            self,
            audio=following.audio,
            words=self.words and following.words,
            transcript=self.transcript and following.transcript,
        )


def kept_by(settings: AssistantOverrides, org: Mapping[str, Any]) -> Kept:
    """While this assistant speaks. `org` is its document."""
    hipaa, pci = _compliance([org])
    plan = effective.artifact_plan(settings, hipaa=hipaa)
    pci = pci or effective.pci_enabled(settings)
    return Kept(
        audio=plan.recording and not pci,
        words=not (hipaa or pci or effective.hipaa_enabled(settings)),
        transcript=plan.transcript,
        assistant_name=plan.assistant_name,
        user_name=plan.user_name,
    )


def kept_without_assistant(meant: object, org: Mapping[str, Any]) -> Kept:
    """Of a call that no assistant answers. `meant` is what its owner has given of those who should have
    answered, be it valid or not: whatever they do not let be kept is not."""
    given = list(_mappings(meant))
    hipaa, pci = _compliance([org, *given])
    unrecorded = any(one.get("recordingEnabled") is False for one in given)
    silent = any(_mapping(one.get("transcriptPlan")).get("enabled") is False for one in given)
    return Kept(
        audio=not (hipaa or pci or unrecorded),
        words=not (hipaa or pci),
        transcript=not silent,
    )


def without_words(artifact: Mapping[str, Any], learned: Mapping[str, Any]) -> Document:
    """An artifact as it is kept where words are not. `learned` are the variables that the conversation has
    brought."""
    hidden = {*learned, *(name.replace("-", "_") for name in learned)}
    variables = {name: value for name, value in artifact["variableValues"].items() if name not in hidden}
    return {
        **artifact,
        "messages": [],
        "messagesOpenAIFormatted": [],
        "transcript": "",
        "transfers": [{**one, "transcript": "", "messages": []} for one in artifact["transfers"]],
        "variableValues": variables,
        "variables": variables,
    }


def _compliance(documents: list[Mapping[str, Any]]) -> tuple[bool, bool]:
    """Whether any of them is under HIPAA, and under PCI."""
    hipaa = pci = False
    for document in documents:
        for one in (document, _mapping(document.get("compliancePlan"))):
            hipaa = hipaa or one.get("hipaaEnabled") is True
            pci = pci or one.get("pciEnabled") is True
    return hipaa, pci


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


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
