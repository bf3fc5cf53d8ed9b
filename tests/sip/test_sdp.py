"""Session descriptions, offers and answers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.network.addresses import Address
from offhook.sip.messages import sdp as sdp_module
from offhook.sip.messages.description import MAX_FORMATS, MAX_LINES, MAX_MEDIA
from offhook.sip.messages.sdp import (
    G711,
    Direction,
    MediaAgreement,
    RtpMap,
    SdpError,
    SessionDescription,
    accept_answer,
    answer,
    intersect,
    media_host,
    offer,
    reverse,
)
from tests.saved import begins_with
from tests.sip.torture import crlf, sdp

PCMU, PCMA = G711

HEAD = """\
v=0
o=alice 2890844526 2890844527 IN IP4 host.atlanta.example.com
s=call
c=IN IP4 192.0.2.10
t=0 0
"""
AUDIO = """\
m=audio 49170 RTP/AVP 0 8 97 101
a=rtpmap:97 iLBC/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=ptime:30
"""


def parse(text: str) -> SessionDescription:
    return SessionDescription.parse(crlf(text))


def agree(text: str) -> tuple[SessionDescription, MediaAgreement]:
    return answer(parse(text), address="203.0.113.5", port=40000, session_id=7, version=1)


def lines(description: SessionDescription) -> list[str]:
    return description.to_bytes().decode().split("\r\n")


# -- descriptions -----------------------------------------------------------------------------------


def test_a_description_is_read() -> None:
    description = parse(
        HEAD
        + "b=AS:64\na=sendonly\na=group:BUNDLE 0\n"
        + AUDIO
        + "m=video 0 RTP/AVP 31\nc=IN IP4 192.0.2.11\n"
    )
    assert (description.origin.session_id, description.origin.version) == (2890844526, 2890844527)
    assert (description.origin.username, description.origin.address) == ("alice", "host.atlanta.example.com")
    audio, video = description.media
    assert (audio.kind, audio.port, audio.protocol, audio.formats) == (
        "audio",
        49170,
        "RTP/AVP",
        ("0", "8", "97", "101"),
    )
    assert [one.encoding for one in audio.rtpmaps[97]] == ["ILBC"]
    assert description.direction_of(audio) == "sendonly"
    assert (description.address_of(audio), description.address_of(video)) == ("192.0.2.10", "192.0.2.11")


def test_what_is_kept_is_written_as_it_came() -> None:
    text = HEAD + "a=recvonly\n" + AUDIO + "m=video 0 RTP/AVP 31\nc=IN IP6 2001:db8::5\na=inactive\n"
    assert parse(text).to_bytes() == crlf(text)


def test_lines_may_end_in_lf_alone() -> None:
    assert SessionDescription.parse((HEAD + AUDIO).encode()) == parse(HEAD + AUDIO)


def test_blanks_between_and_after_the_fields_of_a_line_count_for_nothing() -> None:
    (media,) = parse(HEAD + "m=audio 4000 RTP/AVP  0 101  \na=rtpmap:101  telephone-event/8000 \n").media
    assert media.formats == ("0", "101")
    assert media.rtpmaps[101][0].encoding == "TELEPHONE-EVENT"


def test_a_phones_display_name_in_the_origin_is_let_through() -> None:
    assert parse(HEAD.replace("o=alice", "o=Alice at home")).origin.username == "Alice at home"


def test_multicast_addresses_lose_their_ttl() -> None:
    assert parse(HEAD.replace("192.0.2.10", "224.2.1.1/127/3")).address == "224.2.1.1"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "v=1\n",
        "v=0\n",
        "v=0\nx\n",
        HEAD + "m =audio 1 RTP/AVP 0\n",
        HEAD + "m=audio\n",
        HEAD + "m=audio x RTP/AVP 0\n",
        HEAD + "m=audio 65536 RTP/AVP 0\n",
        HEAD + "m=audio 1 RTP/AVP\n",
        HEAD + "c=IN IP4\n",
        HEAD + "c=IN IP4 192.0.2.300\n",
        HEAD + "c=IN IP6 ::1::\n",
        HEAD + "c=IN IP4 a b\n",
        HEAD + "c=IN IP4 a!b\n",
        "v=0\no=- 1 IN IP4 a\n",
        HEAD + "a=\x00\n",
        HEAD + "a=x\n" * MAX_LINES,
        HEAD + AUDIO * (MAX_MEDIA + 1),
        HEAD + f"m=audio 1 RTP/AVP{' 0' * 129}\n",
        HEAD + "a=x" * 20000,
    ],
)
def test_malformed_descriptions(text: str) -> None:
    with pytest.raises(SdpError) as error:
        parse(text)
    assert error.value.status in (400, 413)


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=300)
    | st.lists(st.sampled_from([*(HEAD + AUDIO).splitlines(), "a=", "m=", "c="])).map(
        lambda some: "\n".join(["v=0", "o=- 1 1 IN IP4 a", *some]).encode()
    )
)
@begins_with("sdp")
def test_any_octets_are_a_description_or_an_error(data: bytes) -> None:
    try:
        description = SessionDescription.parse(data)
    except SdpError:
        return
    again = SessionDescription.parse(description.to_bytes())
    assert again == description
    for media in description.media:
        description.rtcp_of(media)
        description.direction_of(media)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_mutated_offer_is_answered_or_refused(data: st.DataObject) -> None:
    octets = bytearray(crlf(HEAD + AUDIO))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(octets)))
        octets[start : start + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=4))
    try:
        offered = SessionDescription.parse(bytes(octets))
        ours, agreement = answer(offered, address="::1", port=4000, session_id=1, version=1)
    except SdpError:
        return
    assert len(ours.media) == len(offered.media)
    assert agreement.codec in ("PCMU", "PCMA")


# -- RTCP's place -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attribute", "rtcp"),
    [
        ("", Address("192.0.2.10", 49171)),
        ("a=rtcp:53020\n", Address("192.0.2.10", 53020)),
        ("a=rtcp:53020 IN IP4 126.16.64.4\n", Address("126.16.64.4", 53020)),
        ("a=rtcp:53020 IN IP6 2001:db8::4\n", Address("2001:db8::4", 53020)),
        ("a=rtcp:0\n", Address("192.0.2.10", 49171)),
        ("a=rtcp:99999\n", Address("192.0.2.10", 49171)),
        ("a=rtcp:53020 IN IP4 nowhere at all\n", Address("192.0.2.10", 53020)),
        ("a=rtcp-mux\na=rtcp:53020\n", Address("192.0.2.10", 49170)),
    ],
)
def test_where_rtcp_goes(attribute: str, rtcp: Address) -> None:
    ours, agreement = agree(HEAD + AUDIO + attribute)
    assert agreement.rtcp == rtcp
    assert ("a=rtcp-mux" in lines(ours)) == ("mux" in attribute)


# -- answers ----------------------------------------------------------------------------------------


def test_an_ordinary_answer() -> None:
    ours, agreement = agree(HEAD + AUDIO)
    assert ours.to_bytes() == crlf("""\
