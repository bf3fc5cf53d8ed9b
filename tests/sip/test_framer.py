"""Messages out of a byte stream."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.sip.messages.parser import MAX_HEAD, MAX_MESSAGE, parse_message
from offhook.sip.transports.framer import StreamFramer, StreamFramingError
from tests.sip.test_message import INVITE
from tests.sip.torture import BY_NAME, crlf

OPTIONS = BY_NAME["zeromf"].data
FOLDED = BY_NAME["wsinv"].data


def with_length(value: str) -> bytes:
    return OPTIONS.replace(b"Content-Length: 0", f"Content-Length: {value}".encode())


def test_one_message_in_one_read() -> None:
    assert StreamFramer().feed(INVITE) == [INVITE]


def test_several_messages_in_one_read_and_a_piece_of_the_next() -> None:
    framer = StreamFramer()
    assert framer.feed(INVITE + OPTIONS + FOLDED + INVITE[:40]) == [INVITE, OPTIONS, FOLDED]
    assert framer.inside_message
    assert framer.feed(INVITE[40:]) == [INVITE]
    assert not framer.inside_message


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([INVITE, OPTIONS, FOLDED, BY_NAME["mpart01"].data]), max_size=4), st.data())
def test_the_network_may_cut_anywhere(messages: list[bytes], data: st.DataObject) -> None:
    stream = b"\r\n\r\n".join(messages)
    framer = StreamFramer()
    found: list[bytes] = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += framer.feed(stream[:size])
        stream = stream[size:]
    assert found == messages
    assert framer.take_answers() == b"\r\n" * max(0, len(messages) - 1)


def test_octet_by_octet() -> None:
    framer = StreamFramer()
    found = [message for octet in INVITE + OPTIONS for message in framer.feed(bytes([octet]))]
    assert found == [INVITE, OPTIONS]


def test_keep_alives_between_messages() -> None:
    framer = StreamFramer()
    assert framer.feed(b"\r\n\r\n\r\n\r\n") == []
    assert (framer.take_answers(), framer.take_answers()) == (b"\r\n\r\n", b"")
    assert framer.feed(b"\r\n") == []
    assert framer.take_answers() == b""
    assert framer.feed(OPTIONS + b"\r\n") == [OPTIONS]
    assert framer.feed(OPTIONS) == [OPTIONS]
    assert framer.take_answers() == b""
    assert not framer.inside_message


def test_a_ping_cut_in_two_is_one() -> None:
    framer = StreamFramer()
    framer.feed(b"\r\n\r")
    framer.feed(b"\n")
    assert framer.take_answers() == b"\r\n"


@pytest.mark.parametrize("name", ["Content-Length", "content-length  ", "L", "l ", "CONTENT-LENGTH"])
def test_any_spelling_of_content_length(name: str) -> None:
    message = OPTIONS.replace(b"Content-Length: 0", name.encode() + b":\r\n  \t5") + b"hello"
    assert StreamFramer().feed(message) == [message]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (OPTIONS.replace(b"Content-Length: 0\r\n", b""), 400),
        (BY_NAME["mcl01"].data, 400),
        (with_length("0\r\nl: 0"), 400),
        (with_length("-1"), 400),
        (with_length("0x10"), 400),
        (with_length(""), 400),
        (with_length(str(MAX_MESSAGE)), 513),
        (with_length("9" * 400), 513),
        (OPTIONS.replace(b"Max-Forwards: 0", b"X: " + b"y" * MAX_HEAD), 513),
    ],
)
def test_a_stream_that_cannot_be_cut_is_answered_and_given_up(data: bytes, status: int) -> None:
    with pytest.raises(StreamFramingError) as error:
        StreamFramer().feed(data)
    assert (error.value.status, error.value.answerable) == (status, True)
    assert error.value.request is not None
    assert error.value.request.via.host == parse_host(data)


def parse_host(data: bytes) -> str:
    return "host5.example.net" if data == BY_NAME["mcl01"].data else parse_message(OPTIONS).via.host


def test_what_came_whole_before_the_error_is_not_lost() -> None:
    with pytest.raises(StreamFramingError) as error:
        StreamFramer().feed(INVITE + with_length("x"))
    assert error.value.messages == [INVITE]


def test_an_endless_head_is_not_kept() -> None:
    framer = StreamFramer()
    for _ in range(MAX_HEAD // 1024):
        assert framer.feed(b"a" * 1024) == []
    with pytest.raises(StreamFramingError) as error:
        framer.feed(b"a")
    assert (error.value.status, error.value.answerable) == (513, False)
    assert not framer.inside_message


def test_a_broken_response_is_not_answered() -> None:
    with pytest.raises(StreamFramingError) as error:
        StreamFramer().feed(crlf("SIP/2.0 200 OK\nVia: SIP/2.0/TCP a;branch=z9hG4bK1\n\n"))
    assert not error.value.answerable


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.binary(max_size=30) | st.sampled_from([b"\r\n", b"l: 3\r\n", b"\r\n\r\n", b"A b SIP/2.0\r\n"])
    )
)
def test_any_stream(pieces: list[bytes]) -> None:
    framer = StreamFramer()
    try:
        for piece in pieces:
            for message in framer.feed(piece):
                assert b"\r\n\r\n" in message
    except StreamFramingError as error:
        assert error.status in (400, 513)  # noqa: PT017
