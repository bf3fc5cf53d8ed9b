"""Digest on a number: who comes in, who is asked again, who stays out (vapi-wire §1.3)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from offhook.calls.admission.admission import WRONG, WRONG_OF_SOURCE, _is_for
from offhook.sip.digest import NONCE_SECONDS, Challenge, Credentials, answer_challenge
from offhook.sip.messages.headers import Headers
from offhook.sip.messages.message import Request, Response
from offhook.sip.messages.uri import Uri
from tests.calls.house import House, open_house, virtual
from tests.calls.phone import Phone, PhoneCall
from tests.virtual import run_virtual

LOGIN = {"username": "a-user-of-twenty-letters", "password": "a-password-of-20-letters"}


async def challenged(house: House, **authentication: Any) -> tuple[Phone, PhoneCall, list[Challenge]]:
    """An INVITE without credentials, and what it was asked for."""
    house.number["authentication"] = {**LOGIN, **authentication}
    phone = await house.phone()
    call = phone.dial()
    await call.place()
    refusal = await phone.response(401)
    return phone, call, [Challenge.parse(line) for line in refusal.headers.lines("WWW-Authenticate")]


async def again(call: PhoneCall, challenge: Challenge, user: str, password: str) -> None:
    """The same call with credentials; a phone that did not come in may try again."""
    call.ended_by, call._over = "", asyncio.Event()
    credentials = answer_challenge(
        challenge, username=user, password=password, method="INVITE", uri=call.uri, cnonce="c"
    )
    call.invite(call.sdp(), [("Authorization", str(credentials))])
    await asyncio.sleep(1)


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
def test_the_right_password_comes_in_with_either_algorithm(tmp_path: Path, algorithm: str) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            _, call, challenges = await challenged(house)
            assert {one.algorithm for one in challenges} == {"SHA-256", "MD5"}
            assert {one.realm for one in challenges} == {"10.0.0.2"}
            assert house.ledger.rows == {}
            challenge = next(one for one in challenges if one.algorithm == algorithm)
            await again(call, challenge, **as_login())
            assert call.is_up

    run_virtual(story())


def as_login(**more: str) -> dict[str, str]:
    return {"user": LOGIN["username"], "password": LOGIN["password"], **more}


@pytest.mark.parametrize("wrong", [{"user": "somebody"}, {"password": "guess"}])
def test_anything_else_is_asked_again(tmp_path: Path, wrong: dict[str, str]) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            phone, call, challenges = await challenged(house)
            await again(call, challenges[0], **as_login(**wrong))
            assert call.ended_by == "401"
            assert phone.count(401) == 2
            assert house.ledger.rows == {}
            assert b"stale=true" not in phone.heard[-1].to_bytes().lower()

    run_virtual(story())


@virtual
async def test_a_realm_of_the_number_s_own(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        _, call, challenges = await challenged(house, realm="mine.test")
        assert {one.realm for one in challenges} == {"mine.test"}
        await again(call, challenges[0], **as_login())
        assert call.is_up


@virtual
async def test_a_nonce_of_yesterday_is_answered_with_a_new_one_that_says_so(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        phone, call, challenges = await challenged(house)
        await asyncio.sleep(NONCE_SECONDS + 1)
        await again(call, challenges[0], **as_login())
        assert call.ended_by == "401"
        await phone.response(401)
        fresh = Challenge.parse(phone.heard[-1].headers.lines("WWW-Authenticate")[0])
        assert fresh.stale
        await again(call, fresh, **as_login())
        assert call.is_up


@virtual
async def test_credentials_that_were_overheard_open_nothing(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        _, call, challenges = await challenged(house)
        await again(call, challenges[0], **as_login())
        assert call.is_up
        thief = await house.phone("10.0.0.66")
        other = thief.dial()
        await other.place(
            [("Authorization", str(answer_challenge(
                challenges[0], username=LOGIN["username"], password=LOGIN["password"],
                method="INVITE", uri=call.uri, cnonce="c",
            )))]
        )  # fmt: skip
        assert await other.ended() == "401"


def test_credentials_are_for_a_number_with_and_without_its_plus() -> None:
    headers = [
        ("Via", "SIP/2.0/UDP h;branch=z9hG4bK1"),
        ("From", "<sip:a@h>;tag=1"),
        ("To", "<sip:b@h>"),
        ("Call-ID", "c"),
        ("CSeq", "1 INVITE"),
    ]
    request = Request("INVITE", Uri.parse("sip:15550101001@h"), Headers(headers))
    for uri, meant in (("sip:+1-555-010-1001@h", True), ("sip:+15550101002@h", False)):
        credentials = Credentials.parse(
            f'Digest username="u", realm="r", nonce="n", uri="{uri}", response="{"0" * 32}"'
        )
        assert _is_for(credentials, request) is meant


@virtual
async def test_credentials_for_another_number_open_nothing(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        _, call, challenges = await challenged(house)
        house.directory.numbers["other"] = {**house.number, "id": "number-2"}
        call.target = call.target.replace("desk", "other")
        await again(call, challenges[0], **as_login())
        assert call.ended_by == "401"


@pytest.mark.parametrize(
    "header", ["Digest", "Basic YTpi", "Digest realm=10.0.0.2", "\x7f", 'Digest username="']
)
def test_credentials_that_are_none(tmp_path: Path, header: str) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            house.number["authentication"] = dict(LOGIN)
            phone = await house.phone()
            call = phone.dial()
            await call.place([("Authorization", header)])
            assert await call.ended() in ("401", "400")

    run_virtual(story())


@virtual
async def test_a_number_without_authentication_takes_any_credentials(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        phone = await house.phone()
        call = await phone.dial().connect(
            [("Authorization", 'Digest username="x", realm="y", nonce="z", uri="u", response="0"')]
        )
        assert call.is_up


async def guess(phone: Phone, user: str = "desk", password: str = "guess") -> str:
    """One try of a new call: how it was answered in the end."""
    call = phone.dial(user)
    await call.place()
    assert await call.ended() == "401"
    refusal = next(
        one for one in reversed(phone.heard) if isinstance(one, Response) and one.call_id == call.call_id
    )
    challenge = Challenge.parse(refusal.headers.lines("WWW-Authenticate")[0])
    await again(call, challenge, **as_login(password=password))
    return "200" if call.is_up else call.ended_by


@virtual
async def test_who_guesses_is_not_looked_at_for_a_while(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.number["authentication"] = dict(LOGIN)
        guesser = await house.phone("10.0.0.9")
        calls = [guesser.dial() for _ in range(100)]
        for call in calls:
            await call.place()
        await asyncio.sleep(1)
        asked = [one for one in guesser.heard if isinstance(one, Response) and one.status == 401]
        guesser.heard.clear()
        for call, one in zip(calls, asked, strict=True):
            challenge = Challenge.parse(one.headers.lines("WWW-Authenticate")[0])
            credentials = answer_challenge(
                challenge, username=LOGIN["username"], password="guess", method="INVITE", uri=call.uri,
                cnonce="c",
            )  # fmt: skip
            call.invite(call.sdp(), [("Authorization", str(credentials))])
        await asyncio.sleep(0.5)
        assert guesser.count(401) == WRONG[1]
        assert guesser.count(480) == 100 - WRONG[1]
        assert await guess(guesser, password=LOGIN["password"]) == "480"
        # Neighbours at the same address are looked at, and so is it after a while.
        neighbour = await house.phone("10.0.0.9", port=5070)
        assert await guess(neighbour, password=LOGIN["password"]) == "200"
        await asyncio.sleep(3)
        assert await guess(guesser, password=LOGIN["password"]) == "200"


@virtual
async def test_new_ports_bring_no_more_guesses_and_shut_nobody_out_who_was_let_in(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.number["authentication"] = dict(LOGIN)
        regular = await house.phone("10.0.0.9", port=5070)
        assert await guess(regular, password=LOGIN["password"]) == "200"
        phones = [await house.phone("10.0.0.9", port=6000 + n) for n in range(WRONG_OF_SOURCE[1] + 20)]
        answers = await asyncio.gather(*(guess(phone) for phone in phones))
        assert answers.count("480") >= 15
        assert await guess(regular, password=LOGIN["password"]) == "200"
        elsewhere = await house.phone("10.0.0.10")
        assert await guess(elsewhere, password=LOGIN["password"]) == "200"


@virtual
async def test_stale_nonces_and_other_realms_are_no_guesses(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        phone, call, challenges = await challenged(house)
        await asyncio.sleep(NONCE_SECONDS + 1)
        for _ in range(2 * WRONG[1]):
            await again(call, challenges[0], **as_login())
            assert call.ended_by == "401"
        assert await guess(phone, password=LOGIN["password"]) == "200"
