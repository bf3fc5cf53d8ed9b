"""Cases of `tests/corpus/`, which its README explains."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import example

FOLDER = Path(__file__).parent / "corpus"
Test = TypeVar("Test", bound=Callable[..., Any])


def saved(folder: str) -> list[bytes]:
    """The octets of each file, by name."""
    found = [path.read_bytes() for path in sorted((FOLDER / folder).iterdir())]
    assert found
    return found


def begins_with(folder: str, argument: str = "data", **others: Any) -> Callable[[Test], Test]:
    """A test of `@given` that is given these first, as this argument, beside `others`."""

    def decorated(test: Test) -> Test:
        for case in saved(folder):
            test = example(**{argument: case}, **others)(test)
        return test

    return decorated
