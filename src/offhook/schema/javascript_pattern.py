"""Regular expressions as JavaScript writes them (ECMAScript §22.2) in the syntax of RE2.

The API's patterns are given to `new RegExp`. RE2 reads most of them as they are; what it reads otherwise is
written out here (`\\s`, `.`, `\\uD83D\\uDE00`, `[^]`), and what no machine without backtracking can do is
refused with a sentence."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

MOST_REPEATS: Final = 1000
"""Of one thing, nested repetitions multiplied: RE2's own limit."""

_SPACE: Final = r"\t-\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}"
_NO_SPACE: Final = (
    r"\x{0}-\x{8}\x{e}-\x{1f}!-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}\x{202a}-\x{202e}"
    r"\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{fefe}\x{ff00}-\x{10ffff}"
)
_ANY: Final = r"[\x{0}-\x{10ffff}]"
_DOT: Final = r"[^\n\r]"  # U+2028 and U+2029, which nobody says, would make it twice as large
_CLASSES: Final = {"d": r"\d", "D": r"\D", "w": r"\w", "W": r"\W", "s": _SPACE, "S": _NO_SPACE}
_CONTROLS: Final = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13, "0": 0}
_QUANTIFIER: Final = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_NAMED: Final = re.compile(r"\(\?P?<([A-Za-z_$][\w$]*)>")
_FLAGS: Final = re.compile(r"\(\?([ims]*)(?:-([ims]+))?([:)])")
_PROPERTY: Final = re.compile(r"\{(?:(?:General_Category|gc|Script|sc|Script_Extensions|scx)=)?(\w{1,40})\}")
_CATEGORIES: Final = {
    name: short
    for short, names in {
        "L": "Letter Alphabetic Alpha", "Lu": "Uppercase_Letter Uppercase",
        "Ll": "Lowercase_Letter Lowercase", "Lt": "Titlecase_Letter",
        "Lm": "Modifier_Letter", "Lo": "Other_Letter", "M": "Mark Combining_Mark",
        "N": "Number", "Nd": "Decimal_Number digit", "Nl": "Letter_Number", "No": "Other_Number",
        "P": "Punctuation punct", "Pc": "Connector_Punctuation", "Pd": "Dash_Punctuation",
        "Ps": "Open_Punctuation", "Pe": "Close_Punctuation", "Pi": "Initial_Punctuation",
        "Pf": "Final_Punctuation", "Po": "Other_Punctuation", "S": "Symbol", "Sm": "Math_Symbol",
        "Sc": "Currency_Symbol", "Sk": "Modifier_Symbol", "So": "Other_Symbol", "Z": "Separator",
        "Zs": "Space_Separator White_Space space", "Cc": "Control", "Cf": "Format",
    }.items()
    for name in names.split()
}  # fmt: skip

_LINEAR: Final = "patterns run in linear time here, as RE2 runs them"
_LOOKS: Final = ("(?=", "(?!", "(?<=", "(?<!")


class PatternRefused(ValueError):
    """The text completes a sentence that begins with the property: `must ...`. `cost`: instructions that were
    made before it was refused, about as many."""

    def __init__(self, reason: str, cost: int = 0) -> None:
        super().__init__(reason)
        self.cost = max(cost, 25)


@dataclass(slots=True)
class _Class:
    """What stands in square brackets: `ranges` of code points, and `named` classes as RE2 has them."""

    negated: bool = False
    ranges: list[tuple[int, int]] = field(default_factory=list)
    named: list[str] = field(default_factory=list)

    def within(self, low: int, high: int) -> bool:
        """Does it hold nothing else than these code points?"""
        if self.negated or self.named or not self.ranges:
            return False
        return all(low <= first and last <= high for first, last in self.ranges)

    def text(self) -> str:
        if not self.ranges and not self.named:
            return _ANY if self.negated else f"[^{_ANY[1:]}"
        if any(first <= 0xDFFF and last >= 0xD800 for first, last in self.ranges):
            self.ranges = _without_surrogates(self.ranges)
        parts = [*self.named, *(_range(first, last) for first, last in self.ranges)]
        return f"[{'^' if self.negated else ''}{''.join(parts)}]"


