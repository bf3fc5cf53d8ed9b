"""Who takes a conversation over: what a destination means, and what an owner's server says when it is asked
for one (vapi-wire §4.5, §7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import TypeAdapter

from offhook.calls.routing import decision as routing
from offhook.conversation.events import Named
from offhook.conversation.tools.tool_messages import content_of
from offhook.schema.answered import NotValid, given, read_document
from offhook.schema.assistant import AssistantOverrides, merge
from offhook.schema.destination import TransferDestination
from offhook.schema.handoff import HandoffDestination

Document = Mapping[str, Any]

MAX_WORDS: Final = 1000
"""Characters of a server's `error`, `message` or `result`."""

_ADAPTERS: Final[dict[Any, TypeAdapter[Any]]] = {
    kind: TypeAdapter(kind) for kind in (TransferDestination, HandoffDestination)
}


@dataclass(frozen=True, slots=True)
class Successor:
    """`document` has all overrides applied, `settings` is what it says; `squad` is the one it belongs to."""

    document: Document
    settings: AssistantOverrides
    assistant_id: str | None
    squad: Document | None


async def successor(
    org_id: str,
    squad: Document | None,
    destination: Document,
    overrides: Document,
    directory: routing.Directory,
) -> Successor | None:
    """The member of the call's squad, the assistant, or the squad's first (or named) member that a
    destination names. `overrides` are the call's; the destination's `assistantOverrides` come over them."""
    own = destination.get("assistantOverrides") or {}
    if destination.get("type") == "squad":
        squad = given(destination, "squad") or await directory.squad(org_id, str(destination.get("squadId")))
        squad = _overridden(squad, destination.get("squadOverrides"))
        wanted = _Wanted(name=destination.get("entryAssistantName"))
        found = await _member(org_id, squad, wanted, overrides, directory)
    else:
        wanted = _Wanted(destination.get("assistantId"), destination.get("assistantName"))
        found = await _member(org_id, squad, wanted, overrides, directory) if wanted else None
        found = found or await _assistant(org_id, destination, overrides, directory)
    if found is None:
        return None
    document, assistant_id = found
    prepared = routing.prepared(merge(document, own), assistant_id=assistant_id)
    if isinstance(prepared, routing.Failure):
        return None
    return Successor(prepared.document, prepared.settings, assistant_id, squad)


def _overridden(squad: Document | None, overrides: Document | None) -> Document | None:
    """With `squadOverrides` over its `membersOverrides`, for as long as the call is with it."""
    if not squad or not overrides:
        return squad
    return {**squad, "membersOverrides": merge(squad.get("membersOverrides") or {}, overrides)}


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A member by its id or its name; without either, the first."""

    id: str | None = None
    name: str | None = None

    def __bool__(self) -> bool:
        return bool(self.id or self.name)

    def fits(self, document: Document, assistant_id: str | None) -> bool:
        if not self:
            return True
        return bool(
            (self.id and assistant_id == self.id) or (self.name and document.get("name") == self.name)
        )


async def _member(
    org_id: str, squad: Document | None, wanted: _Wanted, overrides: Document, directory: routing.Directory
) -> tuple[Document, str | None] | None:
    for each in (squad or {}).get("members") or ():
        found = await routing.member(org_id, squad or {}, each, overrides, directory)
        if found is not None and wanted.fits(*found):
            return found
    return None


async def _assistant(
    org_id: str, destination: Document, overrides: Document, directory: routing.Directory
) -> tuple[Document, str | None] | None:
    if (transient := given(destination, "assistant")) is not None:
        return merge(transient, overrides), None
    wanted = destination.get("assistantId")
    saved = await directory.assistant(org_id, str(wanted)) if wanted else None
    return None if saved is None else (merge(saved, overrides), str(wanted))


def transfer_answer(answer: Document) -> Named:
    """An answer to transfer-destination-request: where to, and what to say before."""
    named = _named(answer, TransferDestination)
    message = content_of(given(answer, "message"))
    return named if message is None else replace(named, message=message[:MAX_WORDS])


def handoff_answer(answer: Document) -> Named:
    """An answer to handoff-destination-request: to whom, and what the model is told."""
    named = _named(answer, HandoffDestination)
    result = answer.get("result")
    return replace(named, result=result[:MAX_WORDS]) if isinstance(result, str) and result else named


def _named(answer: Document, kind: Any) -> Named:
    if (error := given(answer, "error")) is not None:
        return Named(error=str(error)[:MAX_WORDS])
    destination = given(answer, "destination")
    if destination is None:
        return Named(error="The server named no destination.")
    try:
        chosen = read_document(kind, destination, _ADAPTERS[kind], "a server's destination")
    except NotValid as problem:
        return Named(error=f"The server's destination is not valid: {problem}"[:MAX_WORDS])
    if chosen["type"] == "dynamic":
        return Named(error="The server named another dynamic destination.")
    return Named(chosen)
