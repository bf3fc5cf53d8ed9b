"""Who answers a call: the order of vapi-wire §3 as one walk over small decisions.

    hook call.ringing -> assistantId / squadId -> assistant-request -> (failure) hook call.ending
    -> fallbackDestination -> a spoken sentence and hang-up

Everything here is decided from documents (camelCase, as in the API) and two questions asked of the outside:
the directory (what is stored) and `request_assistant` (the owner's webhook)."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from pydantic import TypeAdapter

from offhook.calls.equipment import ToolDirectory, with_destinations
from offhook.schema import assistant as schema
from offhook.schema.answered import NotValid, given, is_empty, read, read_document
from offhook.schema.assistant import AssistantOverrides, merge
from offhook.schema.destination import CallDestination
from offhook.schema.kept import Kept
from offhook.schema.squad import Squad

Document = Mapping[str, Any]

SORRY: Final = "Sorry, this number cannot take your call right now. Please try again later. Goodbye."
"""What a caller hears when nobody can answer and nothing else was arranged."""

ANSWER: Final = "the answer to the assistant-request"

MAX_SPOKEN_ERROR: Final = 1000
"""Characters of a webhook's `error` that are spoken; more is not a sentence."""

RESOURCE: Final = frozenset({"id", "orgId", "createdAt", "updatedAt"})
"""What a stored assistant has besides its own properties."""

MAX_SHOWN: Final = 16_000
"""Characters of an answer that cannot be used, as its owner is shown it."""

_ADAPTERS: Final[dict[Any, TypeAdapter[Any]]] = {
    kind: TypeAdapter(kind) for kind in (schema.Assistant, AssistantOverrides, Squad, CallDestination)
}


@dataclass(frozen=True, slots=True)
class Assistant:
    """An assistant answers. `document` has all overrides applied, `settings` is what it says."""

    document: Document
    settings: AssistantOverrides
    assistant_id: str | None = None
    overrides: Document = field(default_factory=dict)
    squad: Document | None = None
    squad_id: str | None = None
    transient: bool = False


@dataclass(frozen=True, slots=True)
class Transfer:
    """The caller goes to a destination at once, without an assistant. `ours`: its words are the number's
    own, and may be templates."""

    destination: Document
    ended_reason: str
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Say:
    """The caller hears one sentence and is hung up on. `ours`: it is the number's own, and may be a
    template."""

    text: str
    ended_reason: str
    ours: bool = False


Action = Assistant | Transfer | Say


@dataclass(frozen=True, slots=True)
class Failure:
    """Why no assistant was found. `artifacts` becomes `inboundPhoneCallDebuggingArtifacts`."""

    ended_reason: str
    error: str
    spoken: str = SORRY
    artifacts: Document = field(default_factory=dict)
    meant: object = None
    """The assistant, or the answer, that could not be taken."""
    step: str = ""

    def __str__(self) -> str:
        """With the step that failed, where the error does not name it: the call's `endedMessage`."""
        return f"{self.step}: {self.error}" if self.step else self.error


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happens to the call, and the failure that led there, if one did."""

    action: Action
    failure: Failure | None = None


class Directory(ToolDirectory, Protocol):
    """What is stored, by org. Each returns the resource's document with its id, or None."""

    async def assistant(self, org_id: str, assistant_id: str) -> Document | None: ...

    async def squad(self, org_id: str, squad_id: str) -> Document | None: ...


class RequestFailed(Exception):
    """The assistant-request got no usable JSON. `kind` as in `webhooks.client.AskFailed`."""

    def __init__(self, kind: str, detail: str, status: int | None = None, response: object = None) -> None:
        super().__init__(detail)
        self.kind = kind
        self.status = status
        self.detail = detail
        self.response = response


RequestAssistant = Callable[[], Awaitable[Document]]
"""Sends assistant-request and returns the answer's JSON object. Raises RequestFailed."""


async def who_answers(
    number: Document,
    caller: str | None,
    variables: Mapping[str, str],
    directory: Directory,
    request_assistant: RequestAssistant | None,
) -> Outcome:
    """Decide for one call. `caller` is the number or user of the From header, `variables` the values
    of its X- headers; `request_assistant` is None when no server is known."""
    action = ringing_action(number.get("hooks") or (), caller)
    if action is not None:
        return Outcome(_from_hook(action, "call.ringing"))
    found = await _find(number, variables, directory, request_assistant)
    if isinstance(found, Failure):
        return after_failure(number, found)
    return Outcome(found)


async def _find(
    number: Document,
    variables: Mapping[str, str],
    directory: Directory,
    request_assistant: RequestAssistant | None,
) -> Assistant | Transfer | Failure:
    org_id = number["orgId"]
    from_headers: Document = {"variableValues": dict(variables)} if variables else {}
    if number.get("assistantId"):
        return await _saved_assistant(org_id, number["assistantId"], from_headers, directory)
    if number.get("squadId"):
        return await _saved_squad(org_id, number["squadId"], from_headers, directory)
    if request_assistant is None:
        return Failure(
            "call-start-error-neither-assistant-nor-server-set",
            "the number has no assistantId, no squadId, and no server is set for it or its org",
        )
    try:
        answer = await request_assistant()
    except RequestFailed as failed:
        return request_failure(failed)
    return await read_answer(answer, org_id, from_headers, directory)


