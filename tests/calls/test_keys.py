"""Keys by INFO, in every form that phones have for them, to the keypad and through a bridge."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from offhook.calls.pressed_keys import MOST_KEYS, PressedKeys, keys_of
from offhook.rtp.packet import parse
from offhook.rtp.telephone_events import Press
from offhook.sip.messages.headers import Headers
from offhook.sip.messages.message import Request
from offhook.sip.messages.uri import Uri
from tests.calls.house import House, open_house, virtual
from tests.calls.phone import PhoneCall
from tests.calls.test_whole_call import ended
from tests.calls.transfers.line import dial, on_the_line, send_on, sip
from tests.calls.transfers.operator import Operator
from tests.virtual import run_virtual

RELAY = "application/dtmf-relay"
PLAIN = "application/dtmf"


def info(body: bytes, kind: str | None = RELAY, method: str = "INFO") -> Request:
    headers = Headers([] if kind is None else [("Content-Type", kind)])
    return Request(method, Uri.parse("sip:a@b"), headers, body)


FORMS = [
    (RELAY, b"Signal=5\r\nDuration=160\r\n", "5", 160),
    (RELAY, b"Signal=5\r\nDuration=160", "5", 160),
    (RELAY, b"Signal= 5\r\nDuration= 250\r\n", "5", 250),
    (RELAY, b"Signal = 5\nDuration = 250\n", "5", 250),
    (RELAY, b"\r\nsignal=5 \rduration=250", "5", 250),
    (RELAY, b"SIGNAL:5;DURATION:250", "5", 250),
    (RELAY, b"Duration=250\r\nSignal=5", "5", 250),
    (RELAY, b'Signal="5"\r\n', "5", 100),
    (RELAY, b"Signal=5\r\nDuration=soon\r\n", "5", 100),
    (RELAY, b"Signal=5\r\nDuration=99999999999\r\n", "5", 100),
    (RELAY, b"Signal=10\r\nDuration=160\r\n", "*", 160),
    (RELAY, b"Signal=11", "#", 100),
    (RELAY, b"Signal=12", "A", 100),
    (RELAY, b"Signal=15", "D", 100),
    (RELAY, b"Signal=*", "*", 100),
    (RELAY, b"Signal=#\r\n", "#", 100),
    (RELAY, b"Signal=star", "*", 100),
    (RELAY, b"Signal=Pound", "#", 100),
    (RELAY, b"Signal=hash", "#", 100),
    (RELAY, b"Signal=a", "A", 100),
    (RELAY, b"Signal=1\r\nSignal=2\r\n", "12", 100),
    (RELAY, b"5\r\n", "5", 100),
    ("Application/DTMF-Relay;charset=utf-8", b"Signal=5", "5", 100),
    (PLAIN, b"5", "5", 100),
    (PLAIN, b" 5 \r\n", "5", 100),
    (PLAIN, b"\r\n#\r\n", "#", 100),
    (PLAIN, b"10", "*", 100),
    (PLAIN, b"11\r\n", "#", 100),
    (PLAIN, b"d\n", "D", 100),
    (PLAIN, b"5\x00", "5", 100),
    (PLAIN, b"1234", "1234", 100),
    (PLAIN, b"Signal=5\r\nDuration=160\r\n", "5", 160),
    (PLAIN, b"5\r\nDuration=160\r\n", "5", 160),
]


@pytest.mark.parametrize(("kind", "body", "keys", "milliseconds"), FORMS)
def test_a_key_in_every_form(kind: str, body: bytes, keys: str, milliseconds: int) -> None:
    assert keys_of(info(body, kind)) == [Press(key, milliseconds) for key in keys]


@pytest.mark.parametrize(
    "body",
    [b"", b"\r\n", b"Signal=", b"Signal=flash", b"Signal=16", b"Signal=!", b"hookflash", b"Signal=x",
     b"Signal=\xff", b"hello", b"Duration=100"],
)  # fmt: skip
@pytest.mark.parametrize("kind", [RELAY, PLAIN])
def test_what_is_no_key_presses_none(body: bytes, kind: str) -> None:
    assert keys_of(info(body, kind)) == []


def test_what_is_not_about_keys_is_left_to_others() -> None:
    assert keys_of(info(b"Signal=5", None)) is None
    assert keys_of(info(b"Signal=5", "text/plain")) is None
    assert keys_of(info(b"5", PLAIN, "MESSAGE")) is None


def test_keys_of_one_request_are_bounded() -> None:
    assert len(keys_of(info(b"1" * 60_000, PLAIN)) or ()) == MOST_KEYS
    assert len(keys_of(info(b"Signal=1\r\n" * 6_000)) or ()) == MOST_KEYS


# -- in a call --------------------------------------------------------------------------------------


def send_info(call: PhoneCall, keys: str, body: str = "Signal={}\r\nDuration=160", kind: str = RELAY) -> None:
    for key in keys:
        call.request("INFO", body.format(key).encode(), [("Content-Type", kind)])


@pytest.mark.parametrize(("body", "kind"), [("Signal= {}\r\nDuration=160", RELAY), ("{}\r\n", PLAIN)])
def test_keys_by_info_reach_the_assistant(tmp_path: Path, body: str, kind: str) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            house.assistant["keypadInputPlan"] = {"enabled": True, "delimiters": "#", "timeoutSeconds": 2}
            call = await (await house.phone()).dial().connect()
            await call.hears_the_end()
            send_info(call, "4422#", body, kind)
            await call.hears_the_end()
            call.hang_up()
            await ended(house)
        assert "User's Keypad Entry: 4422" in house.report["transcript"]

    run_virtual(story())


@virtual
async def test_a_phone_that_sends_keys_both_ways_presses_them_once(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.assistant["keypadInputPlan"] = {"enabled": True, "delimiters": "#", "timeoutSeconds": 2}
        call = await (await house.phone()).dial().connect()
        await call.hears_the_end()
        for key in "4422":
            send_info(call, key)
            await call.press(key)
        for key in "11#":
            await call.press(key)
            send_info(call, key)
        await call.hears_the_end()
        call.hang_up()
        await ended(house)

    assert "User's Keypad Entry: 442211" in house.report["transcript"]


class Heard:
    """A sink that keeps the keys."""

    def __init__(self) -> None:
        self.keys = ""

    def exchanged(self, heard: bytes, said: bytes) -> None:
        """Nobody listens."""

    def digit(self, digit: str, milliseconds: int) -> None:
        self.keys += digit


def test_the_same_key_much_later_is_another() -> None:
    heard, now = Heard(), 0.0
    keys = PressedKeys(heard, lambda: now)
    keys.informed(Press("1", 100))
    now = 2.5
    keys.digit("1", 100)
    keys.informed(Press("2", 100))
    now = 6.0
    keys.digit("2", 3000)  # it was held until now
    assert heard.keys == "112"


async def bridged(house: House, operator: Operator) -> None:
    send_on(house, sip(dial()))
    await operator.connected()
    await asyncio.sleep(0.3)


@virtual
async def test_keys_by_info_go_through_to_the_party(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, call, operator):
        await bridged(house, operator)
        send_info(call, "42#")
        await asyncio.sleep(2)
        operator.hang_up()
        await ended(house)

    assert operator.keys == "42#"


@virtual
async def test_keys_by_info_go_through_to_the_caller(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, call, operator):
        await bridged(house, operator)
        assert operator.leg is not None
        assert operator.leg.session is not None
        since = len(house.wire.seen)
        for key in ("7", "star"):
            answer = await operator.leg.session.request(
                "INFO", body=f"Signal={key}".encode(), content_type=RELAY
            )
            assert answer.status == 200
        await asyncio.sleep(2)
        sent = [one for one in house.wire.seen[since:] if one.to.host == call.phone.socket.local.host]
        operator.hang_up()
        await ended(house)

    packets = [parse(one.data) for one in sent]
    events = [packet.payload[0] for packet in packets if packet is not None and packet.payload_type == 101]
    assert list(dict.fromkeys(events)) == [7, 10]
