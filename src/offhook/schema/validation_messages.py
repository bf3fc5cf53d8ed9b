"""What is wrong with a document, in the sentences of the API (vapi-wire §1.6).

The API validates with class-validator, and clients show its sentences to people; ours read the
same. Paths are dotted and camelCase, with indexes of lists: `hooks.0.do`."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from offhook.schema.error_path import MOST_PARTS, Place, locate

MOST_SENTENCES = 50
MOST_FINDINGS = 200
"""So many are looked at: one sentence may stand for several."""
MOST_MISTAKES = 2000
"""Of a document with more nothing else is said: to write out what is wrong with 50,000 values takes long."""
LONGEST_PATH = 200
"""In characters, as far as a sentence shows it."""


def sentences(error: ValidationError, kind: Any) -> list[str]:
    """The sentences for what pydantic found in a document of this kind: a model, or a union of models.
    At most 50."""
    if error.error_count() > MOST_MISTAKES:
        return [f"the document has more than {MOST_MISTAKES} mistakes"]
    details = error.errors(include_url=False, include_input=False)[:MOST_FINDINGS]
    parts = accumulate(len(one["loc"]) for one in details)
    followed = max(bisect_right(list(parts), MOST_PARTS), 1)
    found = [_Finding(one, locate(kind, one["loc"])) for one in details[:followed]]
    said = dict.fromkeys(_say_all(found))
    return list(said)[:MOST_SENTENCES]


@dataclass(frozen=True, slots=True)
class _Finding:
    details: ErrorDetails
    place: Place


_KINDS = {
    "string_type": "a string",
    "bool_type": "a boolean value",
    "int_type": "an integer number",
    "int_from_float": "an integer number",
    "float_type": "a number conforming to the specified constraints",
    "finite_number": "a number conforming to the specified constraints",
    "list_type": "an array",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}

_LIMITS = {
    "string_too_long": "must be shorter than or equal to {max_length} characters",
    "string_too_short": "must be longer than or equal to {min_length} characters",
    "greater_than_equal": "must not be less than {ge}",
    "less_than_equal": "must not be greater than {le}",
    "string_pattern_mismatch": "must match /{pattern}/ regular expression",
    "missing": "should not be empty",
    "recursion_loop": "must not be nested so deeply",
}


def _say_all(found: list[_Finding]) -> Iterator[str]:
    """One sentence for each finding, but one for all members of a union that do not fit."""
    unions: dict[str, list[_Finding]] = {}
    for finding in found:
        union = finding.place.union
        if union is None:
            yield _say(finding)
            continue
        if union not in unions:
            unions[union] = [other for other in found if other.place.union == union]
            yield from _say_union(union, unions[union])


def _say_union(union: str, found: list[_Finding]) -> Iterator[str]:
    """Where one member was meant, what is wrong with it; else what the members are."""
    meant: dict[str, list[_Finding]] = {}
    for finding in found:
        if finding.place.path != union or _what(finding) is None:
            meant.setdefault(finding.place.member, []).append(finding)
    if meant:
        for finding in min(meant.values(), key=len):
            yield _say(finding)
    else:
        kinds = dict.fromkeys(what for finding in found if (what := _what(finding)))
        yield f"{union} must be {' or '.join(kinds)}"


def _what(finding: _Finding) -> str | None:
    """What the value should have been, where it is of another kind altogether."""
    kind = finding.details["type"]
    if kind in ("literal_error", "enum"):
        return f"one of the following values: {', '.join(_values(finding.place.kind))}"
    return _KINDS.get(kind)


def _values(kind: Any) -> list[str]:
    if get_origin(kind) is Literal:
        return [str(value) for value in get_args(kind)]
    return [value for part in get_args(kind) for value in _values(part)]


def _say(finding: _Finding) -> str:
    details, path = finding.details, _shown(finding.place.path)
    context = details.get("ctx", {})
    match details["type"]:
        case "extra_forbidden":
            parent, _, name = path.rpartition(".")
            return (
                f"{parent}.property {name} should not exist"
                if parent
                else f"property {name} should not exist"
            )
        case "union_tag_invalid" | "union_tag_not_found":
            return _say_tag(finding)
        case "value_error":
            return f"{path} {context['error']}"
        case kind if kind in _LIMITS:
            return f"{path} {_LIMITS[kind].format(**context)}"
    what = _what(finding)
    return f"{path} must be {what}" if what else f"{path} is not valid: {details['msg']}"


def _shown(path: str) -> str:
    """A path that a client nested without end is shown by its beginning."""
    return (path if len(path) <= LONGEST_PATH else f"{path[:LONGEST_PATH]}…") or "the document"


def _refused(name: str) -> str:
    return f"property {name} should not exist"


def _say_tag(finding: _Finding) -> str:
    place = finding.place
    path = f"{place.path}.{place.discriminator}" if place.path else place.discriminator
    return f"{path} must be one of the following values: {', '.join(place.tags)}"
