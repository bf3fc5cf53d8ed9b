"""Digest on a number: who comes in, who is asked again, who stays out (wire-facts §1.3)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from offhook.sip.digest import NONCE_SECONDS, Challenge, answer_challenge
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
