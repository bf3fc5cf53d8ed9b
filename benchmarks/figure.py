"""A figure, what it is held against, and how tables of them are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["met", "short", ""]


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` in `unit`; `most` or `least` is the budget of the design (none: told for information).
    `cause` says why a budget is missed, or what to know about the figure."""

    name: str
    value: float
    unit: str
    most: float | None = None
    least: float | None = None
    cause: str = ""

    @property
    def budget(self) -> str:
        if self.most is not None:
            return f"<= {_number(self.most)} {self.unit}"
        if self.least is not None:
            return f">= {_number(self.least)} {self.unit}"
        return ""

    @property
    def verdict(self) -> Verdict:
        if self.most is not None:
            return "met" if self.value <= self.most else "short"
        if self.least is not None:
            return "met" if self.value >= self.least else "short"
        return ""

    def row(self) -> tuple[str, str, str, str, str]:
        return (self.name, f"{_number(self.value)} {self.unit}", self.budget, self.verdict, self.cause)


HEAD = ("measure", "figure", "budget", "verdict", "note")


def as_text(figures: Sequence[Figure]) -> str:
    rows = [HEAD, *(figure.row() for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]).rstrip()
        for row in rows
    )


def as_markdown(figures: Sequence[Figure], *, notes: bool = True) -> str:
    columns = 5 if notes else 4
    lines = ["| " + " | ".join(HEAD[:columns]) + " |", "|---|---:|---:|---|" + "---|" * notes]
    lines += ["| " + " | ".join(figure.row()[:columns]) + " |" for figure in figures]
    return "\n".join(lines)


def percentile(values: Sequence[float], share: float) -> float:
    """Of values in any order; NaN of none."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else float("nan")


def _number(value: float) -> str:
    if value != value:
        return "-"
    if value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"
