"""Stored resources as calls read them: a call must not be lost for a property that is not valid by today's
types, which may be newer than the resource is."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter

from offhook.json_document import ResourceDocument
from offhook.schema.answered import NotValid, read
from offhook.schema.assistants.assistant import AssistantOverrides
from offhook.schema.assistants.squad import Squad, SquadMemberDTO, with_members
from offhook.schema.number import StoredPhoneNumber
from offhook.schema.org import UpdateOrgDTO
from offhook.schema.server import read_server

_log = logging.getLogger(__name__)

_RESOURCE: Final = frozenset({"id", "orgId", "createdAt", "updatedAt"})
"""What a stored resource has besides its own properties."""

_ADAPTERS: Final[dict[Any, TypeAdapter[Any]]] = {
    kind: TypeAdapter(kind)
    for kind in (AssistantOverrides, Squad, SquadMemberDTO, StoredPhoneNumber, UpdateOrgDTO)
}


def build_types() -> None:
    """Make now the checks that every call needs: the first caller need not wait for them."""
    for kind in (AssistantOverrides, StoredPhoneNumber, UpdateOrgDTO):
        _ADAPTERS[kind].rebuild()


def assistant_of(document: ResourceDocument) -> AssistantOverrides:
    """An assistant's type; of a stored one the type with id and dates. Raises NotValid."""
    settings = _own(AssistantOverrides, document, "an assistant")
    assert isinstance(settings, AssistantOverrides)
    return settings


def squad_of(document: ResourceDocument) -> Squad:
    """A squad's type. A member that is not valid is left out, and the others keep their positions. Raises
    NotValid."""
    try:
        squad = _own(Squad, document, "a squad")
    except NotValid:
        squad = _own(Squad, with_members(document, _is_member), "a squad")
    assert isinstance(squad, Squad)
    return squad


def _is_member(document: object) -> bool:
    try:
        read(SquadMemberDTO, document, _ADAPTERS[SquadMemberDTO], "a squad's member")
    except NotValid:
        return False
    return True


def org_of(document: ResourceDocument) -> UpdateOrgDTO:
    """An org's type. Properties that are not valid are left out, except for compliance: without it too much
    would be stored. Raises NotValid."""
    own = _without_resource(document)
    org = _as_far_as_valid(UpdateOrgDTO, own, ("hipaaEnabled", "compliancePlan"), "an org")
    assert isinstance(org, UpdateOrgDTO)
    return org


def number_of(document: ResourceDocument) -> StoredPhoneNumber:
    """A number's type. Properties that are not valid are left out, except for those that keep strangers out.
    Raises NotValid."""
    number = _as_far_as_valid(StoredPhoneNumber, document, ("orgId", "authentication"), "a phone number")
    assert isinstance(number, StoredPhoneNumber)
    return number


def _as_far_as_valid(kind: Any, given: ResourceDocument, needed: Sequence[str], what: str) -> BaseModel:
    """Reads what is valid: a call must not be refused for a property that became invalid after it was stored.
    The sender of a message checks the server's properties itself. Raises NotValid if `needed` properties are
    not valid."""
    adapter = _ADAPTERS[kind]
    with suppress(NotValid):
        return read(kind, given, adapter, what)
    kept = {name: given[name] for name in needed if name in given}
    read(kind, kept, adapter, what)
    certain = dict(kept)
    for name, value in given.items():
        if name in certain:
            continue
        try:
            read(kind, {**certain, name: value}, adapter, what)
            kept[name] = value
        except NotValid as problem:
            _log.warning("%s is used without its invalid properties: %s", what, problem)
    found = read(kind, kept, adapter, what)
    if "server" in kept:
        return found
    return found.model_copy(update={"server": read_server(given)})


def _own(kind: Any, document: ResourceDocument, what: str) -> object:
    return read(kind, _without_resource(document), _ADAPTERS[kind], what)


def _without_resource(document: ResourceDocument) -> ResourceDocument:
    return {name: value for name, value in document.items() if name not in _RESOURCE}
