from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.conversation.text.chunks import LONGEST_PIECE, Chunker, ChunkingPlan, cut_into_pieces

EACH = ChunkingPlan(min_characters=1)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Hello there. How are you?", ["Hello there.", "How are you?"]),
        ("Dr. Smith is in. Mr. Jones is out.", ["Dr. Smith is in.", "Mr. Jones is out."]),
        ("It costs 3.50 or 1,000 at 10:30. Fine.", ["It costs 3.50 or 1,000 at 10:30.", "Fine."]),
        ("We open at 9 a.m. on weekdays.", ["We open at 9 a.m. on weekdays."]),
        ("We close at 5 p.m. Please call back.", ["We close at 5 p.m.", "Please call back."]),
        ("J. R. Tolkien wrote it. Yes.", ["J. R. Tolkien wrote it.", "Yes."]),
        ("1. Teeth\n2. Gums", ["1. Teeth", "2. Gums"]),
        ("お願いします。ありがとう。", ["お願いします。", "ありがとう。"]),
        ('"No." That is all.', ['"No." That is all.']),
        ("   ", []),
    ],
)
def test_sentences(text: str, pieces: list[str]) -> None:
    assert cut_into_pieces(text, EACH) == pieces


def test_short_sentences_are_joined_up_to_the_minimum() -> None:
    assert cut_into_pieces("Yes. We do. We are open from nine to five. Bye.", ChunkingPlan()) == [
        "Yes. We do. We are open from nine to five.",
        "Bye.",
    ]


def test_only_the_plan_s_boundaries_count() -> None:
    plan = ChunkingPlan(min_characters=1, boundaries=frozenset("!"))
    assert cut_into_pieces("One. Two! Three", plan) == ["One. Two!", "Three"]


def test_without_chunking_every_sentence_is_a_piece() -> None:
    assert cut_into_pieces("Yes. No.", ChunkingPlan(enabled=False)) == ["Yes.", "No."]


def test_a_full_stop_waits_for_what_follows_it() -> None:
    chunker = Chunker(EACH)
    assert chunker.feed("It is 3.") == []
    assert chunker.feed("5 today.") == []
    assert chunker.feed(" Bye") == ["It is 3.5 today."]
    assert chunker.flush() == "Bye"
    assert chunker.flush() is None


def test_in_a_hurry_the_next_piece_may_end_at_a_comma() -> None:
    chunker = Chunker(ChunkingPlan(min_characters=10))
    assert chunker.feed("On weekdays, ") == []
    chunker.hurry()
    assert chunker.feed("that is from Monday, we open at 9,30 and, ") == ["On weekdays,"]
    assert chunker.flush() == "that is from Monday, we open at 9,30 and,"
    strict = Chunker(ChunkingPlan(min_characters=1, boundaries=frozenset(".")))
    strict.hurry()
    assert strict.feed("One, two, three") == []


@given(st.text(alphabet="ab .!?,;:\nD1r", max_size=400), st.lists(st.integers(1, 9), max_size=50))
@settings(max_examples=200, deadline=None)
def test_nothing_is_lost_or_long_however_the_tokens_fall(text: str, sizes: list[int]) -> None:
    chunker, pieces, position = Chunker(ChunkingPlan()), [], 0
    for size in [*sizes, len(text)]:
        pieces += chunker.feed(text[position : position + size])
        position += size
    rest = chunker.flush()
    pieces += [rest] if rest else []
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(0 < len(piece) <= LONGEST_PIECE for piece in pieces)
    assert pieces == cut_into_pieces(text, ChunkingPlan())
