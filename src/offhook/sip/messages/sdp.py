"""Session descriptions, and offer and answer (RFC 3264) for one audio stream with telephone events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from offhook.network.addresses import Address, plain_host
from offhook.sip.messages.crypto import Crypto, MediaKeys, usable
from offhook.sip.messages.description import (
    Direction,
    MediaDescription,
    Origin,
    RtpMap,
    SdpError,
    SessionDescription,
)

__all__ = [
    "G711",
    "Direction",
    "MediaAgreement",
    "MediaDescription",
    "Origin",
    "RtpMap",
    "SdpError",
    "SessionDescription",
    "accept_answer",
    "answer",
    "intersect",
    "media_host",
    "meets",
    "offer",
    "reverse",
]

G711: Final = (RtpMap(0, "PCMU", 8000), RtpMap(8, "PCMA", 8000))
"""What every phone speaks, under the numbers of RFC 3551 §6."""
_STATIC: Final = {encoding.payload_type: encoding for encoding in G711}
"""Payload types that need no rtpmap (RFC 3551 §6)."""

TELEPHONE_EVENT: Final = 101
"""The payload type that we offer for telephone events."""
_EVENTS: Final = "TELEPHONE-EVENT"
EVENTS: Final = "0-15"
"""The sixteen keys (RFC 4733 §3.2)."""
PROFILES: Final = ("RTP/AVP", "RTP/AVPF")
SECURE_PROFILES: Final = ("RTP/SAVP", "RTP/SAVPF")
"""What we speak; the feedback of the second (RFC 4585) is neither asked for nor given. Under the first ones
audio may be protected too, where both sides have keys for it (RFC 8643)."""
PTIME: Final = 20
"""Milliseconds of audio in a packet that we send and ask for."""

_REVERSED: Final[dict[Direction, Direction]] = {
    "sendrecv": "sendrecv",
    "sendonly": "recvonly",
    "recvonly": "sendonly",
    "inactive": "inactive",
}
_UNSPECIFIED: Final = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to
_BROADCAST: Final = "255.255.255.255"

Reaches = Callable[[str], bool]
"""Whether audio can flow between this node and the host of a c= line."""


@dataclass(frozen=True, slots=True)
class MediaAgreement:
    """What both sides agreed on for the audio stream.

    `remote` and `rtcp` are where the peer receives audio and RTCP; they are the same with rtcp-mux.
    `payload_type` and `telephone_event_payload_type` are those to send with (None: no telephone events);
    `direction` is ours: sendrecv, sendonly, recvonly, inactive;
    `profile` is that of the m= lines. `receives` is all that may come, one for each payload type, telephone
    events among them: what either side offered or answered, under its own numbers (RFC 3264 §5.1, §6.1).
    `srtp`: our line of a=crypto and the peer's, None where audio is not protected."""

    codec: str
    payload_type: int
    telephone_event_payload_type: int | None
    remote: Address
    rtcp: Address
    direction: Direction
    profile: str = PROFILES[0]
    receives: tuple[RtpMap, ...] = ()
    srtp: tuple[Crypto, Crypto] | None = None


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
    codecs: Sequence[RtpMap] = G711,
    telephone_event: int | None = TELEPHONE_EVENT,
    direction: Direction = "sendrecv",
    profile: str | None = None,
    keys: MediaKeys | None = None,
) -> SessionDescription:
    """An offer of one audio stream that is received at `address`:`port`. In a session that goes on,
    `telephone_event` and `profile` are the ones it has (RFC 3264 §8.3). `codecs`: what we take, the one that
    we like best first; telephone events go by the clock of that one."""
    if profile is None:
        profile = SECURE_PROFILES[0] if keys is not None and keys.must else PROFILES[0]
    cryptos = () if keys is None else keys.offering()
    media = _audio(port, profile, codecs, telephone_event, direction, False, cryptos)
    return SessionDescription(Origin(session_id, version, address), (media,), address)


def answer(
    offered: SessionDescription,
    *,
    address: str,
    port: int,
    session_id: int,
    version: int,
    codecs: Sequence[RtpMap] = G711,
    keys: MediaKeys | None = None,
) -> tuple[SessionDescription, MediaAgreement]:
    """The answer to an offer and what it comes to.

    Takes the first audio line that can be served from `address`, one with keys before others, with the
    offer's first codec among ours, and refuses every other line (port 0). SdpError (488) when there is
    none."""
    place, media, codec = _first_served(offered, codecs, lambda host: meets(address, host), keys)
    events = _telephone_event(media, codec)
    ours = reverse(_effective_direction(offered, media))
    theirs = _offered_keys(media, keys)
    srtp = None if theirs is None or keys is None else (keys.answering(theirs), theirs)
    if srtp is None and keys is not None:
        keys.lapsed()
    agreement = _agreement(offered, media, codec, events, ours, _common(media, codec, codecs), srtp)
    mux = media.attribute("rtcp-mux") is not None
    accepted = _audio(port, media.protocol, [codec], events, ours, mux, () if srtp is None else srtp[:1])
    lines = tuple(
        accepted if other == place else MediaDescription(line.kind, 0, line.protocol, line.formats)
        for other, line in enumerate(offered.media)
    )
    return SessionDescription(Origin(session_id, version, address), lines, address), agreement


