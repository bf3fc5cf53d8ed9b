"""Which files several processes begin with: those that take longest, lest one of them end the run alone."""

from __future__ import annotations

from collections import defaultdict

import pytest

END_TO_END = "tests/end_to_end/"


def rank(items: list[pytest.Item]) -> tuple[int, int]:
    """Of a file, by its tests: those with a limit of time of their own, those that call a real service, slow
    ones, the rest; and then whichever has the most tests."""
    if any(item.get_closest_marker("timeout") for item in items):
        kind = 0
    elif items[0].nodeid.startswith(END_TO_END):
        kind = 1
    elif any(item.get_closest_marker("slow") for item in items):
        kind = 2
    else:
        kind = 3
    return kind, -len(items)


class LongestFirst:
    """A plugin of each process that runs a part of the tests (`--dist loadfile --no-loadscope-reorder`)."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        files: defaultdict[str, list[pytest.Item]] = defaultdict(list)
        for item in items:
            files[item.nodeid.partition("::")[0]].append(item)
        items[:] = [item for tests in sorted(files.values(), key=rank) for item in tests]