def request_failure(failed: RequestFailed) -> Failure:
    """An assistant-request without a usable answer (vapi-wire §3; 400 as it was captured on the wire)."""
    artifacts: dict[str, Any] = {"error": "Couldn't get assistant.", "assistantRequestError": failed.detail}
    if failed.response is not None:
        artifacts["assistantRequestResponse"] = failed.response
    if failed.status == 400:
        reason = "assistant-request-returned-error"
    elif failed.kind == "empty":
        reason = "assistant-request-returned-no-assistant"
    elif failed.kind == "wrong-json":
        reason = "assistant-request-returned-invalid-assistant"
    else:
        reason = "assistant-request-failed"
    return Failure(reason, failed.detail, artifacts=artifacts, step="the assistant-request failed")


async def read_answer(
    answer: Document, org_id: str, from_headers: Document, directory: Directory
) -> Assistant | Transfer | Failure:
    """The answer to an assistant-request: `error` beats all, then `destination`, then assistant or squad.
    What is empty is as if it were not there, but for an assistant that nothing else stands beside."""
    if given(answer, "error") is not None:
        return _spoken_error(answer)
    try:
        if (destination := given(answer, "destination")) is not None:
            chosen = _read(CallDestination, destination)
            return Transfer(chosen, "assistant-request-returned-forwarding-phone-number")
        overrides = merge(from_headers, _read(AssistantOverrides, answer.get("assistantOverrides") or {}))
        if assistant_id := given(answer, "assistantId"):
            return await _saved_assistant(org_id, str(assistant_id), overrides, directory)
        if (transient := given(answer, "assistant")) is not None:
            return _transient(transient, overrides)
        squad_overrides = merge(overrides, _read(AssistantOverrides, answer.get("squadOverrides") or {}))
        if squad_id := given(answer, "squadId"):
            return await _saved_squad(org_id, str(squad_id), squad_overrides, directory)
        if (squad := given(answer, "squad")) is not None:
            return await _first_member(org_id, _read(Squad, squad), None, squad_overrides, directory)
        if answer.get("assistant") is not None:
            return _transient(answer["assistant"], overrides)
    except NotValid as problem:
        return _invalid(answer, str(problem))
    missing = "No assistant, squad or destination in the answer"
    if given(answer, "workflowId") or given(answer, "workflow"):
        missing += "; workflows are not served"
    return Failure(
        "assistant-request-returned-no-assistant",
        missing,
        artifacts=_artifacts(answer, f"{missing}."),
        step=f"{ANSWER} names nobody",
    )


def _transient(assistant: object, overrides: Document) -> Assistant | Failure:
    return prepared(merge(_read(schema.Assistant, assistant), overrides), overrides=overrides, transient=True)


def _spoken_error(answer: Document) -> Failure:
    error = answer["error"]
    if isinstance(error, str) and error.strip():
        return Failure(
            "assistant-request-returned-error",
            error,
            spoken=error[:MAX_SPOKEN_ERROR],
            artifacts=_artifacts(answer, error),
            step=f"{ANSWER} is an error",
        )
    return Failure(
        "assistant-request-returned-unspeakable-error",
        "the answer's error is not a sentence",
        artifacts=_artifacts(answer, "The answer's error is not a sentence."),
        step=f"{ANSWER} is not valid",
    )


async def _saved_assistant(
    org_id: str, assistant_id: str, overrides: Document, directory: Directory
) -> Assistant | Failure:
    document = await directory.assistant(org_id, assistant_id)
    if document is None:
        return Failure("assistant-not-found", f"there is no assistant {assistant_id}")
    if overrides or "tools:append" in document:
        document = merge(document, overrides)
    return prepared(document, assistant_id=assistant_id, overrides=overrides)


async def _saved_squad(
    org_id: str, squad_id: str, overrides: Document, directory: Directory
) -> Assistant | Failure:
    squad = await directory.squad(org_id, squad_id)
    if squad is None:
        return Failure("assistant-not-found", f"there is no squad {squad_id}")
    return await _first_member(org_id, squad, squad_id, overrides, directory)


async def _first_member(
    org_id: str, squad: Document, squad_id: str | None, overrides: Document, directory: Directory
) -> Assistant | Failure:
    members: Sequence[Document] = squad.get("members") or ()
    if not members:
        return Failure("assistant-not-found", "the squad has no members")
    first = await member(org_id, squad, members[0], overrides, directory)
    if first is None:
        return Failure("assistant-not-found", f"the squad's member {members[0].get('assistantId')} is gone")
    document, assistant_id = first
    return prepared(
        document,
        assistant_id=assistant_id,
        overrides=overrides,
        squad=squad,
        squad_id=squad_id,
        transient=assistant_id is None,
    )


