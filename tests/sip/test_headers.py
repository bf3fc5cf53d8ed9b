"""Header values and the headers of a message."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.sip.errors import BadSyntax
from offhook.sip.messages.grammar import split_list
from offhook.sip.messages.headers import CSeq, Headers, MediaType, NameAddr, Parametrized, Via
from offhook.sip.messages.uri import Uri
from tests.sip.test_uri import HOSTS, URIS

TOKENS = st.text(st.sampled_from("abcXYZ019-.!%*_+`'~"), min_size=1, max_size=8)
QUOTABLE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=12)


# -- addresses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name", "uri", "tag"),
    [
        ('"A. G. Bell" <sip:agb@bell.com> ;tag=a48s', "A. G. Bell", "sip:agb@bell.com", "a48s"),
        ("sip:+12125551212@server.example;tag=887s", None, "sip:+12125551212@server.example", "887s"),
        (
            "Anonymous <sip:c8oqz84zk7z@privacy.org>;tag=hyh8",
            "Anonymous",
            "sip:c8oqz84zk7z@privacy.org",
            "hyh8",
        ),
        ("<sip:a@b.c;user=phone>", None, "sip:a@b.c;user=phone", None),
        ('"" <sip:a@b.c>', "", "sip:a@b.c", None),
        ("Jörg Müller <sip:j@b.c>", "Jörg Müller", "sip:j@b.c", None),
        ('"say \\"hi\\", <x>" <sip:a@b.c>', 'say "hi", <x>', "sip:a@b.c", None),
        ("<sip:a@b.c>;tag=YWJj/+==", None, "sip:a@b.c", "YWJj/+=="),
        ("<tel:+123;ext=5>;tag=1", None, "tel:+123;ext=5", "1"),
    ],
)
def test_addresses(text: str, name: str | None, uri: str, tag: str | None) -> None:
    address = NameAddr.parse(text)
    assert (address.display_name, str(address.uri), address.tag) == (name, uri, tag)
    assert NameAddr.parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<>",
        "<sip:a@b.c",
        "sip:a@b.c>",
        '"a <sip:a@b.c>',
        '"a" b <sip:a@b.c>',
        "a, b <sip:a@b.c>",
        "< sip:a@b.c>",
        "<sip:a@b.c >",
        "<sip:a@b.c>;",
        "<sip:a@b.c>;;tag=1",
        "<sip:a@b.c>;tag=",
        "<sip:a@b.c>;=1",
        '<sip:a@b.c>;x="1',
        "<sip:a@b.c> tag=1",
        "sip:a@b.c?x=y",
        "<sip:a@b.c>" + ";a" * 65,
    ],
)
def test_malformed_addresses(text: str) -> None:
    with pytest.raises(BadSyntax, match="Malformed Contact"):
        NameAddr.parse(text, "Contact")


def test_header_parameters_keep_their_quotes_on_the_wire() -> None:
    text = '<sip:a@b.c>;+sip.instance="<urn:uuid:0>";methods="INVITE, BYE";ob'
    address = NameAddr.parse(text)
    assert (address.param("+sip.instance"), address.param("methods")) == ("<urn:uuid:0>", "INVITE, BYE")
    assert (address.param("ob"), address.param("q")) == ("", None)
    assert str(address) == text


def test_a_tag_is_set_or_replaced() -> None:
    address = NameAddr.parse("<sip:a@b.c>;x=y")
    assert str(address.with_tag("1")) == "<sip:a@b.c>;x=y;tag=1"
    assert str(address.with_tag("1").with_tag("2")) == "<sip:a@b.c>;x=y;tag=2"


def test_a_line_break_never_reaches_the_wire() -> None:
    with pytest.raises(ValueError, match="line break"):
        str(NameAddr("a\r\nVia: x", Uri.parse("sip:a@b.c")))


@settings(max_examples=120, deadline=None)
@given(st.none() | QUOTABLE, URIS, st.lists(st.tuples(TOKENS.map(str.lower), st.none() | TOKENS), max_size=3))
def test_any_address_is_read_back(name: str | None, uri: Uri, params: list[tuple[str, str | None]]) -> None:
    address = NameAddr(name, uri, tuple(params))
    assert NameAddr.parse(str(address)) == address


# -- Via, CSeq and the others ---------------------------------------------------------------------


def test_via() -> None:
    via = Via.parse(
        "SIP / 2.0 / udp first.example.com: 4000;ttl=16;maddr=224.2.0.1 ;branch=z9hG4bKa7c6a8dlze.1"
    )
    assert (via.protocol, via.host, via.port) == ("UDP", "first.example.com", 4000)
    assert via.branch == "z9hG4bKa7c6a8dlze.1"
    assert str(via) == (
        "SIP/2.0/UDP first.example.com:4000;ttl=16;maddr=224.2.0.1;branch=z9hG4bKa7c6a8dlze.1"
    )


def test_rport_is_wanted() -> None:
    assert Via.parse("SIP/2.0/UDP 10.1.1.1:4540;rport;branch=z9hG4bKkjshdyff").wants_rport
    assert not Via.parse("SIP/2.0/UDP 10.1.1.1:4540;branch=z9hG4bKkjshdyff").wants_rport


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SIP/2.0/UDP",
        "SIP/2.0 host",
        "SIP/2.0/UDP a b",
        "SIP/2.0/UDP a:b",
        "SIP/2.0/UDP a:99999",
        "SIP/2.0/UDP a;",
    ],
)
def test_malformed_vias(text: str) -> None:
    with pytest.raises(BadSyntax):
        Via.parse(text)


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(["UDP", "TCP", "TLS", "WS"]),
    HOSTS,
    st.none() | st.integers(1, 65535),
    st.lists(st.tuples(TOKENS.map(str.lower), st.none() | TOKENS), max_size=3).map(tuple),
)
def test_any_via_is_read_back(
    protocol: str, host: str, port: int | None, params: tuple[tuple[str, str | None], ...]
) -> None:
    via = Via(protocol, host, port, params)
    assert Via.parse(str(via)) == via


def test_cseq_has_31_bits() -> None:
    assert CSeq.parse("2147483647  INVITE") == CSeq(2**31 - 1, "INVITE")
    assert str(CSeq(7, "ACK")) == "7 ACK"
    for text in (
        "2147483648 INVITE",
        "-1 INVITE",
        "1",
        "INVITE",
        "1 IN VITE",
        "１ INVITE",
        "9" * 5000 + " A",
    ):
        with pytest.raises(BadSyntax):
            CSeq.parse(text)


def test_media_types() -> None:
    kind = MediaType.parse('Multipart/Mixed ; boundary="a;b"')
    assert (kind.kind, kind.param("boundary"), str(kind)) == (
        "multipart/mixed",
        "a;b",
        'multipart/mixed;boundary="a;b"',
    )
    assert MediaType.parse("application/*").accepts("application/sdp")
    assert MediaType.parse("*/*").accepts("application/sdp")
    assert not MediaType.parse("text/plain").accepts("application/sdp")
    with pytest.raises(BadSyntax):
        MediaType.parse("application")


def test_a_token_with_parameters() -> None:
    state = Parametrized.parse("Terminated;reason=noresource")
    assert (state.value, state.param("reason"), str(state)) == (
        "terminated",
        "noresource",
        "terminated;reason=noresource",
    )
    with pytest.raises(BadSyntax, match="Header"):
        Parametrized.parse("a b")


# -- Headers --------------------------------------------------------------------------------------


def test_names_in_any_case_and_compact_form_are_one() -> None:
    headers = Headers([("v", "SIP/2.0/UDP a"), ("VIA", "SIP/2.0/UDP b"), ("x-Thing", "1"), ("o", "presence")])
    assert headers.lines("Via") == ["SIP/2.0/UDP a", "SIP/2.0/UDP b"]
    assert headers.get("V") == headers.get("via") == "SIP/2.0/UDP a"
    assert headers.get("X-THING") == "1"
    assert "event" in headers
    assert "e" not in headers
    assert [name for name, _ in headers.items()] == ["Via", "Via", "x-Thing", "Event"]


def test_only_list_headers_are_split() -> None:
    headers = Headers(
        [
            ("Route", '<sip:a,b@c>, "x, y" <sip:d@e>;p="1,2" ,<sip:f@g>'),
            ("Subject", "one, two"),
            ("k", "timer,, 100rel ,"),
            ("Date", "Sat, 13 Nov 2010 23:29:00 GMT"),
            ("Allow", ""),
        ]
    )
    assert headers.get_all("route") == ["<sip:a,b@c>", '"x, y" <sip:d@e>;p="1,2"', "<sip:f@g>"]
    assert headers.get_all("Subject") == ["one, two"]
    assert headers.get_all("Supported") == headers.get_all("K") == ["timer", "100rel"]
    assert headers.get_all("Date") == ["Sat, 13 Nov 2010 23:29:00 GMT"]
    assert headers.get_all("Allow") == headers.get_all("Absent") == []


def test_order_is_kept_through_changes() -> None:
    headers = Headers([("To", "a"), ("Via", "1"), ("From", "b"), ("Via", "2")])
    headers.prepend("Via", "0")
    headers.add("Via", "3")
    headers.prepend("Route", "r")
    assert list(headers.items()) == [
        ("Route", "r"),
        ("To", "a"),
        ("Via", "0"),
        ("Via", "1"),
        ("From", "b"),
        ("Via", "2"),
        ("Via", "3"),
    ]
    headers.set("v", "only")
    headers.remove("f")
    headers.set("Contact", "c")
    assert list(headers.items()) == [("Route", "r"), ("To", "a"), ("Via", "only"), ("Contact", "c")]
    assert len(headers) == 4


def test_the_first_element_is_replaced_within_its_line() -> None:
    headers = Headers([("Via", "SIP/2.0/UDP a, SIP/2.0/UDP b"), ("Via", "SIP/2.0/UDP c")])
    headers.replace_first("Via", Via.parse("SIP/2.0/UDP a;received=1.2.3.4"))
    assert headers.lines("via") == ["SIP/2.0/UDP a;received=1.2.3.4, SIP/2.0/UDP b", "SIP/2.0/UDP c"]


def test_what_was_parsed_is_forgotten_when_it_changes() -> None:
    headers = Headers([("CSeq", "1 INVITE")])
    assert headers.first("cseq", CSeq.parse) == CSeq(1, "INVITE")
    assert headers.first("cseq", CSeq.parse) is headers.first("cseq", CSeq.parse)
    headers.set("CSeq", "2 INVITE")
    assert headers.first("cseq", CSeq.parse) == CSeq(2, "INVITE")
    headers.remove("CSeq")
    assert headers.first("cseq", CSeq.parse) is None


@pytest.mark.parametrize(
    ("name", "value"), [("Subject", "a\r\nVia: b"), ("a b", "c"), ("", "c"), ("a:", "c"), ("X", "\n")]
)
def test_nothing_breaks_out_of_its_line(name: str, value: str) -> None:
    headers = Headers()
    for change in (headers.add, headers.set, headers.prepend):
        with pytest.raises(ValueError, match=r"header name|line break"):
            change(name, value)
    assert len(headers) == 0


@pytest.mark.parametrize("hostile", ['"' * 8000, '"\\' * 4000, "<" * 8000, ",<" * 4000, '\\"' * 4000 + ","])
def test_unbalanced_quotes_and_brackets_end_with_the_value(hostile: str) -> None:
    assert "".join(split_list(hostile)).replace(",", "") == hostile.replace(",", "")


@pytest.mark.parametrize("hostile", ["," * 1025, '"' * 1025, "<" * 1025])
def test_a_list_that_takes_long_to_split_is_not_split(hostile: str) -> None:
    headers = Headers([("Route", hostile)])
    assert headers.get_all("Route") == []
    with pytest.raises(BadSyntax, match="Too Many Route Values"):
        headers.all("route", NameAddr.parse)
