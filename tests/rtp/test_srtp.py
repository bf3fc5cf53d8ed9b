"""SRTP as RFC 3711 and RFC 7714 have it: known packets, wrapping, repeated and forged ones, new keys."""

from __future__ import annotations

import random

import pytest

from offhook.rtp.codecs import PCMU
from offhook.rtp.interceptors import Protected
from offhook.rtp.rtp_sender import RtpSender
from offhook.rtp.srtp import MOST_SOURCES, PROFILES, Srtp
from offhook.rtp.srtp_keys import SrtpKeys
from offhook.sip.messages.crypto import SUITES

EVERY = pytest.mark.parametrize("suite", list(PROFILES))


def key(suite: str, seed: int) -> bytes:
    return bytes((seed + number) % 256 for number in range(SUITES[suite]))


def pair(suite: str, mki: int = 0) -> tuple[Srtp, Srtp]:
    """Two ends; what the second one sends carries no MKI, which `with_mki` adds."""
    one, other = key(suite, 1), key(suite, 101)
    return Srtp(SrtpKeys(suite, one, other, mki)), Srtp(SrtpKeys(suite, other, one, 0))


def packet(number: int, ssrc: int = 7, payload: bytes = b"sound" * 32) -> bytes:
    head = bytes((0x80, 0)) + (number % 65536).to_bytes(2, "big") + (number * 160 % 2**32).to_bytes(4, "big")
    return head + ssrc.to_bytes(4, "big") + payload


REPORT = bytes.fromhex("80c90001") + (7).to_bytes(4, "big")


def test_a_known_packet_of_aes_in_counter_mode() -> None:
    """The reference packet of libsrtp's own tests, by the algorithms of RFC 3711."""
    master = bytes.fromhex("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6")
    plain = bytes.fromhex("800f1234decafbadcafebabe" + "ab" * 16)
    wire = bytes.fromhex("800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb")
    srtp = Srtp(SrtpKeys("AES_CM_128_HMAC_SHA1_80", master, master, 0))

    assert srtp.protect(plain) == wire
    assert srtp.unprotect(wire) == plain


def test_a_known_packet_of_gcm() -> None:
    master = bytes(range(16)) + bytes(range(0xA0, 0xAC))
    plain = bytes.fromhex("800f1234decafbadcafebabe" + "ab" * 16)
    wire = bytes.fromhex(
        "800f1234decafbadcafebabec5002ede04cfdd2eb91159e0880aa06ed2976826f796b201df3131a127e8a392"
    )
    srtp = Srtp(SrtpKeys("AEAD_AES_128_GCM", master, master, 0))

    assert srtp.protect(plain) == wire
    assert srtp.unprotect(wire) == plain


def test_both_rooms_know_the_same_suites() -> None:
    assert set(PROFILES) == set(SUITES)


@EVERY
def test_there_and_back_over_the_wrap_of_numbers(suite: str) -> None:
    ours, theirs = pair(suite)
    for number in range(65_400, 65_536 + 65_536 + 200, 7):
        sent = packet(number)
        protected = theirs.protect(sent)
        assert protected != sent
        assert protected[:12] == sent[:12]
        assert ours.unprotect(protected) == sent


@EVERY
def test_reports_are_protected_too(suite: str) -> None:
    ours, theirs = pair(suite)
    protected = theirs.protect_control(REPORT)

    assert ours.unprotect_control(protected) == REPORT
    assert ours.unprotect_control(protected) is None


@EVERY
def test_what_is_forged_repeated_or_in_clear_is_not_the_peers(suite: str) -> None:
    ours, theirs = pair(suite)
    protected = theirs.protect(packet(1))
    for at in (0, 3, 11, 12, len(protected) - 1):
        assert ours.unprotect(protected[:at] + bytes((protected[at] ^ 1,)) + protected[at + 1 :]) is None
    assert ours.unprotect(protected) == packet(1)
    assert ours.unprotect(protected) is None
    for junk in (
        b"",
        b"\x80",
        packet(2),
        REPORT,
        bytes(2000),
        protected[:20],
        theirs.protect_control(REPORT),
    ):
        assert ours.unprotect(junk) is None
        assert ours.unprotect_control(junk[:8] + junk) is None


