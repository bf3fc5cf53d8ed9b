from __future__ import annotations

import pytest

from offhook.conversation.turns.questions import asks_whether


@pytest.mark.parametrize(
    ("said", "asks"),
    [
        ("Am I speaking with Daniel?", True),
        ("Thanks for calling. Is this about an appointment?", True),
        ("I have you down for Friday. Shall I book it?", True),
        ("Thanks for calling. How can I help you today?", False),
        ("So what is your name?", False),
        ("Do you see? Then we are done.", False),
        ("We are open until five.", False),
        ("", False),
    ],
)
def test_a_question_that_a_nod_answers(said: str, asks: bool) -> None:
    assert asks_whether(said) is asks
