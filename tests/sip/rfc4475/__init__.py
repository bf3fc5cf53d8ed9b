"""The messages of RFC 4475, byte for byte, with what has to become of each."""

from __future__ import annotations

from typing import Final, NamedTuple

ANY: Final = None
"""Accepted: what becomes of it is for the application to say."""
NOT_OURS: Final = (405, 501)
"""A good request with a method that a user agent without a registrar does not serve."""


class Torture(NamedTuple):
    """One message. `refused` is the status of the error that `parse_message` raises, None if it parses.

    `answers` are the final statuses that a user agent may send: () means that it must stay silent,
    None (`ANY`) that the message is good and the answer the application's own."""

    name: str
    section: str
    title: str
    data: bytes
    refused: int | None
    answers: tuple[int, ...] | None


def crlf(text: str) -> bytes:
    """Text with the line ends of the wire."""
    return text.replace("\n", "\r\n").encode()


def sdp(origin: str, connection: str | None = None, *, time: str = "0 0") -> bytes:
    """The body that most of the messages share."""
    return crlf(f"""\
v=0
o=mhandley 29739 7272939 IN IP4 {origin}
s=-
c=IN IP4 {connection or origin}
t={time}
m=audio 49217 RTP/AVP 0 12
m=video 3227 RTP/AVP 31
a=rtpmap:31 LPC
""")