v=0
o=- 7 1 IN IP4 203.0.113.5
s=-
c=IN IP4 203.0.113.5
t=0 0
m=audio 40000 RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
a=sendrecv
""")
    assert agreement == MediaAgreement(
        codec="PCMU",
        payload_type=0,
        telephone_event_payload_type=101,
        remote=Address("192.0.2.10", 49170),
        rtcp=Address("192.0.2.10", 49171),
        direction="sendrecv",
        profile="RTP/AVP",
        receives=(
            RtpMap(0, "PCMU", 8000),
            RtpMap(8, "PCMA", 8000),
            RtpMap(101, "TELEPHONE-EVENT", 8000),
        ),
    )


def received(agreement: MediaAgreement) -> dict[int, str]:
    return {one.payload_type: one.encoding for one in agreement.receives}


EVENTS = "TELEPHONE-EVENT"


@pytest.mark.parametrize(
    ("formats", "attributes", "receives"),
    [
        ("0 8", "", {0: "PCMU", 8: "PCMA"}),
        ("8 96 0 18", "a=rtpmap:96 PCMU/8000\n", {8: "PCMA", 96: "PCMU", 0: "PCMU"}),
        ("0 0 8 13", "", {0: "PCMU", 8: "PCMA"}),
        (
            "0 98 101 102",
            "a=rtpmap:98 telephone-event/48000\na=rtpmap:101 telephone-event/8000\n"
            "a=rtpmap:102 telephone-event/8000\n",
            {0: "PCMU", 101: EVENTS, 102: EVENTS},
        ),
    ],
)
def test_all_that_an_offer_has_and_we_understand_may_come(
    formats: str, attributes: str, receives: dict[int, str]
) -> None:
    """RFC 3264 §5.1: the peer may send what both have, and some switch in mid-call."""
    _, agreement = agree(f"{HEAD}m=audio 4000 RTP/AVP {formats}\n{attributes}")
    assert received(agreement) == receives


@pytest.mark.parametrize(
    ("formats", "attributes", "codec", "number", "events"),
    [
        # A PBX that writes each map twice, and one that maps a number to two rates.
        ("0 101", "a=rtpmap:101 telephone-event/8000\na=rtpmap:101 telephone-event/8000\n", "PCMU", 0, 101),
        ("0 101", "a=rtpmap:101 telephone-event/48000\na=rtpmap:101 telephone-event/8000\n", "PCMU", 0, 101),
        ("0 101", "a=rtpmap:101 telephone-event/8000\na=rtpmap:101 telephone-event/16000\n", "PCMU", 0, 101),
        ("96 101", "a=rtpmap:96 opus/48000/2\na=rtpmap:96 PCMA/8000\n", "PCMA", 96, None),
        ("96 101", "a=rtpmap:96 PCMA/16000\na=rtpmap:96 PCMA/8000\n", "PCMA", 96, None),
        ("8", "a=rtpmap:8 PCMU/8000\na=rtpmap:8 PCMA/8000\n", "PCMA", 8, None),
        ("0", "a=rtpmap:0 G726-32/8000\na=rtpmap:0 PCMU/8000\n", "PCMU", 0, None),
        ("0", "a=rtpmap:0 PCMU\na=rtpmap:0 PCMU/8000\n", "PCMU", 0, None),
        ("101 0", "a=rtpmap:101 PCMA/8000\na=rtpmap:101 telephone-event/8000\n", "PCMA", 101, None),
        (
            "101 102",
            "a=rtpmap:101 telephone-event/8000\na=rtpmap:101 PCMA/8000\na=rtpmap:102 telephone-event/8000\n",
            "PCMA",
            101,
            102,
        ),
    ],
)
def test_of_several_maps_of_a_payload_type_the_one_that_fits_is_chosen(
    formats: str, attributes: str, codec: str, number: int, events: int | None
) -> None:
    ours, agreement = agree(f"{HEAD}m=audio 4000 RTP/AVP {formats}\n{attributes}")
    chosen = (agreement.codec, agreement.payload_type, agreement.telephone_event_payload_type)
    assert chosen == (codec, number, events)
    assert len(ours.media[0].formats) == 1 + (events is not None)
    assert received(agreement)[number] == codec


def test_a_payload_type_is_looked_at_once_however_often_it_is_listed_and_mapped() -> None:
    maps = "a=rtpmap:101 opus/48000/2\n" * 900
    offered = parse(f"{HEAD}m=audio 4000 RTP/AVP{' 101' * 127} 0\n{maps}")
    assert len(list(sdp_module._encodings(offered.media[0]))) == 901
    assert agree(f"{HEAD}m=audio 4000 RTP/AVP{' 101' * 127} 0\n{maps}")[1].codec == "PCMU"


@pytest.mark.parametrize("profile", ["RTP/AVP", "RTP/AVPF", "rtp/avpf"])
def test_the_profile_is_answered_as_it_was_offered_and_feedback_is_none_of_ours(profile: str) -> None:
    feedback = "a=rtcp-fb:* nack\na=rtcp-fb:0 ccm tmmbr\na=rtcp-rsize\n"
    ours, agreement = agree(HEAD + AUDIO.replace("RTP/AVP", profile) + feedback)
    assert (ours.media[0].protocol, agreement.profile) == (profile, profile)
    assert not any("rtcp-" in line for line in lines(ours))
    assert agreement.codec == "PCMU"


V6 = "c=IN IP6 2001:db8::10\n"
NAMED = "c=IN IP4 media.example.com\n"


@pytest.mark.parametrize(
    "connection",
    [
        V6,
        NAMED,
        "c=IN IP6 media.example.com\n",
        "c=IN IP4 224.2.1.1/127\n",
        "c=IN IP4 239.255.0.1\n",
        "c=IN IP6 ff0e::1\n",
        "c=IN IP4 255.255.255.255\n",
    ],
)
def test_an_offer_from_where_no_audio_can_flow_is_488(connection: str) -> None:
    for text in (HEAD.replace("c=IN IP4 192.0.2.10\n", connection) + AUDIO, HEAD + AUDIO + connection):
        with pytest.raises(SdpError) as error:
            agree(text)
        assert error.value.status == 488


@pytest.mark.parametrize("address", ["::1", "2001:db8::5"])
def test_an_ipv4_offer_to_an_ipv6_address_is_488(address: str) -> None:
    with pytest.raises(SdpError) as error:
        answer(parse(HEAD + AUDIO), address=address, port=4000, session_id=1, version=1)
    assert error.value.status == 488


@pytest.mark.parametrize("connection", [V6, NAMED, "c=IN IP4 224.2.1.1/127\n"])
def test_the_line_that_can_be_served_is_taken_wherever_it_is(connection: str) -> None:
    """Each line has its own c= (RFC 8866 §5.7): one for each family, as in RFC 4091."""
    ours, agreement = agree(f"{HEAD}a=group:ANAT 1 2\nm=audio 5000 RTP/AVP 0\n{connection}{AUDIO}")
    assert [media.port for media in ours.media] == [0, 40000]
    assert agreement.remote == Address("192.0.2.10", 49170)
    ours, agreement = agree(
        HEAD.replace("c=IN IP4 192.0.2.10\n", connection) + AUDIO + "c=IN IP4 192.0.2.44\n"
    )
    assert agreement.remote == Address("192.0.2.44", 49170)


@pytest.mark.parametrize(
    ("written", "host"),
    [("IP6 ::ffff:192.0.2.10", "192.0.2.10"), ("IP6 ::FFFF:C000:020A", "192.0.2.10"), ("IP6 0::0", "::")],
)
def test_an_ipv6_address_is_read_as_what_it_stands_for(written: str, host: str) -> None:
    assert agree(HEAD.replace("IP4 192.0.2.10", written) + AUDIO)[1].remote.host == host


def test_the_host_of_the_line_that_would_be_taken() -> None:
    text = f"{HEAD}m=audio 5000 RTP/AVP 0\n{V6}{AUDIO}"
    assert media_host(parse(text), lambda host: True) == "2001:db8::10"
    assert media_host(parse(text), lambda host: ":" not in host) == "192.0.2.10"
    with pytest.raises(SdpError, match="488"):
        media_host(parse(text), lambda host: False)
    with pytest.raises(SdpError, match="488"):
        media_host(parse(HEAD), lambda host: True)


@pytest.mark.parametrize(
    ("formats", "attributes", "codec", "number"),
    [
        ("8 0", "", "PCMA", 8),
        ("18 3 8", "", "PCMA", 8),
        ("9 96 0", "a=rtpmap:96 pcma/8000/1\n", "PCMA", 96),
        ("96 0", "a=rtpmap:96 PCMU/16000\n", "PCMU", 0),
        ("96 8", "a=rtpmap:96 PCMU/8000/2\n", "PCMA", 8),
        ("0 8", "a=rtpmap:0 G726-32/8000\n", "PCMA", 8),
        ("200 x 0", "", "PCMU", 0),
    ],
)
def test_the_first_codec_that_we_serve_under_the_offers_number(
    formats: str, attributes: str, codec: str, number: int
) -> None:
    ours, agreement = agree(f"{HEAD}m=audio 4000 RTP/AVP {formats}\n{attributes}")
    assert (agreement.codec, agreement.payload_type) == (codec, number)
    assert ours.media[0].formats == (str(number),)
    assert [one.encoding for one in ours.media[0].rtpmaps[number]] == [codec]


def test_telephone_events_keep_their_number_and_need_8000_hz() -> None:
    text = (
        HEAD
        + """\
