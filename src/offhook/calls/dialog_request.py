"""A request inside a call's own dialog, as its owner has written it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from offhook.calls.leg import Leg
from offhook.calls.owners_headers import one_line, owners_headers
from offhook.conversation.events import ToolOutcome
from offhook.sip.errors import SipError

_ITS_OWN: Final = frozenset({"accept", "event"})
"""Headers that belong to one request and not to the dialog: a NOTIFY has an Event."""

MOST_BODY: Final = 8000
"""Bytes; a datagram has room for little more."""


async def request_in_dialog(
    leg: Leg, verb: str, given: Iterable[tuple[str, object]], body: bytes, kind: str
) -> ToolOutcome:
    """How the phone answers. `given`: headers, of which those go out that are an owner's to set; `kind`: the
    body's type, if no header says another."""
    if leg.session is None:
        return ToolOutcome(error="the call is not connected")
    if len(body) > MOST_BODY:
        return ToolOutcome(error=f"the body has more than {MOST_BODY} bytes")
    named_headers = dict(given)
    headers = owners_headers(named_headers, _ITS_OWN)
    named = next(
        (str(value) for name, value in named_headers.items() if name.lower() == "content-type"), kind
    )
    content_type = one_line(named) if body else None
    try:
        response = await leg.session.request(verb, headers, body, content_type)
    except SipError as error:
        return ToolOutcome(error=f"the phone did not take it: {error}")
    answer = f"{response.status} {response.reason}".strip()
    return ToolOutcome(result=answer) if response.status < 300 else ToolOutcome(error=f"it answered {answer}")
