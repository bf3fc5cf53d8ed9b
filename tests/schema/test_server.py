"""Both spellings of a server mean the same, are stored as one, and are shown as both."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.schema import CreateVapiPhoneNumberDTO, Server, document, normalise_server, show_server
from tests.schema.parsing import parse

OLD = {"serverUrl": "https://old", "serverUrlSecret": "old secret"}
NEW = {"server": {"url": "https://new", "secret": "new secret", "timeoutSeconds": 5}}


def test_the_older_spelling_is_stored_as_server() -> None:
    assert normalise_server({"name": "n", **OLD}) == {
        "name": "n",
        "server": {"url": "https://old", "secret": "old secret"},
    }


def test_a_document_without_the_older_spelling_stays_as_it_is() -> None:
    assert normalise_server(NEW) == NEW
    assert normalise_server({"server": None}) == {"server": None}
    assert normalise_server({}) == {}


def test_server_is_meant_where_both_are_given_and_the_older_fills_it_up() -> None:
    assert normalise_server({**OLD, "server": {"url": "https://new"}}) == {
        "server": {"url": "https://new", "secret": "old secret"}
    }


def test_a_row_sent_back_with_its_nulls_loses_nothing() -> None:
    assert normalise_server({"server": None, **OLD}) == normalise_server(OLD)
    assert normalise_server({**NEW, "serverUrl": None, "serverUrlSecret": None}) == NEW


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ({"serverUrl": "https://x"}, {"url": "https://x", "secret": "new secret", "timeoutSeconds": 5}),
        ({"serverUrlSecret": None}, {"url": "https://new", "timeoutSeconds": 5}),
        ({"serverUrl": None, "serverUrlSecret": None}, {"timeoutSeconds": 5}),
        ({"server": {"url": "https://y"}}, {"url": "https://y"}),
        ({"server": None}, None),
    ],
)
def test_a_patch_in_either_spelling_changes_the_one_server(change: dict[str, Any], left: Any) -> None:
    assert normalise_server(change, stored=NEW)["server"] == left


def test_clearing_the_last_property_clears_the_server() -> None:
    assert normalise_server({"serverUrl": None}, stored={"server": {"url": "https://a"}}) == {"server": None}


def test_both_spellings_are_shown() -> None:
    assert show_server(NEW) == {**NEW, "serverUrl": "https://new", "serverUrlSecret": "new secret"}
    assert show_server({"server": None}) == {"server": None}


urls = st.none() | st.text(min_size=1, max_size=5)
servers = st.none() | st.dictionaries(st.sampled_from(["url", "secret", "credentialId"]), urls)
documents = st.fixed_dictionaries(
    {}, optional={"name": st.text(max_size=3), "server": servers, "serverUrl": urls, "serverUrlSecret": urls}
)


@settings(max_examples=300, deadline=None)
@given(documents, st.none() | documents.map(normalise_server))
def test_what_is_shown_agrees_with_itself_and_normalises_to_what_is_stored(
    given_document: dict[str, Any], stored: dict[str, Any] | None
) -> None:
    before = repr((given_document, stored))
    kept = {**(stored or {}), **normalise_server(given_document, stored)}
    shown = show_server(kept)

    assert "serverUrl" not in kept
    assert shown.get("serverUrl") == (shown.get("server") or {}).get("url")
    assert shown.get("serverUrlSecret") == (shown.get("server") or {}).get("secret")
    again = show_server(normalise_server(shown))
    assert [again.get(name) for name in OLD] == [shown.get(name) for name in OLD]
    assert repr((given_document, stored)) == before


def test_a_number_may_be_created_in_either_spelling() -> None:
    number = parse(CreateVapiPhoneNumberDTO, {"provider": "vapi", **OLD})

    stored = normalise_server(document(number))

    assert parse(Server, stored["server"]).url == "https://old"