def re2_syntax(source: str) -> str:
    """Raises PatternRefused."""
    return _Reader(source).read()


class _Reader:
    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        self._dot_is_any = [False]  # for each open group

    def read(self) -> str:
        parts = []
        while self._at < len(self._source):
            parts.append(self._next())
        return "".join(parts)

    def _next(self) -> str:
        character = self._source[self._at]
        match character:
            case "\\":
                return self._escape()
            case "[":
                return self._bracketed(self._class())
            case "(":
                return self._group()
            case "{":
                return self._quantifier()
        self._at += 1
        match character:
            case ")":
                if len(self._dot_is_any) == 1:
                    raise PatternRefused("must be a valid regular expression: it has an unmatched )")
                self._dot_is_any.pop()
                return ")"
            case ".":
                return _ANY if self._dot_is_any[-1] else _DOT
            case "^" | "$" | "|" | "*" | "+" | "?":
                return character
        return _literal(ord(character))

    def _group(self) -> str:
        rest = self._source[self._at : self._at + 120]
        if rest.startswith(_LOOKS):
            raise PatternRefused(f"must not look ahead or behind ((?=, (?!, (?<=, (?<!): {_LINEAR}")
        dot_is_any = self._dot_is_any[-1]
        if not rest.startswith("(?"):
            opening = "("
            self._at += 1
        elif named := _NAMED.match(rest):
            opening = f"(?P<{named[1]}>"
            self._at += named.end()
        elif flags := _FLAGS.match(rest):
            opening = flags[0]
            self._at += flags.end()
            dot_is_any = "s" not in (flags[2] or "") and (dot_is_any or "s" in flags[1])
            if flags[3] == ")":
                self._dot_is_any[-1] = dot_is_any
                return "" if opening == "(?)" else opening
        else:
            raise PatternRefused(f"must be a valid regular expression: {rest[:4]} is not understood")
        self._dot_is_any.append(dot_is_any)
        return opening

    def _quantifier(self) -> str:
        found = _QUANTIFIER.match(self._source, self._at)
        if found is None:
            self._at += 1
            return r"\{"
        if any(len(times) > 4 or int(times) > MOST_REPEATS for times in found.groups() if times):
            raise PatternRefused(f"must not repeat anything more than {MOST_REPEATS} times")
        self._at = found.end()
        return found[0]

    def _escape(self) -> str:
        """Outside of brackets."""
        following = self._source[self._at + 1 : self._at + 2]
        if following in ("b", "B"):
            self._at += 2
            return f"\\{following}"
        if following.isdigit() and following != "0":
            raise PatternRefused(rf"must not refer back to a group (\{following}): {_LINEAR}")
        if self._source.startswith(r"\k<", self._at):
            raise PatternRefused(rf"must not refer back to a group (\k<): {_LINEAR}")
        one = self._one()
        if isinstance(one, str):
            return f"[{one}]"
        if 0xD800 <= one <= 0xDBFF:
            return self._bracketed(_Class(ranges=[(one, one)]))
        return _literal(one)

    def _bracketed(self, first: _Class) -> str:
        """A class; where it is the first half of surrogate pairs, with the second halves that follow it."""
        if first.within(0xD800, 0xDBFF):
            second = self._second_half()
            if second is not None:
                return _Class(ranges=_pairs(first.ranges, second.ranges)).text()
        return first.text()

    def _second_half(self) -> _Class | None:
        at = self._at
        if self._source.startswith("[", at):
            second = self._class()
        elif self._source.startswith(r"\u", at):
            one = self._one()
            second = _Class(ranges=[(one, one)]) if isinstance(one, int) else _Class()
        else:
            return None
        if second.within(0xDC00, 0xDFFF):
            return second
        self._at = at
        return None

    def _class(self) -> _Class:
        self._at += 1
        found = _Class()
        if self._source.startswith("^", self._at):
            found.negated = True
            self._at += 1
        while True:
            if self._at >= len(self._source):
                raise PatternRefused("must be a valid regular expression: it has an unmatched [")
            if self._source[self._at] == "]":
                self._at += 1
                return found
            first = self._in_class()
            if not self._source.startswith("-", self._at) or self._source.startswith("-]", self._at):
                _add(found, first, first)
                continue
            self._at += 1
            last = self._in_class()
            if isinstance(first, str) or isinstance(last, str):  # a class is no end of a range
                for one in (first, ord("-"), last):
                    _add(found, one, one)
            elif last < first:
                raise PatternRefused("must be a valid regular expression: a range of it is out of order")
            else:
                _add(found, first, last)

    def _in_class(self) -> int | str:
        if self._at >= len(self._source):
            raise PatternRefused("must be a valid regular expression: it has an unmatched [")
        if self._source[self._at] != "\\":
            self._at += 1
            return ord(self._source[self._at - 1])
        if self._source.startswith(r"\b", self._at):
            self._at += 2
            return 8
        one = self._one()
        if isinstance(one, int) and 0xD800 <= one <= 0xDBFF and self._source.startswith(r"\u", self._at):
            at = self._at
            second = self._one()
            if isinstance(second, int) and 0xDC00 <= second <= 0xDFFF:
                return _pair(one, second)
            self._at = at
        return one

    def _one(self) -> int | str:
        """What an escape stands for: a code point, or a class as it is written inside of brackets."""
        name = self._source[self._at + 1 : self._at + 2]
        self._at += 2
        if not name:
            raise PatternRefused("must be a valid regular expression: it ends with a \\")
        if name in _CLASSES:
            return _CLASSES[name]
        if name in _CONTROLS:
            return _CONTROLS[name]
        if name in "pP":
            return self._property(name)
        if name == "c" and (letter := self._source[self._at : self._at + 1]).isascii() and letter.isalpha():
            self._at += 1
            return ord(letter) % 32
        if name in "xu":
            return self._number(name)
        return ord(name)

    def _number(self, name: str) -> int:
        form = r"[0-9A-Fa-f]{2}" if name == "x" else r"[0-9A-Fa-f]{4}|\{[0-9A-Fa-f]{1,6}\}"
        found = re.compile(form).match(self._source, self._at)
        if found is None:
            return ord(name)
        self._at = found.end()
        point = int(found[0].strip("{}"), 16)
        if point > 0x10FFFF:
            raise PatternRefused("must be a valid regular expression: there is no such character")
        return point

    def _property(self, name: str) -> int | str:
        found = _PROPERTY.match(self._source, self._at)
        if found is None:
            return ord(name)
        self._at = found.end()
        return f"\\{name}{{{_CATEGORIES.get(found[1], found[1])}}}"


