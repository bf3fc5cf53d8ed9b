"""Keys in the SDP: which lines are understood, which audio line is taken, and what our own say."""

from __future__ import annotations

import random
from base64 import b64encode

import pytest

from offhook.calls.srtp_policy import SrtpPolicy
from offhook.sip.errors import SipError
from offhook.sip.messages.crypto import SUITES, Crypto, MediaKeys
from offhook.sip.messages.sdp import MediaAgreement, SessionDescription, accept_answer, answer, offer

CM = "AES_CM_128_HMAC_SHA1_80"
KEYS = {suite: bytes(range(octets)) for suite, octets in SUITES.items()}
INLINE = {suite: b64encode(key).decode() for suite, key in KEYS.items()}
WITH_CM = f"1 {CM} inline:{INLINE[CM]}"


def keys(*, may: bool = True, must: bool = False) -> MediaKeys:
    return MediaKeys(random.Random(4), may=may, must=must)


def described(*lines: str) -> SessionDescription:
    """Each line `PROFILE` and its a=crypto after blanks, one of audio after the other."""
    media = []
    for number, line in enumerate(lines):
        profile, *cryptos = line.split("\n")
        media += [f"m=audio {4000 + 2 * number} {profile} 0", *(f"a=crypto:{one}" for one in cryptos)]
    text = "\r\n".join(["v=0", "o=- 1 1 IN IP4 10.0.0.1", "s=-", "c=IN IP4 10.0.0.1", "t=0 0", *media, ""])
    return SessionDescription.parse(text.encode())


def answered(
    offered: SessionDescription, ours: MediaKeys | None
) -> tuple[SessionDescription, MediaAgreement]:
    return answer(offered, address="10.0.0.2", port=5000, session_id=1, version=1, keys=ours)


def offered_by(ours: MediaKeys | None) -> SessionDescription:
    return offer(address="10.0.0.2", port=5000, session_id=1, version=1, keys=ours)


def cryptos(description: SessionDescription, place: int = 0) -> list[str]:
    return [value or "" for name, value in description.media[place].attributes if name == "crypto"]


@pytest.mark.parametrize("suite", list(SUITES))
def test_each_suite_is_read_and_written(suite: str) -> None:
    line = f"7 {suite} inline:{INLINE[suite]}"
    found = Crypto.parse(line)

    assert found == Crypto(7, suite, KEYS[suite])
    assert str(found) == line
    assert "inline" not in repr(found)


@pytest.mark.parametrize(
    ("about", "mki"),
    [
        ("", 0),
        ("|2^20", 0),
        ("|1048576", 0),
        ("|2^20|1:4", 4),
        ("|1:4", 4),
        ("|1:128", 128),
        ("| WSH=400", None),
        (" WSH=400", 0),
        (" -KNOWN=1", 0),
        (" UNENCRYPTED_SRTP", None),
        (" UNENCRYPTED_SRTCP", None),
        (" UNAUTHENTICATED_SRTP", None),
        (" KDR=4", None),
        (" FEC_ORDER=FEC_SRTP", None),
        ("|2^20|1:129", None),
        ("|2^20|1:0", None),
        ("|2^20|x", None),
        ("|2^20|1:4|2", None),
        (f"|2^20|1:4;inline:{INLINE[CM]}|2^20|2:4", None),
    ],
)
def test_lifetime_mki_and_session_parameters(about: str, mki: int | None) -> None:
    found = Crypto.parse(WITH_CM + about)

    assert (None if found is None else found.mki) == mki


@pytest.mark.parametrize(
    "line",
    [
        "",
        "1",
        f"x {CM} inline:{INLINE[CM]}",
        f"1 {CM} uri:{INLINE[CM]}",
        f"1 {CM} inline:",
        f"1 {CM} inline:{INLINE[CM][:-4]}",
        f"1 {CM} inline:{'A' * 200}",
        f"1 {CM} inline:!!!!{INLINE[CM][4:]}",
        f"1 {CM} inline:\u00e4{INLINE[CM][1:]}",
        f"1 {CM} inline:{INLINE[CM][:-1]}\U0001f511",
        f"1 F8_128_HMAC_SHA1_80 inline:{INLINE[CM]}",
        f"1 AEAD_AES_256_GCM inline:{INLINE[CM]}",
    ],
)
def test_what_is_malformed_or_unknown_is_no_key(line: str) -> None:
    assert Crypto.parse(line) is None
    with pytest.raises(SipError, match="488"):
        answered(described(f"RTP/SAVP\n{line}"), keys())


def test_base64_without_its_padding_is_understood() -> None:
    suite = "AEAD_AES_128_GCM"

    assert Crypto.parse(f"1 {suite} inline:{INLINE[suite].rstrip('=')}") == Crypto(1, suite, KEYS[suite])


# -- answers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["RTP/SAVP", "RTP/SAVPF", "RTP/AVP", "RTP/AVPF"])
def test_an_offer_with_keys_is_answered_with_one_of_ours(profile: str) -> None:
    ours, agreement = answered(
        described(f"{profile}\n1 F8_X inline:AAAA\n3 {CM} inline:{INLINE[CM]}"), keys()
    )
    (line,) = cryptos(ours)
    own = Crypto.parse(line)

    assert ours.media[0].protocol == profile
    assert own is not None
    assert (own.tag, own.suite) == (3, CM)
    assert own.key != KEYS[CM]
    assert agreement.srtp == (own, Crypto(3, CM, KEYS[CM]))


