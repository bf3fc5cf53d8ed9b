"""Headers that an owner has written."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.calls.owners_headers import MOST, MOST_CHARACTERS, one_line, owners_headers
from offhook.sip.messages.headers import COMPACT, Headers


def test_headers_are_bounded_and_ours_stay_ours() -> None:
    given_ = {"X-Good": "1", "contact": "<sip:evil@10.0.0.9>", "i": "x", "X Bad": "1", "": "1", "X-N": 7}
    many = {f"X-{n}": "1" for n in range(100)}

    assert owners_headers(given_) == [("X-Good", "1"), ("X-N", "7")]
    assert len(owners_headers(many)) == MOST


def test_what_is_ours_is_so_in_its_compact_form_too() -> None:
    for short, name in COMPACT.items():
        assert bool(owners_headers({short: "1"})) is bool(owners_headers({name: "1"})), name


def test_some_of_ours_may_be_allowed() -> None:
    assert owners_headers({"Event": "refer", "Via": "x"}, frozenset({"event"})) == [("Event", "refer")]


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=3000))
def test_a_header_stays_one_line(text: str) -> None:
    line = one_line(text)

    assert len(line) <= MOST_CHARACTERS
    assert line == " ".join(line.split())
    assert line.isprintable()
    Headers([("X-Any", line)])
