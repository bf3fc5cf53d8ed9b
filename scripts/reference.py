"""Write docs/reference/ from the wire types and what src/offhook/schema/reference.toml says of them: a page
for each resource in the form of the first published reference, name | type | description | notes, with the
attribute names of Python clients.

.venv/bin/python scripts/reference.py

What each property is for is written by hand; types, limits, values, and what is optional are known from the
wire types, what has no effect yet from docs/compatibility.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

import offhook.api.app  # noqa: F401 (the types that are there alone have words too)
from offhook.schema import number, server
from offhook.schema.assistants import analysis, artifact_plan, plan, speaking, spoken
from offhook.schema.assistants.assistant import StoredAssistant
from offhook.schema.assistants.assistant import _LegacyAssistant as LegacyAssistant
from offhook.schema.assistants.squad import SquadMemberDTO, StoredSquad
from offhook.schema.base import Model
from offhook.schema.calls import call
from offhook.schema.error_path import plain, whole
from offhook.schema.org import Org
from offhook.schema.reference import Words, described, told, words
from offhook.schema.server import LegacyServer
from offhook.schema.tools import destination

DOCS = Path(__file__).resolve().parent.parent / "docs"
FOLDER = DOCS / "reference"

PAGES: dict[str, type[BaseModel]] = {
    "VapiPhoneNumber": number.VapiPhoneNumber,
    "SipAuthentication": number.SipAuthentication,
    "PhoneNumberHookCallRinging": number.PhoneNumberHookCallRinging,
    "PhoneNumberCallRingingHookFilter": number.PhoneNumberCallRingingHookFilter,
    "PhoneNumberHookCallEnding": number.PhoneNumberHookCallEnding,
    "PhoneNumberCallEndingHookFilter": number.PhoneNumberCallEndingHookFilter,
    "SayPhoneNumberHookAction": number.SayPhoneNumberHookAction,
    "TransferPhoneNumberHookAction": number.TransferPhoneNumberHookAction,
    "Server": server.Server,
    "BackoffPlan": server.BackoffPlan,
    "TransferDestinationNumber": destination.TransferDestinationNumber,
    "TransferDestinationSip": destination.TransferDestinationSip,
    "TransferDestinationAssistant": destination.TransferDestinationAssistant,
    "TransferPlan": destination.TransferPlan,
    "TransferFallbackPlan": destination.TransferFallbackPlan,
    "Assistant": StoredAssistant,
    "StartSpeakingPlan": speaking.StartSpeakingPlan,
    "TranscriptionEndpointingPlan": speaking.TranscriptionEndpointingPlan,
    "StopSpeakingPlan": speaking.StopSpeakingPlan,
    "ArtifactPlan": artifact_plan.ArtifactPlan,
    "TranscriptPlan": artifact_plan.TranscriptPlan,
    "AnalysisPlan": analysis.AnalysisPlan,
    "SummaryPlan": analysis.SummaryPlan,
    "MonitorPlan": plan.MonitorPlan,
    "KeypadInputPlan": plan.KeypadInputPlan,
    "MessagePlan": plan.MessagePlan,
    "CompliancePlan": plan.CompliancePlan,
    "Squad": StoredSquad,
    "SquadMemberDTO": SquadMemberDTO,
    "Call": call.Call,
    "CreateCustomerDTO": call.CreateCustomerDTO,
    "Org": Org,
    "CustomMessage": spoken.CustomMessage,
    "TextContent": spoken.TextContent,
}
FIRST = {
    "VapiPhoneNumber": (
        "fallback_destination",
        "provider",
        "id",
        "org_id",
        "created_at",
        "updated_at",
        "name",
        "assistant_id",
        "squad_id",
        "server_url",
        "server_url_secret",
        "sip_uri",
    ),
}
"""The properties of the first published page, in its order. Those that the API has got since follow."""

NAMES = {model: name for name, model in PAGES.items()}

STATES = {
    "VapiPhoneNumber": ("phone-number", ""),
    "SipAuthentication": ("phone-number", "authentication."),
    "Server": ("phone-number", "server."),
    "TransferDestinationNumber": ("destination", ""),
    "TransferDestinationSip": ("destination", ""),
    "TransferPlan": ("destination", "transferPlan."),
    "Assistant": ("assistant", ""),
    "StartSpeakingPlan": ("assistant", "startSpeakingPlan."),
    "StopSpeakingPlan": ("assistant", "stopSpeakingPlan."),
    "ArtifactPlan": ("assistant", "artifactPlan."),
    "AnalysisPlan": ("assistant", "analysisPlan."),
    "MonitorPlan": ("assistant", "monitorPlan."),
    "KeypadInputPlan": ("assistant", "keypadInputPlan."),
    "MessagePlan": ("assistant", "messagePlan."),
    "CompliancePlan": ("assistant", "compliancePlan."),
    "Call": ("call", ""),
    "Org": ("org", ""),
}
"""Where docs/compatibility.toml speaks of a page's properties: section, and what is before their names."""

