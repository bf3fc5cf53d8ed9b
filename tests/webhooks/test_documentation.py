from __future__ import annotations

from pathlib import Path

from offhook.webhooks.retry import DEFAULT_DELAYS

UNITS = {"s": 1, "min": 60, "h": 3600}


def test_the_page_names_the_delays_of_the_code() -> None:
    page = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
    (line,) = (line for line in page.splitlines() if line.startswith("3 s, "))
    written = [float(number) * UNITS[unit] for number, unit in (item.split(" ") for item in line.split(", "))]
    assert written == list(DEFAULT_DELAYS)