def _add(found: _Class, first: int | str, last: int | str) -> None:
    if isinstance(first, str) or isinstance(last, str):
        found.named.append(str(first))
    else:
        found.ranges.append((first, last))


def _literal(point: int) -> str:
    if 0xD800 <= point <= 0xDFFF:
        raise PatternRefused("must not ask for half of a surrogate pair")
    character = chr(point)
    return character if point < 128 and character.isalnum() else f"\\x{{{point:x}}}"


def _range(first: int, last: int) -> str:
    return _literal(first) if first == last else f"{_literal(first)}-{_literal(last)}"


def _pair(high: int, low: int) -> int:
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)


def _pairs(highs: list[tuple[int, int]], lows: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The characters whose first half is one of `highs` and whose second one of `lows`."""
    if lows == [(0xDC00, 0xDFFF)]:
        return [(_pair(first, 0xDC00), _pair(last, 0xDFFF)) for first, last in highs]
    if any(first != last for first, last in highs):
        raise PatternRefused(r"must write characters beyond \uFFFF as \u{...}")
    return [(_pair(high, first), _pair(high, last)) for high, _ in highs for first, last in lows]


def _without_surrogates(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Text here has whole characters: a range over the halves is one without them."""
    kept = []
    for first, last in ranges:
        if first < 0xD800:
            kept.append((first, min(last, 0xD7FF)))
        if last > 0xDFFF:
            kept.append((max(first, 0xE000), last))
    if not kept:
        raise PatternRefused("must not ask for half of a surrogate pair")
    return kept