NO_EFFECT = {
    "stored": "stored, no effect yet",
    "refused": "refused",
    "absent": "not sent yet",
    "unserved": "not served",
}
PLAIN = {str: "str", bool: "bool", int: "int", float: "float", datetime: "datetime"}
MOST_VALUES = 12


def attributes(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """By name, in the order of the page: what came first in the API's history first, older spellings last."""
    fields = dict(whole(model).model_fields)
    first = FIRST.get(NAMES[model], ())
    legacy = next((base for base in (LegacyAssistant, LegacyServer) if issubclass(model, base)), None)
    older = [name for name in (legacy.model_fields if legacy else ()) if name not in first]
    rest = [name for name in fields if name not in first and name not in older]
    return {name: fields[name] for name in (*first, *rest, *older)}


def problems(written: Words) -> list[str]:
    """What src/offhook/schema/reference.toml lacks for the pages or has too much of."""
    kinds = {name: whole(kind) for kind in _kinds_of(Model) for name in (kind.__name__.lstrip("_"),)}
    every = {field for kind in kinds.values() for field in kind.model_fields}
    found = []
    for name, section in written.items():
        if name == "every":
            found += [f"every.{field} does not exist" for field in section if field not in every]
        elif name not in kinds:
            found.append(f"{name} is not a type")
        else:
            known = {"is", *kinds[name].model_fields}
            found += [f"{name}.{field} does not exist" for field in section if field not in known]
    for name, model in PAGES.items():
        if told(model, written) is None:
            found.append(f"{name} has no words")
        fields = [field for field in attributes(model) if described(model, field, written) is None]
        found += [f"{name}.{field} has no words" for field in fields]
    return found


def _kinds_of(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """The older first, so that of two that have one name the page's own is known."""
    for kind in model.__subclasses__():
        yield kind
        yield from _kinds_of(kind)


def pages() -> dict[str, str]:
    """Every page by its file name, the list of them as README.md."""
    written = words()
    states = tomllib.loads((DOCS / "compatibility.toml").read_text("utf-8"))
    made = {f"{name}.md": _page(name, model, written, states) for name, model in PAGES.items()}
    lines = "".join(
        f"- [{name}]({name}.md): {_first(told(model, written) or '')}\n" for name, model in PAGES.items()
    )
    made["README.md"] = f"# Reference\n\n{_BY}\n\n{lines}"
    return made


_BY = (
    "Generated by `make docs` from the wire types and `src/offhook/schema/reference.toml`. Attribute names"
    " are those of Python; on the wire the same names are in camelCase."
)


_HEADING = "Name | Type | Description | Notes\n------------ | ------------- | ------------- | -------------\n"
_FOOT = "\n[[Back to the list]](README.md)\n"


def _first(text: str) -> str:
    head, dot, _ = text.partition(". ")
    return head + "." if dot else head


def _page(name: str, model: type[BaseModel], written: Words, states: dict[str, dict[str, str]]) -> str:
    section, before = STATES.get(name, ("", ""))
    rows = [
        _row(
            field,
            info,
            described(model, field, written) or "",
            states.get(section, {}).get(f"{before}{info.alias}", ""),
        )
        for field, info in attributes(model).items()
    ]
    return f"# {name}\n\n{told(model, written)}\n\n## Properties\n{_HEADING}{''.join(rows)}{_FOOT}"


def _row(field: str, info: FieldInfo, description: str, state: str) -> str:
    annotated = Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation
    values = list(_values(annotated))
    if 1 < len(values) <= MOST_VALUES:
        description = f"{description} One of {', '.join(f'`{value}`' for value in values)}."
    notes = [] if info.is_required() else ["[optional]"]
    notes += [f"[{limit}]" for limit in _limits(annotated)]
    if (word := state.partition(":")[0]) in NO_EFFECT:
        notes.append(f"[{NO_EFFECT[word]}]")
    kind = " or ".join(dict.fromkeys(_kinds(annotated)))
    return f"**{field.rstrip('_')}** | {kind} | {description} | {' '.join(notes)}\n"


def _kinds(kind: Any) -> Iterator[str]:
    """The types that a property may have, those with a page of their own linked to it."""
    kind = plain(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        for member in arguments:
            yield from _kinds(member)
    elif origin is Annotated:
        yield from _kinds(arguments[0])
    elif origin is list:
        inner = " or ".join(dict.fromkeys(_kinds(arguments[0])))
        yield f"**list** of {inner}"
    elif origin is dict:
        yield "**dict**"
    elif origin is Literal:
        yield "**str**"
    elif kind in NAMES:
        yield f"[**{NAMES[kind]}**]({NAMES[kind]}.md)"
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        base = next((base for base in kind.__mro__ if base in NAMES), None)
        yield f"[**{NAMES[base]}**]({NAMES[base]}.md)" if base else f"**{kind.__name__}**"
    else:
        yield f"**{PLAIN.get(kind, 'object')}**"


def _values(kind: Any) -> Iterator[str]:
    """What a property of fixed values may be; nothing for one that may be something else too."""
    kind = plain(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated or origin is list:
        yield from _values(arguments[0])
    elif origin is Literal:
        yield from (f"{value}" if value else '""' for value in arguments)


def _limits(kind: Any) -> Iterator[str]:
    """`5 to 40 characters`, `0 to 10`, from wherever in the annotation they stand."""
    found = {
        name: value
        for one in _metadata(kind)
        for name in _BOUNDS
        if (value := getattr(one, name, None)) is not None
    }
    for low, high, unit in (("ge", "le", ""), ("min_length", "max_length", " characters")):
        least, most = found.get(low), found.get(high)
        if least is not None and most is not None:
            yield f"{most:g}{unit}" if least == most else f"{least:g} to {most:g}{unit}"
        elif least is not None:
            yield f"at least {least:g}{unit}"
        elif most is not None:
            yield f"at most {most:g}{unit}"


_BOUNDS = ("ge", "le", "min_length", "max_length")


def _metadata(kind: Any) -> Iterator[Any]:
    if get_origin(kind) is Annotated:
        inner, *metadata = get_args(kind)
        for one in metadata:
            yield from one.metadata if isinstance(one, FieldInfo) else (one,)
        yield from _metadata(inner)
    elif get_origin(kind) in (Union, UnionType):
        for member in get_args(kind):
            if member is not NoneType:
                yield from _metadata(member)


if __name__ == "__main__":
    if wrong := problems(words()):
        raise SystemExit("\n".join(wrong))
    FOLDER.mkdir(exist_ok=True)
    for stale in set(FOLDER.glob("*.md")) - {FOLDER / name for name in pages()}:
        stale.unlink()
    for name, text in pages().items():
        (FOLDER / name).write_text(text, "utf-8")
