"""Log lines: each one about a call names it, whichever way the code that logs was reached."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from offhook.calls.admission.entrance import EntranceLimits
from offhook.conversation.active_assistant import Engines
from offhook.log_context import CALL, working_for
from offhook.log_lines import JsonLines, TextLines
from offhook.speech.engine_protocols import EngineError
from tests.calls.house import open_house, virtual
from tests.calls.test_whole_call import QUESTION, ended
from tests.scripted import ScriptedModel, ScriptedTranscriber, ScriptedVoice

log = logging.getLogger("offhook.tests")


class Written(logging.Handler):
    """The lines as `offhook serve` writes them."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record).splitlines()[0])


@pytest.fixture
def text() -> Iterator[Written]:
    yield from written(TextLines())


@pytest.fixture
def json_lines() -> Iterator[Written]:
    yield from written(JsonLines())


def written(formatter: logging.Formatter) -> Iterator[Written]:
    handler = Written(formatter)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield handler
    root.setLevel(level)
    root.removeHandler(handler)


def test_a_line_names_the_call_that_the_code_works_for(text: Written) -> None:
    with working_for("c1"):
        log.warning("the voice is late")
    log.warning("nobody's line")

    assert text.lines[0].endswith("warning call=c1 the voice is late")
    assert text.lines[1].endswith("warning nobody's line")


@pytest.mark.parametrize("plane", ["node", "call", "api"])
def test_a_line_names_the_plane_that_says_it(plane: str) -> None:
    for lines in written(TextLines(plane)):
        with working_for("c1"):
            log.warning("the voice is late")
        assert lines.lines[0].partition("warning ")[2].split(maxsplit=1) == [
            plane,
            "call=c1 the voice is late",
        ]
    for lines in written(JsonLines(plane)):
        log.warning("it is late")
        assert json.loads(lines.lines[0])["plane"] == plane


def test_a_line_that_names_a_call_itself_is_left_as_it_is(text: Written, json_lines: Written) -> None:
    with working_for("c1"):
        log.warning("call=c2 webhook=w1 could not be sent")

    assert text.lines[0].endswith("warning call=c2 webhook=w1 could not be sent")
    assert json.loads(json_lines.lines[0])["call"] == "c2"


def test_words_from_elsewhere_name_no_call(text: Written, json_lines: Written) -> None:
    with working_for("c1"):
        log.warning("the voice failed: %s", "HTTP 500: call=c2 is over")
    log.warning("nobody's line: %s", "call=c2")

    assert text.lines[0].endswith("warning call=c1 the voice failed: HTTP 500: call=c2 is over")
    assert [json.loads(line).get("call") for line in json_lines.lines] == ["c1", None]


def test_a_call_id_of_sip_is_not_the_calls_id(text: Written, json_lines: Written) -> None:
    log.info("no ACK came sip-call=abc@phone")
    with working_for("c1"):
        log.info("no ACK came sip-call=abc@phone")

    assert ["call" in json.loads(line) for line in json_lines.lines] == [False, True]
    assert text.lines[1].endswith("call=c1 no ACK came sip-call=abc@phone")


def test_json_has_the_call_as_a_field_of_its_own(json_lines: Written) -> None:
    with working_for("c1"):
        log.warning("the voice is late")

    line = json.loads(json_lines.lines[0])
    assert (line["call"], line["message"]) == ("c1", "call=c1 the voice is late")


def test_one_call_within_another(text: Written) -> None:
    with working_for("c1"):
        with working_for("c2"):
            log.info("inner")
        log.info("outer")

    assert [line.split()[2] for line in text.lines] == ["call=c2", "call=c1"]


def nameless(lines: list[str]) -> list[str]:
    return [line for line in lines if " call=" not in line]


class Failing(ScriptedVoice):
    """Breaks its contract, and does not even close."""

    async def close(self) -> None:
        raise RuntimeError("it does not close")


@virtual
async def test_every_line_of_a_call_that_fails_in_many_ways(tmp_path: Path, text: Written) -> None:
    """Reached by the tick (voice activity, frames), by SIP, by tasks and timers."""

    def engines(_: object) -> Engines:
        return Engines(
            ScriptedTranscriber(),
            ScriptedModel(("",)),
            Failing(fails_at="open", failure=EngineError("voice", "scripted", "it broke")),
        )

    async with open_house(tmp_path) as house:
        house.build = engines
        house.assistant["startSpeakingPlan"] = {
            "smartEndpointingPlan": {"provider": "livekit", "waitFunction": "what"}
        }
        house.assistant["hooks"] = [
            {"on": "customer.speech.timeout", "do": [{"type": "tool", "toolId": "none"}]}
        ]
        phone = await house.phone()
        call = await phone.dial().connect()
        await call.hears_the_end()
        await call.says(QUESTION)
        await asyncio.sleep(20)
        call.hang_up()
        await ended(house)

    assert len(text.lines) >= 6
    assert nameless(text.lines) == []
    assert all(line.count(f" call={house.call_id} ") == 1 for line in text.lines), text.lines


@virtual
async def test_a_caller_who_never_acknowledges(tmp_path: Path, text: Written) -> None:
    async with open_house(tmp_path) as house:
        phone = await house.phone()
        call = phone.dial()
        call.acknowledges = False
        await call.place()
        await phone.request("BYE", within=40)
        await ended(house)

    (unacknowledged,) = [line for line in text.lines if "no ACK came" in line and "sip-call=" in line]
    assert f" call={house.call_id} " in unacknowledged
    assert nameless(text.lines) == []


@virtual
async def test_two_calls_at_once_keep_their_names(tmp_path: Path, text: Written) -> None:
    """Both are driven by one clock, which the first one set going."""
    told: dict[str, set[str | None]] = {}

    class Listening(ScriptedTranscriber):
        def __init__(self) -> None:
            super().__init__()
            self.call = CALL.get()

        def push(self, heard: bytes, said: bytes) -> None:
            super().push(heard, said)
            told.setdefault(str(self.call), set()).add(CALL.get())

        def speech_started(self) -> None:
            told.setdefault(str(self.call), set()).add(CALL.get())

    async with open_house(tmp_path, limits=EntranceLimits(2)) as house:
        house.build = lambda _: Engines(Listening(), ScriptedModel(("Yes.",)), ScriptedVoice())
        house.clock.after_tick.append(lambda: told.setdefault("the clock", set()).add(CALL.get()))
        calls = []
        for host in ("10.0.0.1", "10.0.0.3"):
            phone = await house.phone(host)
            calls.append(await phone.dial().connect())
        for call in calls:
            await call.says(QUESTION)
        await asyncio.sleep(2)
        for call in calls:
            call.hang_up()
        await asyncio.sleep(2)
        names = set(house.ledger.rows)

    assert told.pop("the clock") == {None}
    assert told == {name: {name} for name in names}
    assert nameless(text.lines) == []
