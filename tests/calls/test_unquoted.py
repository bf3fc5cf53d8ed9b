"""What is wrong with a tool or a destination is logged, and nothing of it is quoted there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from offhook.calls.world.call_world import destination_of
from offhook.schema.tools.tool import TOOL

CANARY = "canary-key"


@pytest.mark.parametrize(
    ("read", "document"),
    [
        (TOOL.validate_python, {"type": "function", "server": {"url": "x", "secret": [CANARY]}}),
        (TOOL.validate_python, {"type": "apiRequest", "headers": CANARY}),
        (destination_of, {"type": "assistant", "assistantName": [CANARY]}),
        (destination_of, {"type": "squad", "squad": {"members": CANARY}}),
        (destination_of, {"type": "assistant", "assistant": {"credentials": [{"apiKey": [CANARY]}]}}),
    ],
)
def test_no_value_of_it_is_quoted(read: Callable[[Any], object], document: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        read(document)
    assert CANARY not in str(caught.value)
