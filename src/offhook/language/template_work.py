"""What it costs to fill a template, counted while it is filled: every tag and output, every value that is
read, by how large it is, and every filter.

Loops and values multiply: a value that is harmless to compare once is not in 2,000 rounds, and a list of the
owner's may hold a megabyte below a short name. So there is one count for all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TextIO

from liquid.ast import Node
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.context import RenderContext
from liquid.exceptions import FilterArgumentError
from liquid.template import BoundTemplate

MOST_STEPS: Final = 50_000
"""Of one filling; one takes about a microsecond."""
LONGEST_LIST: Final = 10_000

WORK: Final = " work"
"""The name of the count among the variables; with a space, so that no template can name it."""

_NODE: Final = 2
_ITEMS: Final = 20
_CHARACTERS: Final = 250
"""So many of a value that is read or compared cost a step."""
_LOOPED_CODE: Final = 50
"""Characters of the longest tag that cost a step each time that anything is done within a loop."""


class TooMuch(FilterArgumentError):
    def __init__(self, what: str) -> None:
        super().__init__(what, token=None)


class TemplateWork:
    """The count of one filling. `longest`: characters of the longest tag or output of the template."""

    __slots__ = ("_looped", "_sizes", "spent")

    def __init__(self, longest: int) -> None:
        self.spent = 0
        self._looped = _NODE + longest // _LOOPED_CODE
        self._sizes: dict[int, tuple[object, int, int]] = {}

    def spend(self, steps: int) -> None:
        self.spent += steps
        if self.spent > MOST_STEPS:
            raise TooMuch("too much work")

    def one(self, in_loop: bool) -> None:
        self.spend(self._looped if in_loop else _NODE)

    def read(self, value: object) -> None:
        items, characters = self.size(value)
        self.spend(1 + items // _ITEMS + characters // _CHARACTERS)

    def size(self, value: object) -> tuple[int, int]:
        """Items and characters in a value and all below it, which is looked through once."""
        if isinstance(value, str):
            return 0, len(value)
        if isinstance(value, range):
            return len(value), 0
        if not isinstance(value, dict | list | tuple):
            return 0, 0
        known = self._sizes.get(id(value))
        if known is None:
            items, characters = self._measured(value)
            known = self._sizes[id(value)] = value, items, characters  # kept, so that its id stays its own
        return known[1:]

    def _measured(self, value: object) -> tuple[int, int]:
        items = characters = 0
        waiting = [value]
        while waiting:
            one = waiting.pop()
            if isinstance(one, str):
                characters += len(one)
            elif isinstance(one, Mapping):
                items += len(one)
                waiting += [*one, *one.values()]
            elif isinstance(one, list | tuple):
                items += len(one)
                waiting += one
            if items > MOST_STEPS:
                raise TooMuch("too large a value")
        self.spend(items // 2)
        return items, characters


class MeteredContext(RenderContext):
    __slots__ = ("_size_of_locals", "work")

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        work = self.globals[WORK]
        assert isinstance(work, TemplateWork)
        self.work = work
        self._size_of_locals = 0

    def get(self, path: list[object], **named: Any) -> object:
        self.work.spend(len(path))
        value = super().get(path, **named)
        self.work.read(value)
        return value

    def assign(self, key: str, val: Any) -> None:
        # The library adds up all names each time that one is assigned.
        old = self.locals.get(key)
        self._size_of_locals += _size_of_local(val) - (0 if old is None else _size_of_local(old))
        super().assign(key, val)

    def get_size_of_locals(self) -> int:
        return self._size_of_locals

    def stopindex(self, key: str, index: int | None = None) -> int:
        """Asked by every loop; the key is its whole text."""
        self.work.spend(5 + len(key) // _ITEMS)
        return super().stopindex(key, index)


def _size_of_local(value: object) -> int:
    return 50 + (
        len(value) if isinstance(value, str) else 8 * len(value) if isinstance(value, Sequence) else 0
    )


class MeteredTemplate(BoundTemplate):
    context_class = MeteredContext


def _render(self: Node, context: MeteredContext, buffer: TextIO) -> int:
    """No tags are ever disabled here: those that could disable some are gone."""
    context.work.one(bool(context.loops))
    return self.render_to_output(context, buffer)


def _range(self: RangeLiteral, context: MeteredContext) -> range:
    """`(1..n)`, which the library walks or copies as long as it is."""
    made = _any_range(self, context)
    if made.stop - made.start > LONGEST_LIST:
        raise TooMuch("too long a range")
    context.work.read(made)
    return made


# The library has no other way in.
_any_range = RangeLiteral.evaluate
RangeLiteral.evaluate = _range  # type: ignore[method-assign, assignment]
Node.render = _render  # type: ignore[method-assign, assignment]
