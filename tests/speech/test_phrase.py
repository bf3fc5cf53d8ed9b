from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.speech.phrase import Phrase
from tests.speech.clips import SILENCE, clip, frames

LOUD = b"\x00\x20" * 160


def say(heard: list[bytes]) -> list[bytes]:
    phrase = Phrase()
    pieces = [piece for frame in heard if (piece := phrase.add(frame)) is not None]
    return [*pieces, phrase.end()]


def test_a_short_phrase_is_one_piece() -> None:
    heard = frames(clip("price"))
    assert say(heard) == [b"".join(heard)]


def test_a_long_one_is_cut_in_a_pause() -> None:
    heard = [LOUD] * 310 + [SILENCE] * 15 + [LOUD] * 50
    pieces = say(heard)
    assert len(pieces) == 2
    assert 310 < len(pieces[0]) // 320 < 325


def test_without_a_pause_it_is_cut_where_it_is_quietest() -> None:
    quieter = b"\x00\x10" * 160
    heard = [LOUD] * 500 + [quieter] * 5 + [LOUD] * 200
    pieces = say(heard)
    assert len(pieces) == 2
    assert 500 <= len(pieces[0]) // 320 <= 505


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 400)), max_size=8))
@settings(max_examples=25, deadline=None)
def test_nothing_is_lost_or_doubled(runs: list[tuple[bool, int]]) -> None:
    heard = [LOUD if loud else SILENCE for loud, count in runs for _ in range(count)]
    pieces = say(heard)
    assert b"".join(pieces) == b"".join(heard)
    assert all(len(piece) <= 600 * 320 for piece in pieces)
