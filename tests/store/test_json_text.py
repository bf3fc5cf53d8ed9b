from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.store.json_text import SerializedDocument, dump_json

texts = st.text(st.characters(exclude_categories=[]), max_size=20) | st.text('\0\\u0"', max_size=12)


def storable(text: str) -> str:
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


@settings(max_examples=500, deadline=None)
@given(st.lists(texts, max_size=4))
def test_all_but_what_cannot_be_stored_comes_back(value: list[str]) -> None:
    assert json.loads(dump_json({"a": value})) == {"a": [storable(text) for text in value]}


def test_it_is_compact_and_keeps_what_is_written_with_backslashes() -> None:
    assert dump_json({"b": [1, None], "a": "\u00fc\\u0000"}) == '{"b":[1,null],"a":"\u00fc\\\\u0000"}'


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        dump_json(float("inf"))


def test_a_document_that_is_written_already_is_stored_as_it_stands() -> None:
    document = SerializedDocument({"a": [1, "\0"]})

    assert document == {"a": [1, "\0"]}
    assert document.text == dump_json({"a": [1, "\0"]})
    assert dump_json(document) is document.text
    with pytest.raises(ValueError, match="JSON"):
        SerializedDocument({"a": float("nan")})
