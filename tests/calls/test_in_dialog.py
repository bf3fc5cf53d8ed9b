"""Tools that act in the call's dialog, on a leg that keeps what it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from offhook.calls.dialog_request import MOST_BODY
from offhook.calls.leg import Leg
from offhook.calls.record.call_record import CallRecord
from offhook.calls.world.tools.tool_site import ToolSite
from offhook.conversation.events import ToolOutcome
from offhook.conversation.tools.tool_kinds import kind_of
from offhook.language.language_model import ToolCall
from offhook.sip.errors import SipError
from tests.calls.test_api_request import render
from tests.documents import a_tool
from tests.virtual import run_virtual


@dataclass
class Reply:
    status: int
    reason: str


@dataclass
class Asked:
    method: str
    headers: dict[str, str]
    body: bytes
    content_type: str | None


@dataclass
class Session:
    reply: Reply | SipError = field(default_factory=lambda: Reply(200, "OK"))
    asked: list[Asked] = field(default_factory=list)

    async def request(
        self,
        method: str,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> Reply:
        self.asked.append(Asked(method, dict(headers), body, content_type))
        if isinstance(self.reply, SipError):
            raise self.reply
        return self.reply


@dataclass
class Stream:
    sent: list[str] = field(default_factory=list)
    deaf: bool = False

    def send_digits(self, digits: str) -> None:
        if self.deaf:
            raise ValueError("the peer takes no telephone events")
        self.sent.append(digits)


@dataclass
class Line:
    session: Session | None = field(default_factory=Session)
    stream: Stream | None = field(default_factory=Stream)


class NothingKnown:
    variables: Mapping[str, Any] = {}


async def nothing(*_: object) -> Any:
    raise AssertionError("nobody is to be asked")


def use(line: Line | None, tool: Mapping[str, Any], **arguments: Any) -> ToolOutcome:
    record = cast("CallRecord", NothingKnown())
    site = ToolSite(record, nothing, nothing, nothing, None, render, cast("Leg", line))
    known = a_tool(tool)
    return run_virtual(kind_of(known).run(site, known, ToolCall("t1", "tool", arguments)))


DTMF = {"type": "dtmf"}
INFO = {"type": "dtmf", "sipInfoDtmfEnabled": True}
TELL = {"type": "sipRequest", "verb": "MESSAGE"}


def test_keys_go_out_in_the_audio_with_their_pauses() -> None:
    line = Line()

    assert use(line, DTMF, dtmf="1 2w#") == ToolOutcome(result="Pressed 12w#.")

    assert line.stream is not None
    assert line.stream.sent == ["12w#"]


@pytest.mark.parametrize("keys", ["", "12x", "1" * 65, None])
@pytest.mark.parametrize("tool", [DTMF, INFO])
def test_what_are_no_keys_is_refused(tool: Mapping[str, Any], keys: str | None) -> None:
    line = Line()

    assert "keys 0-9" in (use(line, tool, dtmf=keys).error or "")

    assert line.stream is not None
    assert line.session is not None
    assert (line.stream.sent, line.session.asked) == ([], [])


def test_a_phone_without_telephone_events_is_news_to_the_model() -> None:
    outcome = use(Line(stream=Stream(deaf=True)), DTMF, dtmf="1")

    assert outcome.error == "the peer takes no telephone events"


def test_keys_go_out_one_by_one_by_info() -> None:
    line = Line()

    assert use(line, INFO, dtmf="1wa") == ToolOutcome(result="Pressed 1wa.")

    assert line.session is not None
    assert [one.body for one in line.session.asked] == [
        b"Signal=1\r\nDuration=100\r\n",
        b"Signal=A\r\nDuration=100\r\n",
    ]
    assert {one.content_type for one in line.session.asked} == {"application/dtmf-relay"}


def test_the_first_key_that_is_refused_is_the_last() -> None:
    line = Line(session=Session(Reply(405, "Method Not Allowed")))

    assert use(line, INFO, dtmf="12").error == "the phone answered 405 Method Not Allowed"

    assert line.session is not None
    assert len(line.session.asked) == 1


def test_a_request_has_the_owner_s_headers_but_not_the_dialog_s() -> None:
    properties = {
        "X-Who": {"value": "{{who}}\r\nBcc: all"},
        "call-id": {"value": "stolen"},
        "bad name": {"value": "x"},
        "Content-Type": {"value": "text/html"},
    }
    line = Line()

    tool = {**TELL, "headers": {"type": "object", "properties": properties}, "body": "hello {{who}}"}
    assert use(line, tool, who="Ann") == ToolOutcome(result="200 OK")

    assert line.session is not None
    assert line.session.asked == [Asked("MESSAGE", {"X-Who": "Ann Bcc: all"}, b"hello Ann", "text/html")]


def test_a_body_by_schema_is_json() -> None:
    line = Line()

    use(line, {**TELL, "body": {"type": "object", "properties": {"who": {"type": "string"}}}}, who="Ann")
    use(line, TELL)

    assert line.session is not None
    assert line.session.asked == [
        Asked("MESSAGE", {}, b'{"who": "Ann"}', "application/json"),
        Asked("MESSAGE", {}, b"", None),
    ]


def test_what_cannot_be_sent_or_is_not_taken_is_news_to_the_model() -> None:
    refusing = Session(Reply(415, "Unsupported Media Type"))
    silent = Session(SipError(408))

    assert use(Line(session=refusing), TELL).error == "it answered 415 Unsupported Media Type"
    assert (use(Line(session=silent), TELL).error or "").startswith("the phone did not take it: ")
    assert (
        use(Line(), {**TELL, "body": "x" * (MOST_BODY + 1)}).error
        == f"the body has more than {MOST_BODY} bytes"
    )
    for tool in (DTMF, INFO, TELL):
        outcome = use(Line(session=None, stream=None), tool, dtmf="1")
        assert outcome.error == "the call is not connected"


@pytest.mark.parametrize("tool", [DTMF, TELL])
def test_without_the_callers_leg_they_are_not_served(tool: Mapping[str, Any]) -> None:
    assert "are not served here" in (use(None, tool, dtmf="1").error or "")