m=audio 4000 RTP/AVP 0 98 110
a=rtpmap:98 telephone-event/48000
a=rtpmap:110 Telephone-Event/8000
"""
    )
    ours, agreement = agree(text)
    assert agreement.telephone_event_payload_type == 110
    assert ours.media[0].formats == ("0", "110")


def test_without_telephone_events_there_are_none() -> None:
    ours, agreement = agree(f"{HEAD}m=audio 4000 RTP/AVP 0\n")
    assert (agreement.telephone_event_payload_type, ours.media[0].formats) == (None, ("0",))


def test_other_lines_are_refused_in_their_place() -> None:
    ours, agreement = agree(
        f"{HEAD}m=video 5000 RTP/AVP 31\nm=audio 6000 RTP/SAVP 0\nm=audio 0 RTP/AVP 0\n{AUDIO}"
        "m=audio 7000 RTP/AVP 8\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\n"
    )
    assert [(media.kind, media.port, media.protocol) for media in ours.media] == [
        ("video", 0, "RTP/AVP"),
        ("audio", 0, "RTP/SAVP"),
        ("audio", 0, "RTP/AVP"),
        ("audio", 40000, "RTP/AVP"),
        ("audio", 0, "RTP/AVP"),
        ("application", 0, "UDP/DTLS/SCTP"),
    ]
    assert ours.media[5].formats == ("webrtc-datachannel",)
    assert agreement.remote == Address("192.0.2.10", 49170)


@pytest.mark.parametrize(
    "media",
    [
        "",
        "m=video 5000 RTP/AVP 31\n",
        "m=audio 5000 RTP/AVP 18 9\n",
        "m=audio 5000 RTP/SAVP 0\n",
        "m=audio 5000 RTP/SAVPF 0\n",
        "m=audio 5000 RTP/AVP/TCP 0\n",
        "m=audio 5000 TCP/RTP/AVP 0\n",
        "m=audio 5000 RTP/AVPX 0\n",
        "m=audio 5000 udp 0\n",
        "m=audio 5000 UDP/TLS/RTP/SAVPF 0\n",
        "m=audio 0 RTP/AVP 0\n",
    ],
)
def test_no_audio_in_common_is_488(media: str) -> None:
    with pytest.raises(SdpError) as error:
        agree(HEAD + media)
    assert error.value.status == 488


def test_an_offer_that_says_no_address_is_400() -> None:
    with pytest.raises(SdpError, match="400 Missing SDP Connection"):
        agree("v=0\no=- 1 1 IN IP4 a\ns=-\nt=0 0\n" + AUDIO)


@pytest.mark.parametrize(
    ("offered", "ours"),
    [
        ("a=sendrecv\n", "sendrecv"),
        ("a=sendonly\n", "recvonly"),
        ("a=recvonly\n", "sendonly"),
        ("a=inactive\n", "inactive"),
        ("", "sendrecv"),
        ("c=IN IP4 0.0.0.0\n", "recvonly"),
        ("c=IN IP4 0.0.0.0\na=recvonly\n", "inactive"),
        ("c=IN IP6 ::\n", "recvonly"),
    ],
)
def test_hold(offered: str, ours: Direction) -> None:
    answered, agreement = agree(HEAD + AUDIO + offered)
    assert agreement.direction == ours
    assert f"a={ours}" in lines(answered)


def test_the_medias_direction_goes_before_the_sessions() -> None:
    assert agree(HEAD + "a=inactive\n" + AUDIO)[1].direction == "inactive"
    assert agree(HEAD + "a=inactive\n" + AUDIO + "a=sendrecv\n")[1].direction == "sendrecv"


def test_directions() -> None:
    every: tuple[Direction, ...] = ("sendrecv", "sendonly", "recvonly", "inactive")
    assert [reverse(direction) for direction in every] == ["sendrecv", "recvonly", "sendonly", "inactive"]
    for one in every:
        assert intersect(one, "sendrecv") == one
        assert intersect(one, "inactive") == "inactive"
    assert intersect("sendonly", "recvonly") == "inactive"


def test_ipv6_is_answered_in_ipv6() -> None:
    ours, agreement = answer(
        parse(HEAD.replace("IN IP4 192.0.2.10", "IN IP6 2001:db8::10") + AUDIO),
        address="2001:db8::5",
        port=4000,
        session_id=1,
        version=1,
    )
    assert agreement.remote == Address("2001:db8::10", 49170)
    assert "c=IN IP6 2001:db8::5" in lines(ours)
    assert "o=- 1 1 IN IP6 2001:db8::5" in lines(ours)


def test_the_torture_messages_offer_can_be_answered() -> None:
    ours, agreement = answer(
        SessionDescription.parse(sdp("192.0.2.1")), address="192.0.2.9", port=9, session_id=1, version=1
    )
    assert agreement.remote == Address("192.0.2.1", 49217)
    assert [media.port for media in ours.media] == [9, 0]


# -- offers -----------------------------------------------------------------------------------------


def our_offer(**changes: Any) -> SessionDescription:
    values: dict[str, Any] = {"address": "203.0.113.5", "port": 40000, "session_id": 7, "version": 1}
    return offer(**{**values, **changes})


def test_an_offer_and_its_answer_agree() -> None:
    ours = our_offer(codecs=(PCMA, PCMU))
    assert ours.media[0].formats == ("8", "0", "101")
    theirs, at_peer = answer(ours, address="198.51.100.1", port=3000, session_id=1, version=1)
    here = accept_answer(ours, theirs)
    assert (here.codec, here.payload_type, here.telephone_event_payload_type) == ("PCMA", 8, 101)
    assert (at_peer.codec, at_peer.remote) == ("PCMA", Address("203.0.113.5", 40000))
    assert here.remote == Address("198.51.100.1", 3000)


def test_an_answer_may_hold() -> None:
    ours = our_offer()
    theirs = parse(HEAD + AUDIO + "a=sendonly\n")
    assert accept_answer(ours, theirs).direction == "recvonly"
    held = our_offer(direction="sendonly")
    theirs, _ = answer(held, address="198.51.100.1", port=3000, session_id=1, version=1)
    assert accept_answer(held, theirs).direction == "sendonly"


def test_an_offer_without_telephone_events_gets_none() -> None:
    ours = our_offer(telephone_event=None, codecs=(PCMA,))
    assert ours.media[0].formats == ("8",)
    theirs = parse(HEAD + AUDIO.replace(" 0 8", " 8"))
    assert accept_answer(ours, theirs).telephone_event_payload_type is None


@pytest.mark.parametrize(
    "answered",
    [
        HEAD,
        HEAD + "m=audio 0 RTP/AVP 0\n",
        HEAD + "m=audio 4000 RTP/AVP 18\n",
        HEAD + "m=video 4000 RTP/AVP 0\n",
        HEAD + AUDIO + AUDIO,
    ],
)
def test_an_answer_without_audio_is_refused(answered: str) -> None:
    with pytest.raises(SdpError) as error:
        accept_answer(our_offer(), parse(answered))
    assert error.value.status == 488


@pytest.mark.parametrize(
    ("formats", "attributes", "events", "receives"),
    [
        # One codec is chosen, the other may come all the same; so may keys under either's number.
        ("8", "", None, {0: "PCMU", 8: "PCMA", 101: EVENTS}),
        ("0 8 101", "a=rtpmap:101 telephone-event/8000\n", 101, {0: "PCMU", 8: "PCMA", 101: EVENTS}),
        (
            "0 96",
            "a=rtpmap:96 telephone-event/8000\n",
            96,
            {0: "PCMU", 8: "PCMA", 101: EVENTS, 96: EVENTS},
        ),
        (
            "97 96",
            "a=rtpmap:96 telephone-event/8000\na=rtpmap:97 PCMA/8000\n",
            96,
            {0: "PCMU", 8: "PCMA", 101: EVENTS, 97: "PCMA", 96: EVENTS},
        ),
        # A number of ours keeps our meaning.
        (
            "0 101 102",
            "a=rtpmap:101 PCMA/8000\na=rtpmap:102 telephone-event/8000\n",
            102,
            {0: "PCMU", 8: "PCMA", 101: EVENTS, 102: EVENTS},
        ),
    ],
)
def test_all_that_we_offered_may_come_and_the_answers_own_numbers_too(
    formats: str, attributes: str, events: int | None, receives: dict[int, str]
) -> None:
    """RFC 3264 §6.1 has the answerer send under the offer's numbers, and we under the answer's."""
    agreement = accept_answer(our_offer(), parse(f"{HEAD}m=audio 4000 RTP/AVP {formats}\n{attributes}"))
    assert agreement.telephone_event_payload_type == events
    assert received(agreement) == receives


def test_an_offer_within_a_session_keeps_its_number_and_profile() -> None:
    ours = our_offer(telephone_event=96, profile="RTP/AVPF").media[0]
    assert (ours.formats, ours.protocol) == (("0", "8", "96"), "RTP/AVPF")
    assert [one.encoding for one in ours.rtpmaps[96]] == [EVENTS]


@pytest.mark.parametrize("connection", [V6, NAMED, "c=IN IP4 224.2.1.1/127\n"])
def test_an_answer_from_where_no_audio_can_flow_is_refused(connection: str) -> None:
    with pytest.raises(SdpError) as error:
        accept_answer(our_offer(), parse(HEAD.replace("c=IN IP4 192.0.2.10\n", connection) + AUDIO))
    assert error.value.status == 488


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (HEAD + AUDIO * (MAX_MEDIA + 1), "Too Many Media Lines"),
        (HEAD + "m=audio 4000 RTP/AVP" + " 0" * (MAX_FORMATS + 1) + "\n", "Too Many Media Formats"),
    ],
)
def test_who_offers_too_much_is_told_of_what(text: str, reason: str) -> None:
    with pytest.raises(SdpError, match=reason):
        parse(text)
