"""The hooks of a number, which run before an assistant does (vapi-wire §1.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from offhook.calls.routing.outcome import ForwardedCaller, LastWords
from offhook.schema.number import (
    PhoneNumberHook,
    PhoneNumberHookAction,
    PhoneNumberHookCallEnding,
    PhoneNumberHookCallRinging,
    SayPhoneNumberHookAction,
)


def ringing_action(hooks: Sequence[PhoneNumberHook] | None, caller: str) -> PhoneNumberHookAction | None:
    """The first action of the first call.ringing hook whose filters the caller passes."""
    for hook in hooks or ():
        if isinstance(hook, PhoneNumberHookCallRinging) and hook.do:
            filters = hook.filters or ()
            if all(caller.startswith(tuple(one.starts_with)) for one in filters):
                return hook.do[0]
    return None


def ending_action(hooks: Sequence[PhoneNumberHook] | None, ended_reason: str) -> PhoneNumberHookAction | None:
    """The action of the first call.ending hook for this reason. `do` is a single object here."""
    if not ended_reason.startswith("assistant-request-"):
        return None
    for hook in hooks or ():
        if isinstance(hook, PhoneNumberHookCallEnding) and hook.do is not None and _meant(hook, ended_reason):
            return hook.do
    return None


def _meant(hook: PhoneNumberHookCallEnding, ended_reason: str) -> bool:
    return all(ended_reason in one.one_of for one in hook.filters or ())


def done(
    action: PhoneNumberHookAction, event: Literal["call.ringing", "call.ending"]
) -> ForwardedCaller | LastWords | None:
    """The outcome of a hook. None for a transfer that names no destination."""
    if isinstance(action, SayPhoneNumberHookAction):
        return LastWords(action.exact, f"{event}.hook-executed-say", ours=True)
    if action.destination is None:
        return None
    return ForwardedCaller(action.destination, f"{event}.hook-executed-transfer", ours=True)
