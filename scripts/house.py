"""Prints what can be counted of how the house is built: names that mean two things, sections that lead
nowhere, documents that go untyped, floors that are full, circles of imports.

.venv/bin/python scripts/house.py [--where] [checkout]
"""

from __future__ import annotations

import argparse
import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
PACKAGE: Final = "offhook"
TYPED: Final = "schema"
"""The room of the wire types: what is JSON there is JSON by trade, and camelCase its names."""

JSON: Final = "offhook.json_document"
"""The one module that names JSON documents. A signature that takes one says which."""

TYPES_KNOW: Final = ("Answer", "MessageDocument", "ResourceDocument")
"""Those of them that `TYPED` has types for: only where they come in, are stored and go out may they be JSON.
All others are JSON by nature, their shape being an owner's, a model's or a vendor's: a type of our own would
be a dictionary under another name. They are counted apart, so that what has a type cannot hide there."""

MOST_OPEN_SIGNATURES: Final = 39
MOST_DICT_SIGNATURES: Final = 39
MOST_TYPED_DOCUMENTS: Final = 39
MOST_UNTYPED_DOCUMENTS: Final = 39
MOST_WIRE_KEYS: Final = 51
MOST_ON_A_FLOOR: Final = 20
MOST_LINES: Final = 400

_CAMEL: Final = re.compile(r"[a-z]+[a-z0-9]*(?:[A-Z][a-z0-9]*)+")
_MAPPING: Final = re.compile(r"\bMapping\[str, Any\]")
_DICT: Final = re.compile(r"\b(?:dict\[str, (?:Any|object)\]|Mapping\[str, object\])")
_SECTION: Final = re.compile("([^\\n\N{SECTION SIGN}]{0,40})\N{SECTION SIGN}")
_SOURCES: Final = re.compile(
    r"(?:(?:RFC|BCP) \d+|vapi-wire|ITU-T \S+|ECMAScript|HTML),? ?$|^[\w.]*(?:,| and| to)? ?$"
)


@dataclass
class Module:
    """One file. `name` is dotted, `room` the part below the package, a file's own name at the top."""

    path: Path
    name: str
    room: str
    text: str = field(repr=False)

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """All of the tree, from its root on: each count looks at them."""
        return tuple(ast.walk(self.tree))