def test_of_two_lines_the_one_with_keys_is_taken() -> None:
    ours, agreement = answered(described("RTP/AVP", f"RTP/SAVP\n{WITH_CM}"), keys())

    assert [one.port for one in ours.media] == [0, 5000]
    assert cryptos(ours, 0) == []
    assert agreement.srtp is not None


@pytest.mark.parametrize(
    ("line", "may", "must", "taken"),
    [
        ("RTP/AVP", True, False, "clear"),
        ("RTP/AVP", True, True, None),
        ("RTP/AVP", False, False, "clear"),
        ("RTP/AVP", False, True, None),
        (f"RTP/AVP\n{WITH_CM}", True, False, "protected"),
        (f"RTP/AVP\n{WITH_CM}", True, True, "protected"),
        (f"RTP/AVP\n{WITH_CM}", False, False, "clear"),
        (f"RTP/AVP\n{WITH_CM}", False, True, None),
        ("RTP/SAVP", True, False, None),
        (f"RTP/SAVP\n{WITH_CM}", True, False, "protected"),
        (f"RTP/SAVP\n{WITH_CM}", False, False, None),
        (f"UDP/TLS/RTP/SAVP\n{WITH_CM}", True, False, None),
    ],
)
def test_what_is_taken_by_what_may_and_must_be(line: str, may: bool, must: bool, taken: str | None) -> None:
    if taken is None:
        with pytest.raises(SipError, match="488"):
            answered(described(line), keys(may=may, must=must))
        return
    ours, agreement = answered(described(line), keys(may=may, must=must))

    assert (agreement.srtp is not None) is (taken == "protected")
    assert (cryptos(ours) != []) is (taken == "protected")


def test_the_same_key_again_keeps_ours_and_another_one_changes_it() -> None:
    leg = keys()
    first = cryptos(answered(described(f"RTP/SAVP\n{WITH_CM}"), leg)[0])
    again = cryptos(answered(described(f"RTP/SAVP\n{WITH_CM}"), leg)[0])
    other = b64encode(b"o" * 30).decode()
    changed = cryptos(answered(described(f"RTP/SAVP\n1 {CM} inline:{other}"), leg)[0])

    assert first == again
    assert changed != first


# -- offers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("may", "must", "profile", "lines"),
    [(True, False, "RTP/AVP", 4), (True, True, "RTP/SAVP", 4), (False, False, "RTP/AVP", 0)],
)
def test_our_offer(may: bool, must: bool, profile: str, lines: int) -> None:
    made = offered_by(keys(may=may, must=must))
    found = [Crypto.parse(one) for one in cryptos(made)]

    assert made.media[0].protocol == profile
    assert [one.suite for one in found if one is not None] == list(SUITES)[:lines]
    assert len({one.key for one in found if one is not None}) == lines


def test_an_answer_takes_one_of_our_lines_and_goes_on_with_it() -> None:
    leg = keys()
    made = offered_by(leg)
    suite = "AEAD_AES_256_GCM"
    (tag,) = [int(one.split()[0]) for one in cryptos(made) if suite in one]
    agreement = accept_answer(made, described(f"RTP/AVP\n{tag} {suite} inline:{INLINE[suite]}"), leg)

    assert agreement.srtp is not None
    own, theirs = agreement.srtp
    assert str(own) in cryptos(made)
    assert theirs == Crypto(tag, suite, KEYS[suite])
    assert cryptos(offered_by(leg)) == [str(own)]


@pytest.mark.parametrize(
    ("must", "line", "agreed"),
    [
        (False, "RTP/AVP", True),
        (True, "RTP/AVP", False),
        (True, "RTP/SAVP", False),
        (False, f"RTP/AVP\n1 {CM} inline:\u00e4{INLINE[CM][1:]}", True),
        (True, f"RTP/AVP\n1 {CM} inline:\u00e4{INLINE[CM][1:]}", False),
        (False, f"RTP/AVP\n99 {CM} inline:{INLINE[CM]}", False),
        (False, f"RTP/AVP\n1 AES_CM_128_HMAC_SHA1_32 inline:{INLINE[CM]}", False),
    ],
)
def test_an_answer_without_our_keys(must: bool, line: str, agreed: bool) -> None:
    leg = keys(must=must)
    made = offered_by(leg)
    if agreed:
        assert accept_answer(made, described(line), leg).srtp is None
    else:
        with pytest.raises(SipError, match="488"):
            accept_answer(made, described(line), leg)


@pytest.mark.parametrize(
    ("mode", "in_clear", "secure", "must", "outcome"),
    [
        ("optional", False, True, False, (True, False)),
        ("optional", False, False, False, (False, False)),
        ("optional", True, False, False, (True, False)),
        ("required", False, True, False, (True, True)),
        ("required", False, False, False, (False, True)),
        ("required", True, False, False, (True, True)),
        ("off", True, True, False, (False, False)),
        ("off", False, True, True, (True, True)),
        ("optional", False, False, True, (False, True)),
    ],
)
def test_whether_keys_may_be_told_and_audio_must_be_protected(
    mode: str, in_clear: bool, secure: bool, must: bool, outcome: tuple[bool, bool]
) -> None:
    found = SrtpPolicy(mode, in_clear).keys(random.Random(1), secure=secure, must=must)  # type: ignore[arg-type]

    assert (found.may, found.must) == outcome
