"""Which files several processes begin with, and which go to one of them together: what takes longest comes
first, lest one of them end the run alone, and what is costly to load is loaded once."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

END_TO_END = "tests/end_to_end/"

OF_THE_SDK = frozenset(
    {
        "tests/api/test_sdk.py",
        "tests/api/test_trunk_numbers.py",
        "tests/end_to_end/test_sdk.py",
        "tests/end_to_end/test_seed.py",
        "tests/schema/test_sdk.py",
    }
)
"""The official SDK builds its models when they are first touched: forty seconds of a core, once a process."""


def unit(nodeid: str) -> str:
    """The tests that one process runs, one after the other: those of a file, or all that use the SDK."""
    file = nodeid.partition("::")[0]
    return "the SDK" if file in OF_THE_SDK else file


class Shared:
    """A plugin of the process that hands the tests out."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """What `--dist loadfile` asks for, with the `unit` above."""
        if config.getoption("dist") != "loadfile":
            return None
        scheduler = LoadFileScheduling(config, log)
        scheduler._split_scope = unit
        return scheduler


def rank(items: list[pytest.Item]) -> tuple[int, int]:
    """Of a file, by its tests: those that may take longer than others, those that call a real service, slow
    ones, the rest; and then whichever has the most tests."""
    if any(_may_take_long(item) for item in items):
        kind = 0
    elif items[0].nodeid.startswith(END_TO_END):
        kind = 1
    elif any(item.get_closest_marker("slow") for item in items):
        kind = 2
    else:
        kind = 3
    return kind, -len(items)


def _may_take_long(item: pytest.Item) -> bool:
    limit = item.get_closest_marker("timeout")
    return limit is not None and limit.args[0] > float(item.config.getini("timeout"))


class LongestFirst:
    """A plugin of each process that runs a part of the tests (`--dist loadfile --no-loadscope-reorder`)."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        files: defaultdict[str, list[pytest.Item]] = defaultdict(list)
        for item in items:
            files[item.nodeid.partition("::")[0]].append(item)
        items[:] = [item for tests in sorted(files.values(), key=rank) for item in tests]
