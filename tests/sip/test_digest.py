"""Digest authentication against the RFCs' own numbers, and against those who replay."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.sip.digest import (
    MAX_SEEN_NONCES,
    Challenge,
    Credentials,
    Nonces,
    answer_challenge,
    best_challenge,
    parse_auth,
    verify,
)
from offhook.sip.errors import BadSyntax

PASSWORD = "Circle of Life"
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
CHALLENGE = Challenge(
    "http-auth@example.org",
    "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
)


def answered(challenge: Challenge, password: str = PASSWORD, count: int = 1) -> Credentials:
    credentials = answer_challenge(
        challenge,
        username="Mufasa",
        password=password,
        method="GET",
        uri="/dir/index.html",
        cnonce=CNONCE,
        nonce_count=count,
    )
    assert credentials is not None
    return credentials


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_example_of_rfc_7616(algorithm: str, response: str) -> None:
    credentials = answered(replace(CHALLENGE, algorithm=algorithm))
    assert credentials.response == response
    assert verify(credentials, password=PASSWORD, method="GET")


def test_the_example_of_rfc_2617() -> None:
    credentials = Credentials.parse(
        'Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
        'uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b", '
        'response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )
    assert verify(credentials, password="Circle Of Life", method="GET")
    assert not verify(credentials, password="circle of life", method="GET")
    assert not verify(credentials, password="Circle Of Life", method="POST")


def test_a_challenge_is_written_as_it_is_read() -> None:
    for challenge in (CHALLENGE, replace(CHALLENGE, stale=True, opaque=None, algorithm="SHA-256-SESS")):
        assert Challenge.parse(str(challenge)) == challenge
    with pytest.raises(BadSyntax):
        Challenge.parse('Digest realm="a"')


def test_without_qop_as_in_rfc_2069() -> None:
    challenge = Challenge.parse(
        'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"'
    )
    assert (challenge.qop, challenge.algorithm) == ((), "MD5")
    credentials = answered(challenge, "CircleOfLife")
    assert credentials.response == "1949323746fe6a43ef61f9606e7febea"
    assert "qop" not in str(credentials)
    assert "nc=" not in str(credentials)
    assert verify(Credentials.parse(str(credentials)), password="CircleOfLife", method="GET")


@pytest.mark.parametrize("algorithm", ["MD5", "MD5-SESS", "SHA-256", "SHA-256-SESS"])
@pytest.mark.parametrize("qop", [(), ("auth",), ("auth-int", "auth")])
def test_both_sides_agree_over_the_wire(algorithm: str, qop: tuple[str, ...]) -> None:
    challenge = Challenge.parse(
        str(replace(CHALLENGE, algorithm=algorithm, qop=qop, realm='a "quoted" realm'))
    )
    assert challenge.realm == 'a "quoted" realm'
    credentials = answered(challenge, count=3)
    # Without qop there is no cnonce on the wire, so a session key cannot be had (RFC 7616 §3.4.2).
    received = credentials if not qop else Credentials.parse(str(credentials))
    assert received == credentials
    assert verify(received, password=PASSWORD, method="GET")
    assert not verify(received, password="wrong", method="GET")
    assert not verify(replace(received, uri="/other"), password=PASSWORD, method="GET")


def test_a_session_digest_without_cnonce_fails() -> None:
    credentials = answered(replace(CHALLENGE, algorithm="MD5-SESS", qop=()))
    assert not verify(replace(credentials, cnonce=None), password=PASSWORD, method="GET")


def test_what_cannot_be_served_is_not_answered() -> None:
    for challenge in (replace(CHALLENGE, algorithm="SHA-512-256"), replace(CHALLENGE, qop=("auth-int",))):
        assert (
            answer_challenge(challenge, username="a", password="b", method="INVITE", uri="sip:a", cnonce="c")
            is None
        )
    assert not verify(replace(answered(CHALLENGE), algorithm="TOKEN"), password=PASSWORD, method="GET")
    assert not verify(replace(answered(CHALLENGE), qop="auth-int"), password=PASSWORD, method="GET")


def test_the_strongest_challenge_is_taken() -> None:
    values = [
        'Digest realm="a", nonce="1", algorithm=MD5, qop="auth"',
        'Bearer realm="a"',
        'Digest realm="a", nonce="3", algorithm=SHA-512-256, qop="auth"',
        'Digest realm="a", nonce="2", algorithm=SHA-256, qop="auth"',
        "Digest",
    ]
    best = best_challenge(values)
    assert best is not None
    assert (best.algorithm, best.nonce) == ("SHA-256", "2")
    assert best_challenge(values[1:3]) is None


def test_the_password_and_its_digest_stay_out_of_logs() -> None:
    credentials = answered(CHALLENGE)
    assert PASSWORD not in repr(credentials)
    assert credentials.response not in repr(credentials)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Digest",
        'Basic realm="a"',
        'Digest username="a"',
        'Digest username="a", realm="b", nonce="c", uri="d", response="e", qop=auth, nc=1, cnonce="f"',
        'Digest username="a", realm="b", nonce="c", uri="d", response="e", qop=auth',
        'Digest username="a", username="b", realm="b", nonce="c", uri="d", response="e"',
        'Digest username="a, realm="b", nonce="c", uri="d", response="e"',
        "Digest " + ", ".join(f"a{n}=1" for n in range(40)),
    ],
)
def test_malformed_credentials(text: str) -> None:
    with pytest.raises(BadSyntax):
        Credentials.parse(text)


def test_any_scheme_can_be_read() -> None:
    assert parse_auth("NoOneKnowsThisScheme opaque-data=here") == (
        "nooneknowsthisscheme",
        {"opaque-data": "here"},
    )


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80) | st.text(st.sampled_from('abc=,"\\ \t'), max_size=60).map("Digest ".__add__))
def test_any_text_is_authentication_or_bad_syntax(text: str) -> None:
    for parse in (parse_auth, Credentials.parse, Challenge.parse):
        try:
            parse(text)
        except BadSyntax:
            continue


# -- nonces ---------------------------------------------------------------------------------------


class House:
    """A server's nonces with a clock that the test sets."""

    def __init__(self) -> None:
        self.time = 1_000_000.0
        self.octets = 0
        self.nonces = Nonces(b"secret", lambda: self.time, self.random)

    def random(self, size: int) -> bytes:
        self.octets += 1
        return self.octets.to_bytes(size, "big")

    def use(self, nonce: str, count: int = 1) -> str | None:
        return self.nonces.check(replace(answered(CHALLENGE), nonce=nonce, nonce_count=count))