def media_host(
    offered: SessionDescription,
    reaches: Reaches,
    codecs: Sequence[RtpMap] = G711,
    keys: MediaKeys | None = None,
) -> str:
    """The host of the line that `answer` will take. Raises SdpError as it would, for an offer that cannot be
    met."""
    _, media, _ = _first_served(offered, codecs, reaches, keys)
    return _host(offered, media) or ""


@lru_cache(maxsize=1024)
def meets(ours: str, theirs: str) -> bool:
    """Whether audio can flow between an address of ours and the host of a peer's c= line: not one of the
    other family, no name, nothing that many hosts listen to. The unspecified address asks for nothing to be
    sent, whatever its family."""
    if theirs in _UNSPECIFIED:
        return True
    try:
        address = ip_address(theirs)
    except ValueError:
        return False
    return (":" in ours) == (":" in theirs) and not address.is_multicast and theirs != _BROADCAST


def accept_answer(
    offered: SessionDescription, answered: SessionDescription, keys: MediaKeys | None = None
) -> MediaAgreement:
    """What the answer to our offer comes to. SdpError (488) when it leaves no audio or breaks RFC 3264 §6."""
    if len(answered.media) != len(offered.media):
        raise SdpError(488, "Answer Does Not Match Offer")
    own = offered.address or ""
    for ours, theirs in zip(offered.media, answered.media, strict=True):
        offered_codecs = [one for one in _encodings(ours) if one.encoding != _EVENTS]
        codec = _choose(theirs, offered_codecs)
        if codec is None or ours.kind != theirs.kind:
            continue
        srtp = _answered_keys(ours, theirs)
        if srtp is None and (ours.protocol in SECURE_PROFILES or (keys is not None and keys.must)):
            raise SdpError(488, "Answer Without Keys")
        if keys is not None:
            keys.agreed(*srtp) if srtp is not None else keys.lapsed()
        host = _host(answered, theirs)
        if host is not None and not meets(own, host):
            raise SdpError(488, "Media Address Cannot Be Reached")
        offers_events = any(one.encoding == _EVENTS for one in _encodings(ours))
        events = _telephone_event(theirs, codec) if offers_events else None
        direction = intersect(offered.direction_of(ours), reverse(_effective_direction(answered, theirs)))
        # What we offered is what we said we take; the peer's own numbers are what some send all the same.
        receives = (*_common(ours, None, offered_codecs), *_common(theirs, codec, offered_codecs))
        return _agreement(answered, theirs, codec, events, direction, receives, srtp)
    raise SdpError(488)


def _audio(
    port: int,
    profile: str,
    codecs: Sequence[RtpMap],
    events: int | None,
    direction: Direction,
    rtcp_mux: bool,
    cryptos: Iterable[Crypto],
) -> MediaDescription:
    attributes: list[tuple[str, str | None]] = [
        ("rtpmap", f"{codec.payload_type} {_named(codec)}") for codec in codecs
    ]
    formats = [str(codec.payload_type) for codec in codecs]
    if events is not None:
        formats.append(str(events))
        attributes += [
            ("rtpmap", f"{events} telephone-event/{codecs[0].rate}"),
            ("fmtp", f"{events} {EVENTS}"),
        ]
    attributes += [("ptime", str(PTIME)), (direction, None)]
    if rtcp_mux:
        attributes.append(("rtcp-mux", None))
    attributes += [("crypto", str(one)) for one in cryptos]
    return MediaDescription("audio", port, profile, tuple(formats), tuple(attributes))


@lru_cache(maxsize=32)
def _encodings(media: MediaDescription) -> Sequence[RtpMap]:
    """The encodings of the formats of a media line, in its order of preference. For a payload type that is
    mapped more than once each of them, beginning with the one that RFC 3551 gives it. Kept for a while, since
    each step of an offer and its answer looks at them."""
    maps = media.rtpmaps
    found: list[RtpMap] = []
    written = [int(text) for text in media.formats if text.isascii() and text.isdigit() and len(text) <= 3]
    for number in dict.fromkeys(written):
        static = _STATIC.get(number)
        named = maps.get(number, [static] if static else [])
        if number <= 127:
            found += sorted(named, key=lambda encoding: encoding != static)
    return found


def _named(codec: RtpMap) -> str:
    """As in a=rtpmap (RFC 8866 §6.6)."""
    channels = f"/{codec.channels}" if codec.channels > 1 else ""
    return f"{codec.encoding}/{codec.rate}{channels}"


