"""How the house is built: what `scripts/house.py` counts grows no more, and imports go one way.

A number below is what was counted last. It may only fall: who makes it fall writes the new one here."""

from __future__ import annotations

import ast
import re
import runpy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "offhook"
HOUSE = runpy.run_path(str(ROOT / "scripts" / "house.py"))

COUNTED = {
    "file names in several rooms": 1,
    "class names in several modules": 0,
    "sections that lead nowhere": 0,
    "signatures that take Mapping[str, Any]": 1,
    "signatures that take JSON that has a type": 51,
    "signatures that take JSON by nature": 46,
    "signatures that take dict[str, Any]": 35,
    "camelCase properties outside the types": 51,
    "floors of more than 20 files": 0,
    "circles of imports between modules": 0,
    "circles of imports between rooms": 0,
    "files of more than 400 lines": 0,
}
LONG_TESTS = 23
"""Files of tests of more than 400 lines."""


@cache
def counts() -> dict[str, Any]:
    return {one.what: one for one in HOUSE["counts"]()}


def test_all_that_is_counted_is_held() -> None:
    assert set(COUNTED) == set(counts())


@pytest.mark.parametrize("what", COUNTED)
def test_what_is_counted_does_not_grow(what: str) -> None:
    found = counts()[what]

    assert found.number <= max(COUNTED[what], found.most), found.found


def test_files_of_tests_do_not_grow_long() -> None:
    lines = {str(path): path.read_text("utf-8").count("\n") for path in (ROOT / "tests").rglob("*.py")}
    long = {path: count for path, count in lines.items() if count > HOUSE["MOST_LINES"]}

    assert len(long) <= LONG_TESTS, long


# which room may import which


@cache
def ranks() -> dict[str, int]:
    """By the table in docs/architecture.md: the rows above are what a room may import."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    rows = re.findall(r"^\| ((?:`[\w/.]+`(?:, )?)+) \| ", page.partition("## Planes")[0], re.MULTILINE)
    return {name: rank for rank, row in enumerate(rows) for name in re.findall(r"`([\w.]+)/?`", row)}


def room(module: str) -> str:
    """As the table names it: a folder, or a file of its own."""
    name = module.split(".")[1]
    return name if (SOURCE / name).is_dir() else f"{name}.py"


def imported(tree: ast.AST) -> Iterator[str]:
    """Wherever in the file: an import for type checkers is knowledge too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            module = str(node.module)
            yield from (f"{module}.{one.name}" for one in node.names) if module == "offhook" else [module]


def upwards(module: str, tree: ast.AST) -> list[str]:
    """What the file imports of rooms below its own in the table."""
    own = ranks()[room(module)]
    ours = [name for name in imported(tree) if name.startswith("offhook.")]
    return [name for name in ours if room(name) in ranks() and ranks()[room(name)] > own]


def test_a_room_imports_only_those_above_it_in_the_table() -> None:
    house = [one for one in HOUSE["modules"](ROOT / "src") if one.room not in ("__init__", "__main__")]
    found = {one.name: upwards(one.name, one.tree) for one in house}

    assert {name: names for name, names in found.items() if names} == {}


@pytest.mark.parametrize(
    ("module", "text", "found"),
    [
        ("offhook.sip.dialog", "from offhook.network import Address", []),
        ("offhook.network.guard", "from offhook.sip.dialog import Dialog", ["offhook.sip.dialog"]),
        ("offhook.calls.inbound_call", "import offhook.api.app", ["offhook.api.app"]),
        ("offhook.calls.inbound_call", "def f():\n    from offhook import cli", ["offhook.cli"]),
        ("offhook.calls.inbound_call", "if TYPE_CHECKING:\n    from offhook.cli import app", ["offhook.cli"]),
        ("offhook.folder", "from offhook.vital import Vital", []),
    ],
)
def test_an_import_upwards_is_found_wherever_it_stands(module: str, text: str, found: list[str]) -> None:
    assert upwards(module, ast.parse(text)) == found
