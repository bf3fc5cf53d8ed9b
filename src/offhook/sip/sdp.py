"""Session descriptions, and offer and answer (RFC 3264) for one G.711 audio stream with telephone events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from offhook.network.addresses import Address
from offhook.sip.description import Direction, Media, Origin, RtpMap, SdpError, SessionDescription

__all__ = [
    "CODECS",
    "Direction",
    "Media",
    "MediaAgreement",
    "Origin",
    "RtpMap",
    "SdpError",
    "SessionDescription",
    "accept_answer",
    "answer",
    "intersect",
    "must_serve",
    "offer",
    "reverse",
]

STATIC: Final = {"PCMU": 0, "PCMA": 8}
"""Payload types that need no rtpmap (RFC 3551 §6)."""
_BY_STATIC: Final = {number: RtpMap(number, name, 8000) for name, number in STATIC.items()}

CODECS: Final = ("PCMU", "PCMA")
TELEPHONE_EVENT: Final = 101
"""The payload type that we offer for telephone events."""
EVENTS: Final = "0-15"
"""The sixteen keys (RFC 4733 §3.2)."""
PTIME: Final = 20
"""Milliseconds of audio in a packet that we send and ask for."""

_REVERSED: Final[dict[Direction, Direction]] = {
    "sendrecv": "sendrecv",
    "sendonly": "recvonly",
    "recvonly": "sendonly",
    "inactive": "inactive",
}
_UNSPECIFIED: Final = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to


@dataclass(frozen=True, slots=True)
class MediaAgreement:
    """What both sides agreed on for the audio stream.

    `remote` and `rtcp` are where the peer receives audio and RTCP; they are the same with rtcp-mux.
    `payload_type` and `telephone_event_payload_type` are those to send with (None: no telephone events);
    `ptime` is what the peer would like in ms; `direction` is ours: sendrecv, sendonly, recvonly, inactive."""

    codec: str
    payload_type: int
    telephone_event_payload_type: int | None
    remote: Address
    rtcp: Address
    direction: Direction
    ptime: int = PTIME


def reverse(direction: Direction) -> Direction:
    """The same direction seen from the other side."""
    return _REVERSED[direction]


def intersect(one: Direction, other: Direction) -> Direction:
    """What both of two directions of the same side allow."""
    sends = one in ("sendrecv", "sendonly") and other in ("sendrecv", "sendonly")
    receives = one in ("sendrecv", "recvonly") and other in ("sendrecv", "recvonly")
    if sends:
        return "sendrecv" if receives else "sendonly"
    return "recvonly" if receives else "inactive"


def offer(
    *,
    address: str,
    port: int,
    session_id: int,
    version: int,
    codecs: Sequence[str] = CODECS,
    telephone_event: bool = True,
    direction: Direction = "sendrecv",
) -> SessionDescription:
    """An offer of one audio stream that is received at `address`:`port`."""
    maps = [RtpMap(STATIC[codec], codec, 8000) for codec in codecs]
    media = _audio(port, maps, TELEPHONE_EVENT if telephone_event else None, direction, False)
    return SessionDescription(Origin(session_id, version, address), (media,), address)


def answer(
    offered: SessionDescription,
    *,
    address: str,
    port: int,
    session_id: int,
    version: int,
    codecs: Sequence[str] = CODECS,
    telephone_event: bool = True,
    direction: Direction = "sendrecv",
) -> tuple[SessionDescription, MediaAgreement]:
    """The answer to an offer and what it comes to. `direction` is what we would like.

    Takes the first audio line that can be served, with the offer's first codec among `codecs`, and
    refuses every other line (port 0). SdpError (488) when there is none."""
    chosen = _first_served(offered, codecs)
    if chosen is None:
        raise SdpError(488)
    place, media, codec = chosen
    events = _telephone_event(media) if telephone_event else None
    ours = intersect(direction, reverse(_effective_direction(offered, media)))
    agreement = _agreement(offered, media, codec, events, ours)
    accepted = _audio(port, [codec], events, ours, media.attribute("rtcp-mux") is not None)
    lines = tuple(
        accepted if other == place else Media(line.kind, 0, line.protocol, line.formats)
        for other, line in enumerate(offered.media)
    )
    return SessionDescription(Origin(session_id, version, address), lines, address), agreement


def must_serve(offered: SessionDescription, codecs: Sequence[str] = CODECS) -> None:
    """Raises SdpError as `answer` would, for an offer that cannot be met."""
    chosen = _first_served(offered, codecs)
    if chosen is None:
        raise SdpError(488)
    if offered.address_of(chosen[1]) is None:
        raise SdpError(400, "Missing SDP Connection")


def accept_answer(offered: SessionDescription, answered: SessionDescription) -> MediaAgreement:
    """What the answer to our offer comes to. SdpError (488) when it leaves no audio or breaks RFC 3264 §6."""
    if len(answered.media) != len(offered.media):
        raise SdpError(488, "Answer Does Not Match Offer")
    for ours, theirs in zip(offered.media, answered.media, strict=True):
        offered_codecs = tuple(codec.encoding for codec in _encodings(ours))
        codec = _choose(theirs, offered_codecs)
        if codec is None or ours.kind != theirs.kind:
            continue
        events = _telephone_event(theirs) if _telephone_event(ours) is not None else None
        direction = intersect(offered.direction_of(ours), reverse(_effective_direction(answered, theirs)))
        return _agreement(answered, theirs, codec, events, direction)
    raise SdpError(488)


def _audio(
    port: int, codecs: Sequence[RtpMap], events: int | None, direction: Direction, rtcp_mux: bool
) -> Media:
    attributes: list[tuple[str, str | None]] = [
        ("rtpmap", f"{codec.payload_type} {codec.encoding}/{codec.rate}") for codec in codecs
    ]
    formats = [str(codec.payload_type) for codec in codecs]
    if events is not None:
        formats.append(str(events))
        attributes += [("rtpmap", f"{events} telephone-event/8000"), ("fmtp", f"{events} {EVENTS}")]
    attributes += [("ptime", str(PTIME)), (direction, None)]
    if rtcp_mux:
        attributes.append(("rtcp-mux", None))
    return Media("audio", port, "RTP/AVP", tuple(formats), tuple(attributes))


def _encodings(media: Media) -> Iterator[RtpMap]:
    """The encodings of the formats of a media line, in its order of preference."""
    maps = media.rtpmaps
    for text in media.formats:
        if text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 127:
            encoding = maps.get(int(text)) or _BY_STATIC.get(int(text))
            if encoding is not None:
                yield encoding


def _first_served(offered: SessionDescription, codecs: Sequence[str]) -> tuple[int, Media, RtpMap] | None:
    """The first line that we can serve: its place, itself and the codec for it."""
    for place, media in enumerate(offered.media):
        codec = _choose(media, codecs)
        if codec is not None:
            return place, media, codec
    return None


def _choose(media: Media, codecs: Sequence[str]) -> RtpMap | None:
    """The first encoding among `codecs`, None for a line that we cannot serve."""
    if media.kind != "audio" or media.port == 0 or media.protocol.upper() != "RTP/AVP":
        return None
    for encoding in _encodings(media):
        if encoding.encoding in codecs and encoding.rate == 8000 and encoding.channels == 1:
            return encoding
    return None


def _telephone_event(media: Media) -> int | None:
    for encoding in _encodings(media):
        if encoding.encoding == "TELEPHONE-EVENT" and encoding.rate == 8000:
            return encoding.payload_type
    return None


def _effective_direction(description: SessionDescription, media: Media) -> Direction:
    """The describer's direction; an unspecified address says that it receives nothing (RFC 3264 §8.4)."""
    direction = description.direction_of(media)
    if description.address_of(media) in _UNSPECIFIED:
        return intersect(direction, "sendonly")
    return direction


def _agreement(
    theirs: SessionDescription, media: Media, codec: RtpMap, events: int | None, direction: Direction
) -> MediaAgreement:
    address = theirs.address_of(media)
    rtcp = theirs.rtcp_of(media)
    if address is None or rtcp is None:
        raise SdpError(400, "Missing SDP Connection")
    return MediaAgreement(
        codec.encoding,
        codec.payload_type,
        events,
        Address(address, media.port),
        rtcp,
        direction,
        media.ptime or PTIME,
    )