def _first_served(
    offered: SessionDescription, codecs: Sequence[RtpMap], reaches: Reaches, keys: MediaKeys | None
) -> tuple[int, MediaDescription, RtpMap]:
    """The first line that we can serve, of those with keys before others: its place, itself and the codec for
    it. SdpError when there is none."""
    problem = SdpError(488)
    lines = sorted(enumerate(offered.media), key=lambda line: _offered_keys(line[1], keys) is None)
    for place, media in lines:
        codec = _choose(media, codecs)
        if codec is None or not _may_be(media, keys):
            continue
        host = _host(offered, media)
        if host is None:
            problem = SdpError(400, "Missing SDP Connection")
        elif reaches(host):
            return place, media, codec
        else:
            problem = SdpError(488, "Media Address Cannot Be Reached")
    raise problem


def _choose(media: MediaDescription, codecs: Sequence[RtpMap]) -> RtpMap | None:
    """The first encoding that is among `codecs`, None for a line that we cannot serve."""
    profile = media.protocol.upper()
    if media.kind != "audio" or media.port == 0 or profile not in (*PROFILES, *SECURE_PROFILES):
        return None
    return next((encoding for encoding in _encodings(media) if _is_one_of(encoding, codecs)), None)


def _offered_keys(media: MediaDescription, keys: MediaKeys | None) -> Crypto | None:
    """The first line of keys that we can speak, where keys may be told."""
    if keys is None or not keys.may:
        return None
    return next(iter(_cryptos(media)), None)


def _cryptos(media: MediaDescription) -> Sequence[Crypto]:
    return usable(value for name, value in media.attributes if name == "crypto")


def _may_be(media: MediaDescription, keys: MediaKeys | None) -> bool:
    """Whether an offered line may be taken, protected or not."""
    if _offered_keys(media, keys) is not None:
        return True
    return media.protocol.upper() in PROFILES and (keys is None or not keys.must)


def _answered_keys(ours: MediaDescription, theirs: MediaDescription) -> tuple[Crypto, Crypto] | None:
    """Our line that the answer took, and its own (RFC 4568 §5.1.3). SdpError (488) for any other one."""
    answered = _cryptos(theirs)
    if not answered:
        return None
    for own in _cryptos(ours):
        if (own.tag, own.suite) == (answered[0].tag, answered[0].suite):
            return own, answered[0]
    raise SdpError(488, "Answer With Other Keys")


def _is_one_of(encoding: RtpMap, codecs: Sequence[RtpMap]) -> bool:
    """Whatever number it has on either side."""
    return any(encoding.format == codec.format for codec in codecs)


def _telephone_event(media: MediaDescription, codec: RtpMap) -> int | None:
    """The payload type for telephone events by the clock of `codec` (RFC 4733 §2.1), another one than its
    own."""
    for encoding in _encodings(media):
        if _is_event(encoding, codec.rate) and encoding.payload_type != codec.payload_type:
            return encoding.payload_type
    return None


def _is_event(encoding: RtpMap, rate: int) -> bool:
    return encoding.format == (_EVENTS, rate, 1)


def _common(media: MediaDescription, codec: RtpMap | None, codecs: Sequence[RtpMap]) -> Iterator[RtpMap]:
    """All that we understand of a line, the chosen codec first."""
    if codec is not None:
        yield codec
    rates = {one.rate for one in codecs}
    for encoding in _encodings(media):
        if _is_one_of(encoding, codecs) or (encoding.rate in rates and _is_event(encoding, encoding.rate)):
            yield encoding


def _host(description: SessionDescription, media: MediaDescription) -> str | None:
    """Of the c= line that holds for `media`, in its one spelling."""
    host = description.address_of(media)
    return None if host is None else plain_host(host)


def _effective_direction(description: SessionDescription, media: MediaDescription) -> Direction:
    """The describer's direction; an unspecified address says that it receives nothing (RFC 3264 §8.4)."""
    direction = description.direction_of(media)
    if _host(description, media) in _UNSPECIFIED:
        return intersect(direction, "sendonly")
    return direction


def _agreement(
    theirs: SessionDescription,
    media: MediaDescription,
    codec: RtpMap,
    events: int | None,
    direction: Direction,
    receives: Iterable[RtpMap],
    srtp: tuple[Crypto, Crypto] | None,
) -> MediaAgreement:
    host = _host(theirs, media)
    rtcp = theirs.rtcp_of(media)
    if host is None or rtcp is None:
        raise SdpError(400, "Missing SDP Connection")
    by_number: dict[int, RtpMap] = {}
    for encoding in receives:
        by_number.setdefault(encoding.payload_type, encoding)
    return MediaAgreement(
        codec.encoding,
        codec.payload_type,
        events,
        Address(host, media.port),
        Address(plain_host(rtcp.host), rtcp.port),
        direction,
        media.protocol,
        tuple(by_number.values()),
        srtp,
    )
