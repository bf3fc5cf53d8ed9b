from __future__ import annotations

from offhook.conversation.keypad import MOST_DIGITS, Keypad
from offhook.schema.assistants.assistant import Assistant
from offhook.schema.assistants.effective import KeypadInput, keypad_input


def test_digits_are_gathered_until_none_came_for_a_while() -> None:
    keypad = Keypad(KeypadInput(True, 2.0, ""))
    assert keypad.press("1", 0.0) is None
    assert keypad.press("2", 1.5) is None
    assert keypad.deadline == 3.5
    assert keypad.finish() == "12"
    assert keypad.deadline is None
    assert keypad.finish() is None


def test_a_delimiter_ends_an_entry() -> None:
    keypad = Keypad(KeypadInput(True, 0.0, "#"))
    assert [keypad.press(digit, 0.0) for digit in "12#"] == [None, None, "12"]
    assert keypad.press("#", 1.0) is None


def test_without_delimiter_and_wait_every_digit_is_an_entry() -> None:
    assert Keypad(KeypadInput(True, 0.0, "")).press("7", 0.0) == "7"


def test_a_keypad_that_is_not_enabled_hears_nothing() -> None:
    keypad = Keypad(KeypadInput(False, 2.0, ""))
    assert keypad.press("1", 0.0) is None
    assert keypad.finish() is None


def test_an_entry_has_a_limit() -> None:
    keypad = Keypad(KeypadInput(True, 2.0, ""))
    for _ in range(1000):
        keypad.press("1", 0.0)
    assert keypad.finish() == "1" * MOST_DIGITS


def test_delimiters_may_be_a_list() -> None:
    given = Assistant.model_validate({"keypadInputPlan": {"enabled": True, "delimiters": ["#", "*"]}})
    keypad = Keypad(keypad_input(given))
    assert keypad.press("1", 0.0) is None
    assert keypad.press("#", 0.1) == "1"
    assert keypad.press("2", 0.2) is None
    assert keypad.press("*", 0.3) == "2"
