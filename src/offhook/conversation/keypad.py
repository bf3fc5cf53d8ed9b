"""Digits that the caller presses, gathered to one entry (`keypadInputPlan`, wire-facts §5)."""

from __future__ import annotations

from offhook.schema.effective import KeypadInputPlan

MOST_DIGITS = 64


class Keypad:
    """`press` digits; an entry is complete at a delimiter, or when `deadline` has passed."""

    __slots__ = ("_digits", "_plan", "deadline")

    def __init__(self, plan: KeypadInputPlan) -> None:
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
