"""What a model's answers have shown of it: whether they begin within a thought.

The prompt of some models opens the thought, so that their text only closes it: by then a stream's first words
have been said. Where that is expected, the text waits for the closing tag."""

from __future__ import annotations

import re
from collections import OrderedDict

MOST_MODELS = 1024
"""That are remembered."""

_THINKERS = re.compile(r"deepseek-?r1|(?<![a-z0-9])r1(?![a-z0-9])|qwq|thinking|reasoning", re.IGNORECASE)


class Habit:
    """Of one model at one address. `thinks_first` is guessed by its name until it has answered."""

    __slots__ = ("thinks_first",)

    def __init__(self, model: str) -> None:
        self.thinks_first = _THINKERS.search(model) is not None

    def learn(self, thought_first: bool | None) -> None:
        """None: the answer did not show it."""
        if thought_first is not None:
            self.thinks_first = thought_first


class Habits:
    """Of the models that were used last."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], Habit] = OrderedDict()

    def of(self, url: str, model: str) -> Habit:
        habit = self._known.setdefault((url, model), Habit(model))
        self._known.move_to_end((url, model))
        if len(self._known) > MOST_MODELS:
            self._known.popitem(last=False)
        return habit
