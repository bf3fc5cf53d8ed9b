"""CONTRIBUTING, followed to the letter as far as a test can: what it says to type is there to be typed, and
what is asked before a commit is what `make check` asks. A trial vendor (`engines/test_trial_vendor.py`), tool
and transport follow its recipes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.test_cli import help_of

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
TYPED = [shlex.split(text) for text in re.findall(r"`((?:offhook|\.venv/bin/pytest|make) [^`]+)`", PAGE)]


def typed(program: str) -> list[list[str]]:
    """What follows the program, wherever the page says to type it."""
    found = [words[1:] for words in TYPED if words[0].endswith(program)]
    assert found
    return found


def test_what_is_asked_before_a_commit_is_what_make_check_asks() -> None:
    recipe = re.search(r"^check: .*\n((?:\t.+\n)+)", MAKEFILE, re.MULTILINE)
    assert recipe is not None
    asked = [line.strip().replace("$(BIN)", ".venv/bin") for line in recipe[1].splitlines()]
    hooks = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")

    assert re.findall(r"^ +entry: (.+)$", hooks, re.MULTILINE) == asked
    assert hooks.count("pass_filenames: false") == len(asked)


def test_the_tests_that_it_runs_are_there() -> None:
    for folder, *chosen in typed("pytest"):
        names = " ".join(re.findall(r"def (test_\w+)", _text_of(ROOT / folder)))
        assert chosen in ([], ["-k", chosen[-1] if chosen else ""])
        assert "".join(chosen[1:]) in names


def _text_of(folder: Path) -> str:
    return "\n".join(path.read_text("utf-8") for path in folder.rglob("test_*.py"))


@pytest.mark.parametrize("words", typed("offhook"), ids=" ".join)
def test_a_command_that_it_types_takes_those_options(words: list[str]) -> None:
    command = words[:2] if words[0] in ("orgs", "keys", "webhooks", "db") else words[:1]
    told = help_of(*command)

    assert [word for word in words if word.startswith("--") and word not in told] == []


def test_what_it_names_of_the_code_is_there() -> None:
    """Classes and tables; files are held for all pages."""
    house = "\n".join(path.read_text("utf-8") for path in (ROOT / "src" / "offhook").rglob("*.py"))
    named = set(re.findall(r"`([A-Z]\w*[a-z]\w*|[A-Z]+_[A-Z_]+)(?:\.(\w+))?`", PAGE)) - {("GET", "")}
    defined = set(re.findall(r"^ *(?:class |def |async def )?(\w+)(?:\(|:| =)", house, re.MULTILINE))
    names = {name for pair in named for name in pair if name and not name.startswith("OFFHOOK_")}

    assert len(names) > 25
    assert names - defined - {"PATIENCE", "ARGS", "Any"} == set()
