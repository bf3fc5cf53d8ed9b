"""Digits that the caller presses, gathered to one entry (`keypadInputPlan`, vapi-wire §5)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from offhook.schema.assistants.effective import KeypadInput

MOST_DIGITS = 64


class Keypad:
    """`press` digits; an entry is complete at a delimiter, or when `deadline` has passed."""

    __slots__ = ("_digits", "_plan", "deadline")

    def __init__(self, plan: KeypadInput) -> None:
        self._plan = plan
        self._digits = ""
        self.deadline: float | None = None
        """When to call `finish`, in loop.time(); None while nothing is to be waited for."""

    def press(self, digit: str, at: float) -> str | None:
        """The whole entry if this digit completes it. Without a delimiter and without a wait every digit is
        an entry of its own."""
        plan = self._plan
        if not plan.enabled:
            return None
        if digit in plan.delimiters:
            return self.finish()
        self._digits = (self._digits + digit)[:MOST_DIGITS]
        if plan.timeout_seconds > 0:
            self.deadline = at + plan.timeout_seconds
        elif not plan.delimiters:
            return self.finish()
        return None

    def finish(self) -> str | None:
        """What has been gathered; None if nothing was."""
        digits, self._digits, self.deadline = self._digits, "", None
        return digits or None


class KeypadEntries:
    """The keypad on the loop: `entered` gets each entry as it becomes complete."""

    def __init__(self, plan: KeypadInput, entered: Callable[[str], None]) -> None:
        self._keypad = Keypad(plan)
        self._entered = entered
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.Handle | None = None

    def press(self, digit: str) -> None:
        entry = self._keypad.press(digit, self._loop.time())
        self.close()
        if entry is not None:
            self._entered(entry)
        elif self._keypad.deadline is not None:
            self._timer = self._loop.call_at(self._keypad.deadline, self._due)

    def adopt(self, plan: KeypadInput) -> None:
        """Go by another assistant's plan; what was pressed so far is forgotten."""
        self.close()
        self._keypad = Keypad(plan)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _due(self) -> None:
        entry = self._keypad.finish()
        if entry is not None:
            self._entered(entry)