def test_packets_that_overtake_each_other_all_arrive() -> None:
    ours, theirs = pair("AES_CM_128_HMAC_SHA1_80")
    sent = [theirs.protect(packet(number)) for number in range(65_500, 65_600)]
    for at in range(0, 100, 10):
        for one in reversed(sent[at : at + 10]):
            assert ours.unprotect(one) is not None


@EVERY
def test_an_mki_is_taken_off_where_it_stands(suite: str) -> None:
    ours, theirs = pair(suite, mki=4)
    tags = {"AES_CM_128_HMAC_SHA1_80": (10, 10), "AES_CM_128_HMAC_SHA1_32": (4, 10)}.get(suite, (0, 0))

    def with_mki(data: bytes, tag: int) -> bytes:
        return data[: len(data) - tag] + b"\0\0\0\1" + data[len(data) - tag :]

    assert ours.unprotect(with_mki(theirs.protect(packet(1)), tags[0])) == packet(1)
    assert ours.unprotect_control(with_mki(theirs.protect_control(REPORT), tags[1])) == REPORT
    assert ours.unprotect(theirs.protect(packet(2))) is None


@EVERY
def test_another_stream_of_the_peer_is_heard_but_not_any_number_of_them(suite: str) -> None:
    ours, theirs = pair(suite)
    for ssrc in range(1, MOST_SOURCES + 1):
        assert ours.unprotect(theirs.protect(packet(1, ssrc))) == packet(1, ssrc)
    assert ours.unprotect(theirs.protect(packet(1, 1000))) is None
    assert ours.unprotect(theirs.protect(packet(2, 1))) == packet(2, 1)


def test_a_direction_whose_key_is_the_same_goes_on() -> None:
    suite = "AES_CM_128_HMAC_SHA1_80"
    ours, theirs = pair(suite)
    for number in range(65_530, 65_550):  # wrapped once: it could not begin anew
        assert ours.unprotect(theirs.protect(packet(number))) is not None
        assert theirs.unprotect(ours.protect(packet(number))) is not None
    repeated = theirs.protect(packet(65_550))
    assert ours.unprotect(repeated) is not None

    ours.take(SrtpKeys(suite, key(suite, 1), key(suite, 101), 0))

    assert ours.unprotect(repeated) is None
    assert ours.unprotect(theirs.protect(packet(65_551))) == packet(65_551)
    assert theirs.unprotect(ours.protect(packet(65_551))) == packet(65_551)


@pytest.mark.parametrize("suite", ["AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM"])
def test_new_keys_begin_anew_and_the_old_ones_are_worth_nothing(suite: str) -> None:
    old = "AES_CM_128_HMAC_SHA1_80"
    ours, theirs = pair(old)
    assert ours.unprotect(theirs.protect(packet(60_000))) is not None

    ours.take(SrtpKeys(suite, key(suite, 3), key(suite, 103), 0))
    fresh = Srtp(SrtpKeys(suite, key(suite, 103), key(suite, 3), 0))

    assert ours.unprotect(theirs.protect(packet(60_001))) is None
    assert ours.unprotect(fresh.protect(packet(5))) == packet(5)
    assert fresh.unprotect(ours.protect(packet(6))) == packet(6)


def test_a_peer_that_misses_our_first_packets_understands_the_others() -> None:
    suite = "AES_CM_128_HMAC_SHA1_80"
    for seed in range(64):
        ours, theirs = pair(suite)
        sender = RtpSender(PCMU, 0, None, random.Random(seed))
        sent = [ours.protect(sender.audio(None)) for _ in range(2000)]
        assert theirs.unprotect(sent[-1]) is not None


def test_keys_are_not_shown() -> None:
    keys = SrtpKeys("AEAD_AES_128_GCM", b"k" * 28, b"t" * 28, 0)

    assert repr(keys) == "SrtpKeys(AEAD_AES_128_GCM)"
    assert "kkk" not in f"{keys}"


def test_it_is_a_protection() -> None:
    ours, theirs = pair("AES_CM_128_HMAC_SHA1_80")
    heard: list[bytes] = []
    receive = Protected(ours).receives(lambda data, source: heard.append(data))
    for one in (theirs.protect(packet(1)), b"?"):
        receive(one, ("192.0.2.7", 4000))  # type: ignore[arg-type]

    assert heard == [packet(1)]
