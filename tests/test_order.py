"""How several processes share the tests."""

from __future__ import annotations

import re
from pathlib import Path

from tests.order import OF_THE_SDK, unit

TESTS = Path(__file__).parent
BUILDS_ITS_MODELS = re.compile(r"^import vapi$|^from vapi import|\b(?:node|service)\.api\.", re.MULTILINE)


def test_all_that_use_the_sdk_are_run_by_one_process() -> None:
    using = {
        str(path.relative_to(TESTS.parent))
        for path in TESTS.rglob("test_*.py")
        if BUILDS_ITS_MODELS.search(path.read_text("utf-8"))
    }

    assert using == OF_THE_SDK
    assert len({unit(f"{file}::test_it") for file in using}) == 1


def test_any_other_file_is_run_by_one_process_as_a_whole() -> None:
    assert unit("tests/sip/test_uri.py::test_it[a::b]") == unit("tests/sip/test_uri.py::test_more")
    assert unit("tests/sip/test_uri.py::test_it") != unit("tests/sip/test_turns.py::test_it")
