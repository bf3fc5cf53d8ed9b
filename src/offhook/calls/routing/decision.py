"""Who answers a call: the order of vapi-wire §3 as one walk over small decisions.

    hook call.ringing -> assistantId / squadId -> assistant-request -> (failure) hook call.ending
    -> fallbackDestination -> a spoken sentence and hang-up

Everything here is decided from what is given and two questions asked of the outside: the directory (what is
stored) and `request_assistant` (the owner's webhook)."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from offhook.calls.routing.assistant_request import read_answer, request_failure
from offhook.calls.routing.assistants import AssistantDirectory, first_meant, saved_assistant, saved_squad
from offhook.calls.routing.number_hooks import done, ending_action, ringing_action
from offhook.calls.routing.outcome import (
    AnsweringAssistant,
    ForwardedCaller,
    LastWords,
    RequestAssistant,
    RequestFailed,
    RoutingFailure,
    RoutingOutcome,
)
from offhook.schema.assistants.assistant import AssistantOverrides
from offhook.schema.number import StoredPhoneNumber


async def who_answers(
    number: StoredPhoneNumber,
    caller: str | None,
    variables: Mapping[str, JsonValue],
    directory: AssistantDirectory,
    request_assistant: RequestAssistant | None,
) -> RoutingOutcome:
    """Decide for one call. `caller` is the number or user of the From header, `variables` the values
    of its X- headers; `request_assistant` is None when no server is known."""
    action = ringing_action(number.hooks, caller or "")
    if action is not None and (ringing := done(action, "call.ringing")) is not None:
        return RoutingOutcome(ringing)
    found = await _find(number, variables, directory, request_assistant)
    if isinstance(found, RoutingFailure):
        return after_failure(number, found)
    return RoutingOutcome(found)


def from_headers(variables: Mapping[str, JsonValue]) -> AssistantOverrides:
    """The overrides that the X- headers of a call set for whichever assistant answers."""
    return AssistantOverrides(variable_values=dict(variables)) if variables else AssistantOverrides()


async def _find(
    number: StoredPhoneNumber,
    variables: Mapping[str, JsonValue],
    directory: AssistantDirectory,
    request_assistant: RequestAssistant | None,
) -> AnsweringAssistant | ForwardedCaller | RoutingFailure:
    overrides = from_headers(variables)
    if number.assistant_id:
        return await saved_assistant(number.org_id, number.assistant_id, overrides, directory)
    if number.squad_id:
        return await saved_squad(number.org_id, number.squad_id, overrides, directory)
    if request_assistant is None:
        return RoutingFailure(
            "call-start-error-neither-assistant-nor-server-set",
            "the number has no assistantId, no squadId, and no server is set for it or its org",
        )
    try:
        answer = await request_assistant()
    except RequestFailed as failed:
        return request_failure(failed)
    return await read_answer(answer, number.org_id, overrides, directory)


def after_failure(number: StoredPhoneNumber, failure: RoutingFailure) -> RoutingOutcome:
    """No assistant was found: the call.ending hook decides, else the fallback destination, else the spoken
    sentence."""
    action = ending_action(number.hooks, failure.ended_reason)
    if action is not None and (ending := done(action, "call.ending")) is not None:
        return RoutingOutcome(ending, failure)
    if number.fallback_destination is not None:
        forwarded = ForwardedCaller(number.fallback_destination, failure.ended_reason, ours=True)
        return RoutingOutcome(forwarded, failure)
    return RoutingOutcome(LastWords(failure.spoken, failure.ended_reason), failure)


async def meant(
    number: StoredPhoneNumber, failure: RoutingFailure | None, directory: AssistantDirectory
) -> object:
    """The documents of those who should answer a call that no assistant answers."""
    if failure is not None and failure.meant is not None:
        return failure.meant
    if number.assistant_id:
        assistant = await directory.assistant(number.org_id, number.assistant_id)
        return None if assistant is None else assistant.document
    squad = await directory.squad(number.org_id, number.squad_id) if number.squad_id else None
    return None if squad is None else await first_meant(number.org_id, squad.document, directory)
