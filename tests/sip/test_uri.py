"""URIs: what they say, how they are written, which are the same."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.sip.errors import BadSyntax
from offhook.sip.messages.uri import MAX_URI, Uri

HOSTS = st.one_of(
    st.from_regex(r"[a-z][a-z0-9-]{0,10}(\.[a-z][a-z0-9]{1,8}){0,3}", fullmatch=True),
    st.ip_addresses().map(str),
)
# Surrogates are not text, and cannot be written as UTF-8.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
NAMES = TEXT.map(str.lower).filter(lambda name: name == name.lower())
URIS = st.builds(
    Uri,
    st.sampled_from(["sip", "sips"]),
    st.none() | TEXT,
    st.none(),
    HOSTS,
    st.none() | st.integers(1, 65535),
    st.lists(st.tuples(NAMES, st.none() | TEXT), max_size=3).map(tuple),
    st.lists(st.tuples(TEXT, st.text(st.characters(exclude_categories=["Cs"]), max_size=8)), max_size=3).map(
        tuple
    ),
)


def test_all_parts_of_a_sip_uri() -> None:
    uri = Uri.parse(
        "SIPS:alice:secret@Atlanta.Example.COM:5070;Transport=tcp;lr?Subject=Hi%20there&Priority=urgent"
    )
    assert (uri.scheme, uri.user, uri.password, uri.host, uri.port) == (
        "sips",
        "alice",
        "secret",
        "atlanta.example.com",
        5070,
    )
    assert uri.params == (("transport", "tcp"), ("lr", None))
    assert uri.headers == (("Subject", "Hi there"), ("Priority", "urgent"))
    assert str(uri) == (
        "sips:alice:secret@atlanta.example.com:5070;transport=tcp;lr?Subject=Hi%20there&Priority=urgent"
    )


def test_a_parameter_without_value_differs_from_an_absent_one() -> None:
    uri = Uri.parse("sip:example.com;lr;transport=UDP")
    assert (uri.param("lr"), uri.param("transport"), uri.param("maddr")) == ("", "UDP", None)


def test_with_params_sets_and_replaces() -> None:
    uri = Uri.parse("sip:a@example.com;transport=udp;user=phone").with_params(transport="tcp", lr=None)
    assert str(uri) == "sip:a@example.com;user=phone;transport=tcp;lr"


def test_what_must_be_escaped_is_written_escaped() -> None:
    assert str(Uri("sip", "a b@c:d%", host="example.com")) == "sip:a%20b%40c%3Ad%25@example.com"
    assert Uri.parse("sip:a%20b%40c%3Ad%25@example.com").user == "a b@c:d%"
    assert Uri.parse("sip:j%C3%B6rg@example.com").user == "jörg"
    assert Uri.parse("sip:j%F6rg@example.com").user == "jörg"


def test_a_feature_code_is_taken_as_phones_send_it() -> None:
    uri = Uri.parse("sip:*21#@example.com")
    assert (uri.user, str(uri)) == ("*21#", "sip:*21%23@example.com")


def test_the_password_may_be_empty_but_not_the_user() -> None:
    assert Uri.parse("sip:alice:@example.com").password == ""
    with pytest.raises(BadSyntax):
        Uri.parse("sip:@example.com")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip:",
        "example.com",
        "sip:a@",
        "sip:a@b@example.com",
        "sip:a b@example.com",
        "sip:a@example.com:",
        "sip:a@example.com:0",
        "sip:a@example.com:65536",
        "sip:a@example.com:123456",
        "sip:a@example..com",
        "sip:a@.example.com",
        "sip:a@-example.com",
        "sip:a@192.0.2.256",
        "sip:a@192.0.2",
        "sip:a@[192.0.2.1]",
        "sip:a@[::1",
        "sip:a@example.com;;lr",
        "sip:a@example.com;",
        "sip:a@example.com?",
        "sip:a@example.com?a",
        "sip:a@example.com?a=b=c",
        "sip:%4@example.com",
        "sip:a@example.com\r\nX: y",
        "sip:jörg@example.com",
        "<sip:a@example.com>",
        "sip:" + "a" * MAX_URI,
    ],
)
def test_malformed_uris_are_refused(text: str) -> None:
    with pytest.raises(BadSyntax):
        Uri.parse(text)


@pytest.mark.parametrize("text", ["tel:+1-201-555-0123;phone-context=x", "mailto:a@b", "urn:service:sos"])
def test_other_schemes_are_kept_as_they_are(text: str) -> None:
    uri = Uri.parse(text)
    assert not uri.is_sip
    assert str(uri) == text


@settings(max_examples=150, deadline=None)
@given(URIS)
def test_what_is_written_is_read_back(uri: Uri) -> None:
    assert Uri.parse(str(uri)) == uri


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60) | st.text(st.sampled_from("sip:@[]%;=?&a1.-"), max_size=40).map("sip:".__add__))
def test_any_text_is_a_uri_or_bad_syntax(text: str) -> None:
    try:
        uri = Uri.parse(text)
    except BadSyntax:
        return
    assert Uri.parse(str(uri)) == uri
