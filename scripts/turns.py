"""Write docs/turns.md from src/offhook/conversation/turns/turn_table.py.

.venv/bin/python scripts/turns.py
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import get_args

from offhook.conversation.turns import signals
from offhook.conversation.turns.turn_memory import TurnState
from offhook.conversation.turns.turn_table import (
    CHOICES,
    IGNORED,
    TABLE,
    TurnChoice,
    TurnCondition,
    TurnRow,
    TurnRows,
    TurnStep,
)

PAGE = Path(__file__).resolve().parent.parent / "docs" / "turns.md"

INTRODUCTION = """\
# Whose turn it is

Generated from `src/offhook/conversation/turns/turn_table.py` by `make docs`.

The turn machine is told what happens, with its time, and answers with what is to be done. In each state \
the first row whose condition holds counts; its steps change what the machine knows, and those in bold ask \
for an action. A diamond is a decision that follows at once. What an input says, and what an action asks \
for, stands in `conversation/turns/signals.py`, steps and conditions in
`conversation/turns/turn_memory.py` and `conversation/turns/over_assistant.py`.
"""


def words(name: str) -> str:
    return name.strip("_").replace("_", " ")


def named(target: Enum | None) -> str:
    return "stays" if target is None else target.name


def condition(when: TurnCondition | None) -> str:
    return "" if when is None else words(when.__name__)


def done(steps: Iterable[TurnStep]) -> str:
    """The steps in their order, those that ask for an action in bold."""
    asks = {step: step.__annotations__["return"] != "None" for step in steps}
    return ", ".join(f"**{words(step.__name__)}**" if asks[step] else words(step.__name__) for step in steps)


def lines(first: str, rows: TurnRows) -> list[str]:
    if rows is IGNORED:
        return [f"| {first} | | | IGNORED |"]
    return [
        f"| {first if number == 0 else ''} | {condition(row.when)} | {done(row.does)} | {named(row.then)} |"
        for number, row in enumerate(rows)
    ]


def section(title: str, cells: Mapping[str, TurnRows], first: str) -> str:
    table = [f"| {first} | when | steps | then |", "|---|---|---|---|"]
    for name, rows in cells.items():
        table += lines(name, rows)
    return f"\n## {title}\n\n" + "\n".join(table) + "\n"


def diagram() -> str:
    """Which inputs lead from where to where; those that let a state stay are left out."""
    arrows: defaultdict[tuple[str, str], dict[str, None]] = defaultdict(dict)

    def draw(source: str, rows: Iterable[TurnRow], label: str) -> None:
        for row in rows:
            if row.then is not None and row.then.name != source:
                arrows[source, row.then.name][label or condition(row.when) or "else"] = None

    for (state, kind), rows in TABLE.items():
        draw(state.name, rows, kind.__name__)
    for choice, rows in CHOICES.items():
        draw(choice.name, rows, "")
    drawn = [f"    state {choice.name} <<choice>>" for choice in TurnChoice]
    drawn += ["    [*] --> LISTENING"]
    drawn += [f"    {source} --> {target}: {', '.join(told)}" for (source, target), told in arrows.items()]
    return "\n```mermaid\nstateDiagram-v2\n" + "\n".join(drawn) + "\n```\n"


def page() -> str:
    kinds = get_args(signals.Input)
    sections = [
        section(state.name, {kind.__name__: TABLE[state, kind] for kind in kinds}, "input")
        for state in TurnState
    ]
    decisions = section("Decisions", {choice.name: CHOICES[choice] for choice in TurnChoice}, "decision")
    return INTRODUCTION + diagram() + "".join(sections) + decisions


if __name__ == "__main__":
    PAGE.write_text(page())
