"""Ids in a body name things of the same org, wherever in the body they stand: an assistant in a squad's
member, a tool in its model, a credential of that tool's server. Free-form JSON (metadata, variables) is
not looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from offhook.api.http.api_errors import BadRequest
from offhook.api.http.work import Work
from offhook.api.resources.urls import check_urls
from offhook.store import Repository

MAX_REFERENCES: Final = 1000

_KINDS: Final[Mapping[str, str]] = {
    "assistant_id": "assistant",
    "squad_id": "squad",
    "tool_id": "tool",
    "tool_ids": "tool",
    "decline_tool_id": "tool",
    "credential_id": "credential",
    "credential_ids": "credential",
    "phone_number_id": "phone number",
}
"""What the properties of these names hold the id of."""


@dataclass(frozen=True, slots=True)
class Reference:
    """`path` is dotted and camelCase, with indexes of lists, as in the sentences about other mistakes."""

    kind: str
    path: str
    id: str


async def check_named(work: Work, model: BaseModel, given: Collection[str]) -> None:
    """All that a body names may be reached, exists, and is the org's own."""
    check_urls(work, model, given)
    await check_references(work, model, given)


async def check_references(work: Work, model: BaseModel, given: Collection[str]) -> None:
    """All that a body names exists and is the org's own. `given`: the properties of `model` that the body
    has, by their names on the wire; what was stored before is not asked about again. Raises BadRequest,
    about the first that is missing."""
    named = [one for one in references(model) if one.path.partition(".")[0] in given]
    if len(named) > MAX_REFERENCES:
        raise BadRequest(f"the body names more than {MAX_REFERENCES} ids")
    for kind in dict.fromkeys(one.kind for one in named):
        of_kind = [one for one in named if one.kind == kind]
        known = await _repository(work, kind).existing(work.org_id, {one.id for one in of_kind})
        for one in of_kind:
            if one.id not in known:
                raise BadRequest(f"{one.path}: {one.id[:100]} does not exist")


def references(model: BaseModel, path: str = "") -> Iterator[Reference]:
    """Every id that a document names, in the order of its type's properties."""
    for attribute, info in type(model).model_fields.items():
        if attribute not in model.model_fields_set:
            continue
        below = f"{path}.{info.alias or attribute}" if path else info.alias or attribute
        value = getattr(model, attribute)
        kind = _KINDS.get(attribute)
        if kind is not None:
            ids = value if isinstance(value, list) else [value]
            yield from (Reference(kind, below, one) for one in ids if one is not None)
        elif isinstance(value, BaseModel):
            yield from references(value, below)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, BaseModel):
                    yield from references(item, f"{below}.{index}")


def _repository(work: Work, kind: str) -> Repository:
    tx = work.tx
    kinds: dict[str, Repository] = {
        "assistant": tx.assistants,
        "squad": tx.squads,
        "tool": tx.tools,
        "credential": tx.credentials,
        "phone number": tx.phone_numbers,
    }
    return kinds[kind]
