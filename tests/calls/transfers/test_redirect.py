"""Redirections: which Contacts are tried, and in which order."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.calls.transfers.redirect import MOST_TARGETS, contacts_of
from offhook.sip.errors import SipError


def contacts(*values: str, status: int = 302) -> list[str]:
    return [str(uri) for uri in contacts_of(SipError(status, None, [("Contact", value) for value in values]))]


@pytest.mark.parametrize(
    ("values", "tried"),
    [
        (["<sip:ann@10.0.0.3>"], ["sip:ann@10.0.0.3"]),
        (["<sip:a@h>;q=0.2, <sip:b@h>;q=0.9"], ["sip:b@h", "sip:a@h"]),
        (["<sip:a@h>;q=0.2", "<sip:b@h>"], ["sip:b@h", "sip:a@h"]),
        (["<sip:a@h>;q=none", "<sip:b@h>;q=nan"], ["sip:a@h", "sip:b@h"]),
        (["<sip:a@h?Route=%3Csip:evil%3E>"], ["sip:a@h"]),
        (["<tel:+14155550123>", "<sips:a@h>", "<sip:b@h"], []),
        (["*"], []),
        ([f"<sip:a{n}@h>" for n in range(50)], [f"sip:a{n}@h" for n in range(MOST_TARGETS)]),
        ([], []),
    ],
)
def test_contacts_are_tried_by_likelihood(values: list[str], tried: list[str]) -> None:
    assert contacts(*values) == tried


@pytest.mark.parametrize("status", [305, 380, 404, 486])
def test_other_answers_lead_nowhere(status: int) -> None:
    assert contacts("<sip:ann@10.0.0.3>", status=status) == []


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=200))
def test_whatever_a_contact_says_nothing_is_raised(text: str) -> None:
    assert len(contacts(text)) <= MOST_TARGETS
