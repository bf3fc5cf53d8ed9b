"""What is wrong with a tool or a destination is logged, and nothing of it is quoted there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from offhook.schema.tools.destination import TransferDestinationAssistant
from offhook.schema.tools.handoff import HandoffDestinationAssistant, HandoffDestinationSquad
from offhook.schema.tools.tool import TOOL

CANARY = "canary-key"


@pytest.mark.parametrize(
    ("read", "document"),
    [
        (TOOL.validate_python, {"type": "function", "server": {"url": "x", "secret": [CANARY]}}),
        (TOOL.validate_python, {"type": "apiRequest", "headers": CANARY}),
        (TransferDestinationAssistant.model_validate, {"type": "assistant", "assistantName": [CANARY]}),
        (HandoffDestinationSquad.model_validate, {"type": "squad", "squad": {"members": CANARY}}),
        (
            HandoffDestinationAssistant.model_validate,
            {"type": "assistant", "assistant": {"credentials": [{"apiKey": [CANARY]}]}},
        ),
    ],
)
def test_no_value_of_it_is_quoted(read: Callable[[Any], object], document: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        read(document)
    assert CANARY not in str(caught.value)
