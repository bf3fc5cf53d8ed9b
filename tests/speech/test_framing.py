from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.speech.framing import MAX_FRAME, Frame, FrameReader, FramingError, pack

heads = st.dictionaries(
    st.text(max_size=10), st.none() | st.booleans() | st.integers() | st.text(max_size=20), max_size=5
)


@given(st.lists(st.tuples(heads, st.binary(max_size=300)), max_size=5), st.integers(1, 50))
@settings(max_examples=50, deadline=None)
def test_frames_come_back_whole_from_pieces_of_any_size(
    sent: list[tuple[dict[str, Any], bytes]], size: int
) -> None:
    data = b"".join(pack(head, blob) for head, blob in sent)
    unpacker = FrameReader()
    received = [frame for at in range(0, len(data), size) for frame in unpacker.feed(data[at : at + size])]
    assert received == [Frame(head, blob) for head, blob in sent]


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_other_bytes_wait_or_are_refused(data: bytes) -> None:
    try:
        list(FrameReader().feed(data))
    except FramingError:
        pass


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xff\xff\xff\0\0\0\2{}",
        b"\0\0\0\6\0\0\0\3{}",
        b"\0\0\0\6\0\0\0\2[]",
        b"\0\0\0\6\0\0\0\2{x",
    ],
)
def test_nonsense_is_refused(data: bytes) -> None:
    with pytest.raises(FramingError):
        list(FrameReader().feed(data))


def test_too_long_a_frame_is_not_sent() -> None:
    with pytest.raises(FramingError):
        pack({}, bytes(MAX_FRAME))