def test_a_nonce_is_good_once_per_count() -> None:
    house = House()
    nonce = house.nonces.issue()
    assert [house.use(nonce, count) for count in (1, 1, 2, 5, 4, 6)] == [
        None,
        "replayed",
        None,
        None,
        "replayed",
        None,
    ]


def test_without_count_a_nonce_is_good_once() -> None:
    house = House()
    nonce = house.nonces.issue()
    assert [house.use(nonce, 0), house.use(nonce, 0)] == [None, "replayed"]


def test_a_nonce_grows_stale() -> None:
    house = House()
    nonce = house.nonces.issue()
    house.time += 59.9
    assert house.use(nonce) is None
    house.time += 0.1
    assert house.use(nonce, 2) == "stale"
    house.time -= 200
    assert house.use(nonce, 3) == "stale"


def test_a_forged_nonce_is_known() -> None:
    house = House()
    nonce = house.nonces.issue()
    foreign = Nonces(b"other", lambda: house.time, house.random).issue()
    changed = ("B" if nonce[0] == "A" else "A") + nonce[1:]
    for forged in (foreign, changed, "", nonce[:-1], nonce + "A", "é" * 44, "!" * 44):
        assert house.use(forged) == "forged"


def test_two_nonces_of_one_instant_differ() -> None:
    house = House()
    assert house.nonces.issue() != house.nonces.issue()


def test_a_flood_of_used_nonces_is_bounded() -> None:
    house = House()
    first = house.nonces.issue()
    house.use(first)
    for _ in range(MAX_SEEN_NONCES):
        house.time += 0.002
        assert house.use(house.nonces.issue()) is None
    assert len(house.nonces) == MAX_SEEN_NONCES
    assert house.use(first) == "stale"
