"""Numbers as they are written in URIs, and users that are none."""

from __future__ import annotations

import pytest

from offhook.sip.messages.telephone import e164, subscriber, subscriber_of
from offhook.sip.messages.uri import Uri

NUMBER = "+15550101001"
WRITTEN = [
    "sip:+15550101001@pbx",
    "sip:+15550101001;npdi;rn=+15550100000@pbx;user=phone",
    "sip:+15550101001;npdi@pbx",
    "sip:+15550101001;isub=1411@pbx",
    "sip:+15550101001;ext=22;cic=+1-6789@pbx;user=phone",
    "sip:+15550101001;tgrp=TG-1;trunk-context=carrier.example@pbx;user=phone",
    "sip:+15550101001;phone-context=+1@pbx",
    "sip:+15550101001;unheard-of=x;@pbx",
    "sip:+1-555-010-1001@pbx",
    "sip:+1(555)0101001@pbx;user=phone",
    "sip:+1.555.010.1001@pbx",
    "sip:%2B15550101001@pbx",
    "sip:%2b1%2D555%2d0101001@pbx",
    "sip:+1%20555%20010%201001@pbx",
    "sip:+15550101001%3Btgrp=x@pbx",
    "sip:+15550101001:secret@pbx",
    "sips:+15550101001@pbx",
    "tel:+15550101001",
    "tel:+1-555-010-1001",
    "TEL:+1(555)010.1001;isub=1;phone-context=x",
    "tel:%2B15550101001;tgrp=a;trunk-context=b",
]


@pytest.mark.parametrize("uri", WRITTEN)
def test_one_number_however_it_is_written(uri: str) -> None:
    assert subscriber_of(Uri.parse(uri)) == NUMBER


@pytest.mark.parametrize(
    ("uri", "who"),
    [
        ("sip:1001@pbx", "1001"),
        ("sip:1001;phone-context=pbx.example@pbx;user=phone", "1001"),
        ("tel:1001;phone-context=pbx.example", "1001"),
        ("sip:*97@pbx", "*97"),
        ("sip:*55*1#@pbx", "*55*1#"),
        ("sip:john.doe@pbx", "john.doe"),
        ("sip:mary-ann@pbx", "mary-ann"),
        ("sip:Desk@pbx", "Desk"),
        ("sip:anonymous;tgrp=x;trunk-context=y@pbx", "anonymous"),
        ("sip:anonymous;verstat=No-TN-Validation@pbx", "anonymous"),
        ("sip:desk;room=4@pbx", "desk;room=4"),
        ("sip:;tgrp=x@pbx", ";tgrp=x"),
        ("sip:-@pbx", "-"),
        ("sip:agent-7@pbx", "agent-7"),
        ("sip:pbx", ""),
        ("tel:;x", ""),
        ("mailto:a@b", ""),
    ],
)
def test_whom_else_a_uri_names(uri: str, who: str) -> None:
    assert subscriber_of(Uri.parse(uri)) == who


def test_a_long_user_costs_one_pass() -> None:
    assert subscriber("1" * 4000 + "x") == "1" * 4000 + "x"
    assert subscriber(";" * 4000) == ";" * 4000


@pytest.mark.parametrize(
    ("uri", "number"),
    [
        ("sip:+442079460018@pbx", "+442079460018"),
        ("sip:00442079460018@pbx", "+442079460018"),
        ("sip:00-44-20.7946.0018;npdi@pbx", "+442079460018"),
        ("tel:0015552301001", "+15552301001"),
        ("sip:5552301001;phone-context=+1@pbx;user=phone", "+15552301001"),
        ("tel:555-230-1001;phone-context=+1", "+15552301001"),
        ("sip:2079460018;isub=3;phone-context=+44;npdi@pbx", "+442079460018"),
        ("sip:2079460018%3Bphone-context%3D%2B44@pbx", "+442079460018"),
    ],
)
def test_a_number_of_the_world_where_that_is_sure(uri: str, number: str) -> None:
    assert e164(Uri.parse(uri)) == number


@pytest.mark.parametrize(
    ("uri", "who"),
    [
        # In Australia 0011 is what 00 is elsewhere; in the USA 00 calls an operator.
        ("sip:0011442079460018@pbx", "0011442079460018"),
        ("sip:00@pbx", "00"),
        ("sip:001555@pbx", "001555"),
        ("sip:0005552301001@pbx", "0005552301001"),
        ("sip:00442079460018442079@pbx", "00442079460018442079"),
        ("sip:0044207946001x@pbx", "0044207946001x"),
        # The context is no prefix (RFC 3966 §5.1.5), and no country's code.
        ("tel:863-1234;phone-context=+1-914-555", "8631234"),
        ("tel:8631234;phone-context=+1", "8631234"),
        ("tel:8631234567;phone-context=+1914", "8631234567"),
        ("sip:1001;phone-context=+49@pbx", "1001"),
        ("sip:02079460018;phone-context=+44@pbx", "02079460018"),
        ("sip:0612345678;phone-context=+39@pbx", "0612345678"),
        ("sip:5552301001;phone-context=example.com@pbx", "5552301001"),
        ("sip:5552301001;x-phone-context=+1@pbx", "5552301001"),
        ("sip:*97;phone-context=+1@pbx", "*97"),
        ("sip:desk@pbx", "desk"),
        ("sip:pbx", ""),
    ],
)
def test_a_number_that_could_be_another_stays_as_it_is(uri: str, who: str) -> None:
    assert e164(Uri.parse(uri)) == who
