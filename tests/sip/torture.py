"""The messages of RFC 4475, octet for octet, and what has to become of each on the wire and in the parser."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final, NamedTuple

FOLDER: Final = Path(__file__).parent / "rfc4475"


class Torture(NamedTuple):
    """One message. `refused` is the status of the error that `parse_message` raises, None if it parses.

    `answers` are the final statuses that a user agent may send: () means that it must stay silent,
    None that the message is good and the answer the application's own."""

    name: str
    section: str
    title: str
    data: bytes
    refused: int | None
    answers: tuple[int, ...] | None


def _read(name: str, section: str, title: str, refused: int | None = None, answers: object = None) -> Torture:
    """`name` is a file's, the rest what `messages.toml` says of it."""
    allowed = tuple(map(int, answers)) if isinstance(answers, list) else None
    return Torture(name, section, title, (FOLDER / f"{name}.sip").read_bytes(), refused, allowed)


MESSAGES: Final = tuple(
    _read(name, **said) for name, said in tomllib.loads((FOLDER / "messages.toml").read_text("utf-8")).items()
)
BY_NAME: Final = {message.name: message for message in MESSAGES}


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