async def member(
    org_id: str, squad: Document, listed: Document, overrides: Document, directory: Directory
) -> tuple[Document, str | None] | None:
    """One member's assistant and its id: with the member's own overrides, then the squad's
    `membersOverrides`, then the call's. None if it does not exist."""
    assistant_id = given(listed, "assistantId")
    document: Document | None
    if listed.get("assistant") is not None and not (assistant_id and is_empty(listed["assistant"])):
        document, assistant_id = listed["assistant"], None
    else:
        document = await directory.assistant(org_id, str(assistant_id))
    if document is None:
        return None
    for layer in (listed.get("assistantOverrides"), squad.get("membersOverrides"), overrides):
        document = merge(document, layer or {})
    return with_destinations(document, listed.get("assistantDestinations")), assistant_id


async def meant(number: Document, failure: Failure | None, directory: Directory) -> object:
    """What the owner has given of whoever should answer a call that no assistant answers."""
    if failure is not None and failure.meant is not None:
        return failure.meant
    org_id = number["orgId"]
    if number.get("assistantId"):
        return await directory.assistant(org_id, number["assistantId"])
    squad = await directory.squad(org_id, number["squadId"]) if number.get("squadId") else None
    if not squad:
        return None
    first: Document = next(iter(squad.get("members") or ()), {})
    own = await directory.assistant(org_id, first["assistantId"]) if first.get("assistantId") else None
    return [squad, own]


def prepared(document: Document, **more: Any) -> Assistant | Failure:
    """The assistant that a document describes, if it can be one: what is stored may be older than what is
    understood today."""
    try:
        settings = _settings_of(document)
    except NotValid as problem:
        return Failure("assistant-not-valid", f"the assistant is not valid: {problem}", meant=document)
    return Assistant(document, settings, **more)


def understood(document: Document) -> AssistantOverrides:
    """What an assistant says, a stored one with what every resource has. Raises NotValid."""
    own = {name: value for name, value in document.items() if name not in RESOURCE}
    settings = read(AssistantOverrides, own, _ADAPTERS[AssistantOverrides], "an assistant")
    assert isinstance(settings, AssistantOverrides)
    return settings


_settings_of: Final = Kept(understood)
"""Most calls are answered by an assistant just as it is stored."""


def after_failure(number: Document, failure: Failure) -> Outcome:
    """Nobody was found: the call.ending hook, else the fallback destination, else the sentence."""
    action = ending_action(number.get("hooks") or (), failure.ended_reason)
    if action is not None:
        return Outcome(_from_hook(action, "call.ending"), failure)
    fallback = number.get("fallbackDestination")
    if fallback:
        return Outcome(Transfer(fallback, failure.ended_reason, ours=True), failure)
    return Outcome(Say(failure.spoken, failure.ended_reason), failure)


def ringing_action(hooks: Sequence[Document], caller: str | None) -> Document | None:
    """The first action of the first call.ringing hook whose filters the caller passes (vapi-wire §1.4)."""
    for hook in hooks:
        if hook.get("on") == "call.ringing" and _passes(hook.get("filters"), {"number": caller or ""}):
            actions = hook.get("do") or ()
            if actions:
                return dict(actions[0])
    return None


def ending_action(hooks: Sequence[Document], ended_reason: str) -> Document | None:
    """The action of the first call.ending hook that is meant for this reason; `do` is one object here."""
    if not ended_reason.startswith("assistant-request-"):
        return None
    for hook in hooks:
        if hook.get("on") == "call.ending" and _passes(
            hook.get("filters"), {"call.endedReason": ended_reason}
        ):
            action = hook.get("do")
            if action:
                return dict(action)
    return None


def _passes(filters: Sequence[Document] | None, values: Mapping[str, str]) -> bool:
    return all(_matches(one, values.get(str(one.get("key")), "")) for one in filters or ())


def _matches(one: Document, value: str) -> bool:
    if one.get("type") == "startsWith":
        return value.startswith(tuple(one.get("startsWith") or ()))
    return value in (one.get("oneOf") or ())


def _from_hook(action: Document, event: str) -> Transfer | Say:
    if action.get("type") == "transfer":
        return Transfer(action["destination"], f"{event}.hook-executed-transfer", ours=True)
    return Say(str(action.get("exact", "")), f"{event}.hook-executed-say", ours=True)


def _read(kind: Any, answered: object) -> dict[str, Any]:
    """The document as it was given, but for what is unknown or empty in it. `kind`: a schema type. Raises
    NotValid."""
    return read_document(kind, answered, _ADAPTERS[kind], "the answer to assistant-request")


def _invalid(answer: Document, problem: str) -> Failure:
    return Failure(
        "assistant-request-returned-invalid-assistant",
        problem,
        artifacts=_artifacts(answer, f"Invalid Assistant. Errors: [ {problem} ]"),
        meant=answer,
        step=f"{ANSWER} is not valid",
    )


def _shown(answer: Document) -> object:
    """It is kept with the call and sent with its messages: of a long one the beginning."""
    text = json.dumps(answer, ensure_ascii=False)
    return dict(answer) if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]} ..."


def _artifacts(answer: Document, problem: str) -> Document:
    return {
        "error": "Couldn't get assistant.",
        "assistantRequestError": problem,
        "assistantRequestResponse": _shown(answer),
    }
