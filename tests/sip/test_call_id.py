"""The Call-ID is found in whatever form it comes, without the rest of its message being read."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.sip.messages.call_id import call_id_in
from offhook.sip.messages.message import MessageError
from offhook.sip.messages.parser import MAX_HEAD, parse_message
from tests.sip.torture import BY_NAME

REQUEST = (
    b"OPTIONS sip:desk@127.0.0.1 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 127.0.0.2;branch=z9hG4bK1\r\n"
    b"From: <sip:a@127.0.0.2>;tag=1\r\n"
    b"To: <sip:desk@127.0.0.1>\r\n"
    b"%b"
    b"CSeq: 1 OPTIONS\r\n"
    b"\r\n"
)


@pytest.mark.parametrize(
    ("line", "call_id"),
    [
        (b"Call-ID: a1@host\r\n", b"a1@host"),
        (b"call-id:a1@host\r\n", b"a1@host"),
        (b"CALL-ID \t:  a1@host \t\r\n", b"a1@host"),
        (b"i: a1@host\r\n", b"a1@host"),
        (b"I:a1@host\r\n", b"a1@host"),
        (b"Call-ID:\r\n a1@host\r\n", b"a1@host"),
        (b"Call-ID\r\n : a1@host\r\n\t\r\n", b"a1@host"),
        (b"i\r\n\t \r\n :\r\n  a1@host\r\n", b"a1@host"),
        (b"Subject: x\r\n Call-ID: of the subject\r\nCall-ID: a1@host\r\n", b"a1@host"),
        (b"X-Call-ID: other\r\nCall-ID-X: other\r\nIi: other\r\nCall-ID: a1@host\r\n", b"a1@host"),
        (b"Call-ID: a:b\r\n", b"a:b"),
        (b"Call-ID: a1@host\r\ni: a2@host\r\n", b"a1@host"),
        (b"Call-ID: a\r\n b\r\n", b"a b"),
        (b"Call-ID:\r\n", b""),
        (b"Call-ID a1@host\r\n", b""),
        (b"", b""),
    ],
)
def test_every_form_has_the_same_call_id(line: bytes, call_id: bytes) -> None:
    assert call_id_in(REQUEST % line) == call_id


def test_what_only_looks_like_one_is_none() -> None:
    """In the first line, in the body, and behind the end of what may be a head."""
    assert call_id_in(b"Call-ID: first line\r\nFrom: x\r\n\r\n") == b""
    assert call_id_in(REQUEST % b"" + b"Call-ID: of the body\r\n\r\n") == b""
    assert call_id_in(b"OPTIONS sip:x SIP/2.0\r\nX: " + b"x" * MAX_HEAD + b"\r\nCall-ID: late\r\n\r\n") == b""


@pytest.mark.parametrize("data", [b"", b"\r\n", b"\r\n\r\n", b"\0", b"\n" * 65_535, b"\xff" * 100])
def test_what_is_no_message_has_none(data: bytes) -> None:
    assert call_id_in(data) == b""


def test_empty_lines_before_a_message_are_not_of_it() -> None:
    assert call_id_in(b"\r\n\r\n" + REQUEST % b"Call-ID: a1\r\n") == b"a1"


@pytest.mark.parametrize(
    "piece", [b"\r\ni ", b"\r\ni\r\n ", b"\r\n ", b"\r\n\t\r\n", b"i", b"\r\ni:", b"\ri: "]
)
def test_each_octet_is_looked_at_only_so_often(piece: bytes) -> None:
    """What repeats it for 64 kB has its answer like any other message, however it goes on."""
    whole = (b"OPTIONS sip:x SIP/2.0" + piece * 65_535)[:65_535]
    for _ in range(200):
        call_id_in(whole)


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_it_is_what_the_parser_reads_of_the_torture_messages(name: str) -> None:
    _is_as_parsed(BY_NAME[name].data)


NAMES = st.sampled_from([b"Call-ID", b"call-id", b"CALL-id", b"i", b"I", b"Subject", b"s", b"X-I", b"Ii"])
SPACE = st.sampled_from([b"", b" ", b"\t", b"  ", b"\r\n ", b"\r\n\t", b" \r\n  "])
VALUES = st.sampled_from([b"a", b"a@b", b"i:", b"Call-ID:x", b"1:2", b"\xc3\xa4", b"\xe4", b""])
LINES = st.lists(st.tuples(NAMES, SPACE, SPACE, VALUES, SPACE), max_size=4).map(
    lambda lines: b"".join(
        name + one + b":" + two + value + three + b"\r\n" for name, one, two, value, three in lines
    )
)


@given(LINES)
def test_it_is_what_the_parser_reads(lines: bytes) -> None:
    _is_as_parsed(REQUEST % lines)


@given(
    st.binary(max_size=300),
    st.integers(0, 40),
    st.sampled_from([b"\r\ni:", b"\r\n", b":", b"\r\n Call-ID: "]),
)
def test_whatever_comes_has_one(noise: bytes, at: int, between: bytes) -> None:
    call_id = call_id_in(noise[:at] + between + noise[at:])
    assert not re.search(rb"[\r\n]", call_id)


def _is_as_parsed(data: bytes) -> None:
    try:
        message = parse_message(data)
    except MessageError:
        return
    assert call_id_in(data) in (message.call_id.encode(), message.call_id.encode("latin-1", "replace"))
