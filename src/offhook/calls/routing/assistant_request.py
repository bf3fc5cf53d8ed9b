"""What an owner's server answers to assistant-request (vapi-wire §3): an assistant, a squad, a destination,
or an error."""

from __future__ import annotations

import json
from typing import Any, Final

from pydantic import TypeAdapter

from offhook.calls.directory.documented import Documented
from offhook.calls.routing.assistants import AssistantDirectory, first_member, saved_assistant, saved_squad
from offhook.calls.routing.outcome import (
    AnsweringAssistant,
    ForwardedCaller,
    FoundAssistant,
    RequestFailed,
    RoutingFailure,
)
from offhook.json_document import MessageDocument
from offhook.schema.answered import NotValid, read_answered
from offhook.schema.assistants import assistant as schema
from offhook.schema.assistants.assistant import AssistantOverrides, merged
from offhook.schema.assistants.squad import Squad
from offhook.schema.base import document
from offhook.schema.tools.destination import CallDestination
from offhook.schema.webhooks.answers import AssistantRequestAnswer
from offhook.schema.webhooks.server_message import DebuggingArtifacts

ANSWER: Final = "the answer to the assistant-request"

MAX_SPOKEN_ERROR: Final = 1000
"""Characters of a server's `error` that are spoken. More is not a sentence."""

MAX_SHOWN: Final = 16_000
"""Characters of an unusable answer that its owner gets to see."""

_ADAPTERS: Final[dict[Any, TypeAdapter[Any]]] = {
    kind: TypeAdapter(kind) for kind in (schema.Assistant, AssistantOverrides, Squad, CallDestination)
}


def request_failure(failed: RequestFailed) -> RoutingFailure:
    """An assistant-request without a usable answer (vapi-wire §3; 400 as it was captured on the wire)."""
    if failed.status == 400:
        reason = "assistant-request-returned-error"
    elif failed.kind == "empty":
        reason = "assistant-request-returned-no-assistant"
    elif failed.kind == "wrong-json":
        reason = "assistant-request-returned-invalid-assistant"
    else:
        reason = "assistant-request-failed"
    artifacts = _artifacts(failed.detail, failed.response)
    return RoutingFailure(reason, failed.detail, artifacts=artifacts, step="the assistant-request failed")


async def read_answer(
    says: AssistantRequestAnswer, org_id: str, from_headers: AssistantOverrides, directory: AssistantDirectory
) -> AnsweringAssistant | ForwardedCaller | RoutingFailure:
    """`error` comes before `destination`, and that before assistant or squad. An empty property counts as
    missing; except an assistant, if nothing else is there."""
    if says.error is not None:
        return _spoken_error(says)
    try:
        if says.destination is not None:
            destination = _read(CallDestination, says.destination)
            return ForwardedCaller(destination, "assistant-request-returned-forwarding-phone-number")
        overrides = merged(from_headers, _read(AssistantOverrides, says.assistant_overrides))
        if says.assistant_id:
            return await saved_assistant(org_id, says.assistant_id, overrides, directory)
        if says.assistant is not None:
            return _transient(says.assistant, overrides)
        squad_overrides = merged(overrides, _read(AssistantOverrides, says.squad_overrides))
        if says.squad_id:
            return await saved_squad(org_id, says.squad_id, squad_overrides, directory)
        if says.squad is not None:
            squad = _read(Squad, says.squad)
            documented = Documented(document(squad), lambda _: squad)
            return await first_member(org_id, documented, None, squad_overrides, directory)
        if says.transient is not None:
            return _transient(says.transient, overrides)
    except NotValid as problem:
        return _invalid(says, str(problem))
    missing = "No assistant, squad or destination in the answer"
    if says.names_workflow:
        missing += "; workflows are not served"
    return RoutingFailure(
        "assistant-request-returned-no-assistant",
        missing,
        artifacts=_artifacts(f"{missing}.", _shown(says)),
        step=f"{ANSWER} names nobody",
    )


def _transient(assistant: object, overrides: AssistantOverrides) -> AnsweringAssistant:
    settings = merged(_read(schema.Assistant, assistant), overrides)
    return AnsweringAssistant(FoundAssistant(settings), overrides, transient=True)


def _spoken_error(says: AssistantRequestAnswer) -> RoutingFailure:
    error = says.error
    if isinstance(error, str) and error.strip():
        return RoutingFailure(
            "assistant-request-returned-error",
            error,
            spoken=error[:MAX_SPOKEN_ERROR],
            artifacts=_artifacts(error, _shown(says)),
            step=f"{ANSWER} is an error",
        )
    return RoutingFailure(
        "assistant-request-returned-unspeakable-error",
        "the answer's error is not a sentence",
        artifacts=_artifacts("The answer's error is not a sentence.", _shown(says)),
        step=f"{ANSWER} is not valid",
    )


def _read(kind: Any, answered: object) -> Any:
    """Reads the answer as `kind`, a schema type. Raises NotValid."""
    return read_answered(kind, answered, _ADAPTERS[kind], "the answer to assistant-request")


def _invalid(says: AssistantRequestAnswer, problem: str) -> RoutingFailure:
    return RoutingFailure(
        "assistant-request-returned-invalid-assistant",
        problem,
        artifacts=_artifacts(f"Invalid Assistant. Errors: [ {problem} ]", _shown(says)),
        meant=says.whole,
        step=f"{ANSWER} is not valid",
    )


def _shown(says: AssistantRequestAnswer) -> object:
    """The answer as it is stored with the call and sent with its messages: of a long one the beginning."""
    text = json.dumps(says.whole, ensure_ascii=False)
    return dict(says.whole) if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]} ..."


def _artifacts(problem: str, response: object) -> MessageDocument:
    return DebuggingArtifacts(
        error="Couldn't get assistant.", assistant_request_error=problem, assistant_request_response=response
    ).given()
