"""The examples in the pages are taken as they stand."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx2
import pytest

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"


def examples(page: str) -> list[Any]:
    return [
        json.loads(text) for text in re.findall(r"```json\n(.*?)```", (DOCS / page).read_text("utf-8"), re.S)
    ]


@pytest.mark.parametrize("page", ["tools.md", "transfers.md"])
async def test_the_assistant_of_a_page_is_made_and_shown_as_it_was_given(
    client: httpx2.AsyncClient, page: str
) -> None:
    given, *_ = examples(page)
    made = await client.post("/assistant", json=given)
    tools = [await client.post("/tool", json=tool) for tool in given["model"]["tools"]]

    assert made.status_code == 201, made.text
    assert {name: made.json()[name] for name in given} == given
    assert [tool.status_code for tool in tools] == [201] * len(tools), [tool.text for tool in tools]