def modules(source: Path) -> list[Module]:
    """All of the package below `source`."""
    found = []
    for path in sorted((source / PACKAGE).rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        dotted = ".".join(parts).removesuffix(".__init__")
        found.append(Module(path, dotted, parts[1], path.read_text("utf-8")))
    return found


def in_several_rooms(named: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Of (name, room): the names that more than one room has, with the rooms."""
    rooms: defaultdict[str, set[str]] = defaultdict(set)
    for name, room in named:
        rooms[name].add(room)
    return {name: sorted(found) for name, found in sorted(rooms.items()) if len(found) > 1}


def file_names(house: Iterable[Module]) -> dict[str, list[str]]:
    """Files of one name in several rooms."""
    return in_several_rooms((one.path.name, one.room) for one in house if one.path.stem != "__init__")


def class_names(house: Iterable[Module]) -> dict[str, list[str]]:
    """Public classes of one name in several modules."""
    return in_several_rooms(
        (node.name, one.name)
        for one in house
        for node in one.nodes
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )


def open_signatures(house: Iterable[Module], kind: re.Pattern[str]) -> Counter[str]:
    """By module: functions with a parameter of this kind, by its name or by one that a module other than
    `JSON` gives it. What `TYPED` does is left out."""
    house = list(house)
    aliases = {one.name: _aliases(one, kind) for one in house if one.name != JSON}
    counted: Counter[str] = Counter()
    for one in house:
        if one.room == TYPED:
            continue
        names = set(aliases.get(one.name, ()))
        for node in one.nodes:
            if isinstance(node, ast.ImportFrom):
                known = aliases.get(node.module or "", set())
                names |= {each.asname or each.name for each in node.names if each.name in known}
        alias = re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(names)))})\b") if names else kind
        for node in one.nodes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                taken = [ast.unparse(each) for each in _annotations(node)]
                counted[one.name] += any(kind.search(text) or alias.search(text) for text in taken)
    return +counted


def named_documents(house: Iterable[Module], documents: Iterable[str]) -> Counter[str]:
    """By module: functions with a parameter that is one of these documents of `JSON`, under whatever name it
    has been imported or handed on. What `TYPED` does is left out."""
    house = list(house)
    given = {JSON: set(documents)}
    for _ in range(2):  # a module may give one a name of its own, and another import that
        given |= {one.name: _documents(one, given) for one in house if one.name != JSON}
    counted: Counter[str] = Counter()
    for one in house:
        if one.room == TYPED or not given[one.name] or one.name == JSON:
            continue
        kind = re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(given[one.name])))})\b")
        for node in one.nodes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                counted[one.name] += any(kind.search(ast.unparse(each)) for each in _annotations(node))
    return +counted


def untyped_documents(house: Iterable[Module]) -> set[str]:
    """Those of `JSON` that nothing but a dictionary could hold."""
    return {name for one in house if one.name == JSON for name in _aliases(one, _MAPPING)} - {*TYPES_KNOW}


def _documents(module: Module, given: Mapping[str, set[str]]) -> set[str]:
    """The names that documents have in a module: imported, or handed on under another name."""
    names: set[str] = set()
    for node in module.nodes:
        if isinstance(node, ast.ImportFrom):
            known = given.get(node.module or "", set())
            names |= {each.asname or each.name for each in node.names if each.name in known}
    for node in module.tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name) and node.value.id in names:
            names |= {each.id for each in node.targets if isinstance(each, ast.Name)}
    return names


def _aliases(module: Module, kind: re.Pattern[str]) -> set[str]:
    """Names that the module gives to this kind."""
    found = set()
    for node in module.tree.body:
        if isinstance(node, ast.Assign) and kind.fullmatch(ast.unparse(node.value)):
            found |= {each.id for each in node.targets if isinstance(each, ast.Name)}
    return found


def _annotations(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.expr]:
    given = function.args
    for each in (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg):
        if each is not None and each.annotation is not None:
            yield each.annotation


def wire_keys(house: Iterable[Module]) -> Counter[str]:
    """By module: properties of documents that are read or written by their camelCase names, but for `TYPED`,
    whose types know them."""
    counted: Counter[str] = Counter()
    for one in house:
        if one.room != TYPED:
            for node in one.nodes:
                counted[one.name] += sum(bool(_CAMEL.fullmatch(key)) for key in _keys(node))
    return +counted


def _keys(node: ast.AST) -> Iterator[str]:
    """The constant keys of `x["key"]`, `{"key": ...}`, `"key" in x`, `x.get("key")` and `given(x, "key")`."""
    match node:
        case ast.Subscript(slice=ast.Constant(value=str(key))):
            yield key
        case ast.Dict(keys=keys):
            yield from (
                key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)
            )
        case ast.Compare(left=ast.Constant(value=str(key)), ops=[ast.In() | ast.NotIn()]):
            yield key
        case ast.Call(
            func=ast.Attribute(attr="get" | "pop" | "setdefault"), args=[ast.Constant(value=str(key)), *_]
        ):
            yield key
        case ast.Call(func=ast.Name(id="given"), args=[_, ast.Constant(value=str(key)), *_]):
            yield key


def lost_sections(files: Iterable[Path]) -> Counter[str]:
    """Sections of what a reader of the repository cannot look up, by what stands before their sign."""
    found: Counter[str] = Counter()
    for path in files:
        for before in _SECTION.findall(path.read_text("utf-8")):
            if not _SOURCES.search(before):
                found[before.strip()] += 1
    return found


def floors(house: Iterable[Module]) -> Counter[str]:
    """Folders, and how many files stand in each; `__init__.py` is the door, not one of them."""
    return Counter(_folder(one) for one in house if one.path.stem != "__init__")


def _folder(module: Module) -> str:
    return module.name.rpartition(".")[0].replace(".", "/")


def imports(house: Iterable[Module]) -> dict[str, set[str]]:
    """Which module imports which when it is loaded: those within functions and for type checkers do not
    count."""
    house = list(house)
    known = {one.name for one in house}
    return {one.name: set(_imported(one.tree.body, known)) - {one.name} for one in house}


def _imported(body: Iterable[ast.stmt], known: set[str]) -> Iterator[str]:
    for node in body:
        match node:
            case ast.Import(names=names):
                yield from (each.name for each in names if each.name in known)
            case ast.ImportFrom(module=str(module), names=names):
                for each in names:
                    whole = f"{module}.{each.name}"
                    yield from {whole, module} & known if whole not in known else [whole]
            case ast.If(test=test, body=inner, orelse=other):
                if "TYPE_CHECKING" not in ast.unparse(test):
                    yield from _imported(inner, known)
                yield from _imported(other, known)
            case ast.Try(body=inner):
                yield from _imported(inner, known)


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The modules of each circle of imports (Tarjan's strongly connected components)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    waiting: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        number[name] = lowest[name] = len(number)
        waiting.append(name)
        for other in sorted(graph[name]):
            if other not in number:
                visit(other)
                lowest[name] = min(lowest[name], lowest[other])
            elif other in waiting:
                lowest[name] = min(lowest[name], number[other])
        if lowest[name] == number[name]:
            at = waiting.index(name)
            circle, waiting[at:] = waiting[at:], []
            if len(circle) > 1:
                found.append(sorted(circle))

    for name in sorted(graph):
        if name not in number:
            visit(name)
    return found


def between_rooms(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """The same graph, of rooms."""
    rooms: defaultdict[str, set[str]] = defaultdict(set)
    for name, others in graph.items():
        if "." in name:
            rooms[name.split(".")[1]] |= {other.split(".")[1] for other in others if "." in other}
    for name in list(rooms):
        rooms[name].discard(name)
        for other in rooms[name]:
            rooms.setdefault(other, set())
    return dict(rooms)


def long_files(house: Iterable[Module], lines: int) -> dict[str, int]:
    """Files of more than so many lines."""
    counted = {one.name: one.text.count("\n") for one in house}
    return {name: count for name, count in counted.items() if count > lines}


@dataclass(frozen=True)
class Count:
    """One line of the table: `most` is what the house allows itself, `found` where to look."""

    what: str
    number: int
    most: int
    found: dict[str, object]


def counts(root: Path = ROOT) -> list[Count]:
    """All of them, of a checkout."""
    house = modules(root / "src")
    texts = [one.path for one in house] + sorted((root / "tests").rglob("*.py"))
    graph = imports(house)
    circular = {" ".join(circle): len(circle) for circle in circles(graph)}
    rooms = {" ".join(circle): len(circle) for circle in circles(between_rooms(graph))}
    full = {name: number for name, number in floors(house).items() if number > MOST_ON_A_FLOOR}

    def of(what: str, found: Mapping[str, object], number: int | None = None, most: int = 0) -> Count:
        return Count(what, len(found) if number is None else number, most, dict(found))

    opened, mutable = open_signatures(house, _MAPPING), open_signatures(house, _DICT)
    typed, untyped = named_documents(house, TYPES_KNOW), named_documents(house, untyped_documents(house))
    keys, lost = wire_keys(house), lost_sections(texts)
    return [
        of("file names in several rooms", file_names(house)),
        of("class names in several modules", class_names(house)),
        of("sections that lead nowhere", lost, lost.total()),
        of("signatures that take Mapping[str, Any]", opened, opened.total(), MOST_OPEN_SIGNATURES),
        of("signatures that take dict[str, Any]", mutable, mutable.total(), MOST_DICT_SIGNATURES),
        of("signatures that take JSON that has a type", typed, typed.total(), MOST_TYPED_DOCUMENTS),
        of("signatures that take JSON by nature", untyped, untyped.total(), MOST_UNTYPED_DOCUMENTS),
        of("camelCase properties outside the types", keys, keys.total(), MOST_WIRE_KEYS),
        of(f"floors of more than {MOST_ON_A_FLOOR} files", full),
        of("circles of imports between modules", circular),
        of("circles of imports between rooms", rooms),
        of(f"files of more than {MOST_LINES} lines", long_files(house, MOST_LINES)),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", nargs="?", type=Path, default=ROOT, help="a checkout, this one if not said")
    parser.add_argument("--where", action="store_true", help="name what was counted")
    asked = parser.parse_args()
    for count in counts(asked.root):
        print(f"{count.number:5} of {count.most:3}  {count.what}")
        if asked.where:
            for name, more in count.found.items():
                print(f"                {name}: {', '.join(more) if isinstance(more, list) else more}")


if __name__ == "__main__":
    main()
