"""Walks Vapi's published types and ours side by side and tells every difference."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from offhook.schema.error_path import plain, tagged, whole

PUBLISHED: dict[str, Any] = json.loads((Path(__file__).parent / "vapi_properties.json").read_text("utf-8"))
UNIONS: dict[str, list[str]] = PUBLISHED.pop("unions")
ENDPOINTS: list[str] = PUBLISHED.pop("endpoints")
DISCRIMINATORS = ("provider", "type", "on", "role", "transport")

NAMED = {"CallHookCustomerSpeechTimeout": "CallHookCustomerSpeechTimeout"}
"""Published types whose tag is an open string, with our class for each."""


@dataclass
class Walk:
    """`ours_alone`: properties by our class that only we have; `as_it_is`: published properties that
    we keep without looking inside."""

    ours_alone: dict[str, set[str]]
    as_it_is: set[tuple[str, str]]
    compared: set[tuple[str, str]] = field(default_factory=set)
    differences: list[str] = field(default_factory=list)

    def compare(self, name: str, ours: type[BaseModel]) -> None:
        if (name, ours.__name__) in self.compared or name not in PUBLISHED:
            return
        self.compared.add((name, ours.__name__))
        published = PUBLISHED[name]
        fields = {info.alias or attribute: info for attribute, info in whole(ours).model_fields.items()}
        alone = set().union(*(self.ours_alone.get(base.__name__, set()) for base in ours.__mro__))
        if missing := published.keys() - fields.keys():
            self.differences.append(f"{name}: {ours.__name__} has no {sorted(missing)}")
        if extra := fields.keys() - published.keys() - alone:
            self.differences.append(f"{name}: {ours.__name__} alone has {sorted(extra)}")
        for property_name, spec in published.items():
            if property_name in fields and (name, property_name) not in self.as_it_is:
                info = fields[property_name]
                if info.is_required() != spec.get("required", False):
                    self.differences.append(f"{name}.{property_name}: required or not?")
                kind = tagged_kind(info)
                self._property(name, property_name, spec, kind, ours)

    def _property(self, name: str, prop: str, spec: dict[str, Any], kind: Any, ours: type[BaseModel]) -> None:
        for wrong in misjudged(ours, prop, spec):
            self.differences.append(f"{name}.{prop}: {wrong}")
        while "items" in spec and get_origin(plain(kind)) is list:
            spec, kind = spec["items"], get_args(plain(kind))[0]
        for reference in referenced(spec):
            if reference not in PUBLISHED:
                continue
            member = choose(reference, kind)
            if member is None:
                self.differences.append(f"{name}.{prop}: no place for {reference}")
            else:
                self.compare(reference, member)


def tagged_kind(info: Any) -> Any:
    return Annotated[info.annotation, info] if info.discriminator else info.annotation


def referenced(spec: dict[str, Any]) -> Iterator[str]:
    if "ref" in spec:
        yield spec["ref"]
    for part in spec.get("oneOf", ()):
        yield from referenced(part)
    yield from UNIONS.get(spec.get("union", ""), ())


def choose(reference: str, kind: Any) -> type[BaseModel] | None:
    """Our class for a published type: by the tag where there is one, else the only model there is."""
    if tagged(kind)[0]:
        key, members = tagged(kind)
        values = PUBLISHED[reference].get(key, {}).get("enum") or members
        return best(reference, [members[value] for value in values if value in members])
    kind = plain(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind
    return best(reference, [found for part in get_args(kind) if (found := choose(reference, part))])


def best(reference: str, members: list[type[BaseModel]]) -> type[BaseModel] | None:
    """The member with the published properties and the fewest others, told apart by their limits."""

    def distance(member: type[BaseModel]) -> tuple[bool, int, int, int]:
        ours = {info.alias or name for name, info in whole(member).model_fields.items()}
        published = PUBLISHED[reference]
        wrong = sum(1 for name, spec in published.items() for _ in misjudged(member, name, spec))
        other = NAMED.get(reference, member.__name__) != member.__name__
        return other, len(published.keys() - ours), len(ours - published.keys()), wrong

    return min(members, key=distance, default=None)


def misjudged(ours: type[BaseModel], prop: str, spec: dict[str, Any]) -> Iterator[str]:
    """Values at and beyond every limit, put to our class: what it takes and should not, or the reverse."""
    listed = False
    if spec.get("type") == "array" and "ref" not in spec["items"] and "oneOf" not in spec["items"]:
        yield from () if refuses(ours, prop, "text") else ["takes text for a list"]
        spec, listed = spec["items"], True
    for value in good_values(spec):
        if refuses(ours, prop, [value] if listed else value):
            yield f"refuses {value!r:.60}"
    for value in bad_values(spec):
        if not refuses(ours, prop, [value] if listed else value):
            yield f"takes {value!r:.60}"


def good_values(spec: dict[str, Any]) -> list[Any]:
    if "enum" in spec:
        return list(spec["enum"])
    limits = [spec[name] for name in ("minimum", "maximum") if name in spec]
    match spec.get("type"):
        case "number":
            return limits or [1, 2.5]
        case "boolean":
            return [True, False]
        case _:
            return []


def bad_values(spec: dict[str, Any]) -> list[Any]:
    bad: list[Any] = []
    if "enum" in spec:
        bad.append("no-such-value")
    if "minimum" in spec:
        bad.append(spec["minimum"] - 0.001)
    if "maximum" in spec:
        bad.append(spec["maximum"] + 0.001)
    if "maxLength" in spec:
        bad.append("a" * (spec["maxLength"] + 1))
    if spec.get("minLength", 0) > 0:
        bad.append("a" * (spec["minLength"] - 1))
    match spec.get("type"):
        case "number" | "integer":
            bad += ["5", True, float("nan"), float("inf")]
        case "boolean":
            bad += [1, "true"]
        case "string":
            bad += [5, True]
        case _:
            pass
    return bad


def refuses(ours: type[BaseModel], prop: str, value: object) -> bool:
    try:
        ours.model_validate({prop: value})
    except ValidationError as error:
        return any(details["loc"][:1] == (prop,) for details in error.errors())
    return False
