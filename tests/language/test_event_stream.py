from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from offhook.language.event_stream import LONGEST_EVENT, MOST_BYTES, EventStream

ONE, TWO = {"n": 1, "text": "a\nb"}, {"n": 2, "deep": {"x": [1, {"y": "}"}]}}
LINES = [json.dumps(each).encode() for each in (ONE, TWO)]
PRETTY = json.dumps(TWO, indent=2).encode()

FORMS = {
    "as the standard has it": b"data: %b\n\ndata: %b\n\ndata: [DONE]\n\n" % (*LINES,),
    "no space": b"data:%b\n\ndata:%b\n\ndata:[DONE]\n\n" % (*LINES,),
    "CRLF": b"data: %b\r\n\r\ndata: %b\r\n\r\ndata: [DONE]\r\n\r\n" % (*LINES,),
    "CR": b"data: %b\r\rdata: %b\r\rdata: [DONE]\r\r" % (*LINES,),
    "no DONE": b"data: %b\n\ndata: %b\n\n" % (*LINES,),
    "no end of the last event": b"data: %b\n\ndata: %b" % (*LINES,),
    "no empty lines": b"data: %b\ndata: %b\ndata: [DONE]\n" % (*LINES,),
    "comments and other fields": b": hi\n\nevent: x\nid: 7\nretry: 3\ndata: %b\n\n: ping\n\ndata: %b\n\n"
    % (*LINES,),
    "a byte order mark": b"\xef\xbb\xbfdata: %b\n\ndata: %b\n\n" % (*LINES,),
    "an event in several lines": b"data: %b\r\n\r\ndata: " % LINES[0]
    + PRETTY.replace(b"\n", b"\r\ndata: ")
    + b"\r\n\r\n",
    "a JSON object a line": b"%b\n%b\n" % (*LINES,),
    "indented, without framing": LINES[0] + b"\n\n" + PRETTY,
    "what follows the end": b"data: %b\n\ndata: %b\n\ndata: [DONE]\n\nnonsense" % (*LINES,),
}


def read(body: bytes, size: int) -> list[object]:
    stream = EventStream()
    found: list[object] = []
    for start in range(0, len(body), size):
        found += stream.feed(body[start : start + size])
    return [*found, *stream.end()]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_in_any_pieces(form: str, size: int) -> None:
    assert read(FORMS[form], size) == [ONE, TWO]


@pytest.mark.parametrize(
    "body", [b"data: [1]\n\n", b"data: {broken\n\n", b"hello", b"<html>\n</html>", b'"x"']
)
@pytest.mark.parametrize("size", [1, 100])
def test_what_is_no_object(body: bytes, size: int) -> None:
    with pytest.raises(ValueError, match=r"object|JSON|Expect|delimiter|value|quotes"):
        read(body, size)


def test_nothing_is_nothing() -> None:
    assert read(b"", 1) == read(b"\r\n\n: ping\n\n", 1) == []


@pytest.mark.parametrize(
    "part",
    [
        b"x" * 1000,
        b"data: " + b"x" * 1000,
        b"data: x\n" * 100,
        b"\n" * 1000,
        b": ping\n" * 100,
    ],
)
def test_what_never_ends_is_ended(part: bytes) -> None:
    """However it is made: a line, an event, comments, empty lines, empty objects. Nothing piles up."""
    stream = EventStream()

    def fed() -> None:
        for _ in range(MOST_BYTES // len(part) + 1):
            assert not list(stream.feed(part))
            assert len(stream._held) + len(stream._data) <= LONGEST_EVENT + len(part)

    with pytest.raises(ValueError, match=r"of more than|in more than"):
        fed()


@pytest.mark.parametrize(
    "text",
    [
        b'data: {"a":[' + b"1," * 100_000 + b"1]}\n\n",
        b'{"a":[' + b"{}," * 100_000 + b"{}]}\n",
        b'data: {"a":\ndata: [' + b"1," * 100_000 + b"1]}\n\n",
        b'data: {"a":' + b"7" * 4000 + b"}\n\n",
    ],
)
def test_an_event_of_many_values_or_of_long_numbers_is_none(
    text: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    whole = json.loads

    def counting(given: bytes, **named: Any) -> Any:
        read.append(len(given))
        return whole(given, **named)

    monkeypatch.setattr(json, "loads", counting)
    stream = EventStream()
    with pytest.raises(ValueError, match=r"values|digits"):
        list(itertools.chain(stream.feed(text), stream.end()))
    assert all(length < 5000 for length in read)
