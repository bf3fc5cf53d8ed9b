"""`python -m benchmarks.local_model`: the figures of docs/conversation.md, with each answer that is no use.

`--all` shows every answer. Of the files that are held out, none is shown without it: the model is made by
what is seen."""

from __future__ import annotations

import asyncio
import sys

from benchmarks.local_model.scored import Outcome, files, outcome_of

ALL = "--all" in sys.argv
NAMES = [name for name in sys.argv[1:] if not name.startswith("-")]


async def main() -> None:
    seen: dict[bool, list[Outcome]] = {False: [], True: []}
    for asked in files():
        if NAMES and not any(name in asked.name for name in NAMES):
            continue
        for question in asked.questions:
            outcome = await outcome_of(asked, question)
            seen[asked.held_out].append(outcome)
            if ALL or not (outcome.useful or asked.held_out):
                _show(asked.name, outcome)
    for held_out, outcomes in seen.items():
        kind = "held out" if held_out else "built by"
        useful, aloud, invented = (
            sum(getattr(one, name) for one in outcomes) for name in ("useful", "read_aloud", "invented")
        )
        share = 100 * useful / max(len(outcomes), 1)
        print(
            f"{kind}: useful {useful} of {len(outcomes)} ({share:.0f} %),"
            f" read aloud {aloud}, invented {invented}"
        )


def _show(name: str, outcome: Outcome) -> None:
    marks = "".join(
        mark if is_so else " "
        for mark, is_so in (
            ("u", outcome.useful),
            ("A", outcome.read_aloud),
            ("I", outcome.invented),
        )
    )
    print(f"{marks} {name}: {' / '.join(outcome.question.said)}")
    called = f" [{outcome.called.name} {outcome.called.arguments}]" if outcome.called else ""
    print(f"      -> {' / '.join(outcome.answers)}{called} {outcome.noted or ''}")


asyncio.run(main())
