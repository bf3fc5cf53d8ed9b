"""The local model on prompts as people write them: the set of `benchmarks/local_model`."""

from __future__ import annotations

import pytest
from benchmarks.local_model.scored import Outcome, files, outcome_of


async def outcomes(held_out: bool) -> list[Outcome]:
    return [
        await outcome_of(asked, question)
        for asked in files()
        if asked.held_out is held_out
        for question in asked.questions
    ]


@pytest.mark.parametrize(("held_out", "useful"), [(False, 0.9), (True, 0.75)], ids=["built by", "held out"])
async def test_most_are_useful_and_nothing_is_made_up_or_read_aloud(held_out: bool, useful: float) -> None:
    found = await outcomes(held_out)
    assert [one.answers for one in found if one.invented or one.read_aloud] == []
    assert sum(one.useful for one in found) >= useful * len(found)
