"""Where in a document an error is: pydantic's location without the names of union members in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Discriminator, Tag
from pydantic.fields import FieldInfo

Location = tuple[int | str, ...]

MOST_PARTS = 5000
"""Of the locations of one document's errors that are followed: each part takes microseconds, and errors that
lie deep have hundreds."""
LONGEST_NAME = 100
"""Of a property that a client made up, in characters."""


@dataclass(frozen=True, slots=True)
class Place:
    """`path` as the client knows it, `keys` its parts in full, `kind` the type expected there.

    `union` is the path of the first union without a discriminator on the way, `member` which of
    its members was tried. `discriminator` and `tags` are set where `kind` is a union with one."""

    path: str
    kind: Any
    keys: Location = ()
    union: str | None = None
    member: str = ""
    discriminator: str = ""
    tags: tuple[str, ...] = field(default=())

    def below(self, part: int | str, kind: Any) -> Place:
        name = str(part)[:LONGEST_NAME]
        path = f"{self.path}.{name}" if self.path else name
        return replace(self, path=path, kind=kind, keys=(*self.keys, part))


def locate(kind: Any, location: Location) -> Place:
    """Follow pydantic's location from the type of the whole document."""
    place = Place("", kind)
    for part in location:
        place = _step(place, part)
    discriminator, members = tagged(place.kind)
    return replace(place, discriminator=discriminator, tags=tuple(members))


def keys_below(kind: Any) -> Callable[[Location], Location]:
    """Gives the `keys` of locations in a document of that kind. Of locations that differ in the places in
    lists alone the types are looked up once."""
    known: dict[Location, tuple[int, ...]] = {}

    def keys(location: Location) -> Location:
        shape = tuple(0 if isinstance(part, int) else part for part in location)
        if shape not in known:
            known[shape] = _kept(kind, location)
        return tuple(location[at] for at in known[shape])

    return keys


def _kept(kind: Any, location: Location) -> tuple[int, ...]:
    """Which parts of a location are not the names of union members."""
    place, kept = Place("", kind), []
    for at, part in enumerate(location):
        following = _step(place, part)
        if len(following.keys) > len(place.keys):
            kept.append(at)
        place = following
    return tuple(kept)


def _step(place: Place, part: int | str) -> Place:
    discriminator, members = tagged(place.kind)
    if discriminator:
        return replace(place, kind=members.get(str(part)))
    kind = plain(place.kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return place.below(part, _property(kind, str(part)))
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is list:
        return place.below(part, arguments[0])
    if origin is dict:
        return place.below(part, arguments[1])
    if origin in (Union, UnionType):
        member = replace(place, kind=_member(arguments, str(part)))
        return member if place.union is not None else replace(member, union=place.path, member=str(part))
    return place.below(part, None)


def plain(kind: Any) -> Any:
    """The type without its annotations and without None."""
    while True:
        arguments = get_args(kind)
        if get_origin(kind) is Annotated:
            kind = arguments[0]
        elif get_origin(kind) in (Union, UnionType) and NoneType in arguments:
            rest = [argument for argument in arguments if argument is not NoneType]
            kind = rest[0] if len(rest) == 1 else Union[tuple(rest)]  # noqa: UP007 (made at run time)
        else:
            return kind


def whole(model: type[BaseModel]) -> type[BaseModel]:
    """The model with its annotations read. One that names a class defined after it stays
    unread, without aliases even, until somebody validates with it itself."""
    if not model.__pydantic_fields_complete__:
        model.model_rebuild()
    return model


def _property(model: type[BaseModel], name: str) -> Any:
    """The type of a property by its name on the wire, None for one that does not exist."""
    return _properties(model).get(name)


@cache
def _properties(model: type[BaseModel]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for attribute, info in whole(model).model_fields.items():
        kind = Annotated[info.annotation, info] if info.discriminator else info.annotation
        for name in (attribute, info.alias):
            if name is not None:
                found.setdefault(name, kind)
    return found


def tagged(kind: Any) -> tuple[str, Mapping[str, Any]]:
    """The discriminator of a union that has one, with its members by their tags."""
    while get_origin(kind) in (Annotated, Union, UnionType):
        arguments = get_args(kind)
        if get_origin(kind) is Annotated:
            for note in arguments[1:]:
                key = note.discriminator if isinstance(note, FieldInfo | Discriminator) else None
                if isinstance(key, str):
                    return key, _by_literal(plain(arguments[0]), key)
                if callable(key):
                    return key.__name__, _by_mark(plain(arguments[0]))
            kind = arguments[0]
        else:
            rest = [argument for argument in arguments if argument is not NoneType]
            kind = rest[0] if len(rest) == 1 else None
    return "", {}


def _by_literal(union: Any, key: str) -> dict[str, Any]:
    """Members of `Field(discriminator="provider")`: each says its tags in a Literal."""
    members = get_args(union)
    return {tag: member for member in members for tag in get_args(member.model_fields[key].annotation)}


def _by_mark(union: Any) -> dict[str, Any]:
    """Members of `Discriminator(function)`: each is marked with a Tag."""
    return {
        mark.tag: get_args(member)[0]
        for member in get_args(union)
        for mark in get_args(member)[1:]
        if isinstance(mark, Tag)
    }


def _member(members: tuple[Any, ...], label: str) -> Any:
    """The member of a union that pydantic means by its label, None for a plain value."""
    for member in members:
        kind = plain(member)
        name = getattr(get_origin(kind) or kind, "__name__", "")
        if label == name or label.startswith(f"{name.lower()}["):
            return member
        if label.startswith("tagged-union[") and tagged(member)[0]:
            return member
    return None
