"""An extension of dialogs that stands where session timers do: one class, handed to the user agent."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from offhook.sip import Request, Response, SipError
from offhook.sip.dialogs.extension import DialogExtension, ExtendedSession
from offhook.sip.dialogs.handler import HeaderItems
from tests.sip.agents import answered, house, inviting, talking
from tests.virtual import story

INTERVAL = 90.0


class Timer(DialogExtension):
    """After RFC 4028: the peer refreshes within the interval, or it is hung up on."""

    option = "timer"
    alive: ClassVar[int] = 0

    def __init__(self, session: ExtendedSession) -> None:
        super().__init__(session)
        self._due: asyncio.Handle | None = None
        Timer.alive += 1

    @classmethod
    def invites(cls) -> HeaderItems:
        return [("Session-Expires", f"{INTERVAL:.0f};refresher=uas")]

    def headers(self, method: str, *, answering: bool) -> HeaderItems:
        if method not in ("INVITE", "UPDATE"):
            return ()
        return [("Require", "timer"), ("Session-Expires", f"{INTERVAL:.0f};refresher=uac")]

    def heard(self, message: Request | Response) -> None:
        if message.cseq.method not in ("INVITE", "UPDATE"):
            return
        if isinstance(message, Request) and message.headers.get("Session-Expires") == "10":
            raise SipError(422, "Session Interval Too Small", (("Min-SE", "90"),))
        if self._due is not None:
            self._due.cancel()
        loop = asyncio.get_running_loop()
        self._due = loop.call_later(INTERVAL, self.session.lost, "no session refresh")

    def ended(self) -> None:
        Timer.alive -= 1
        if self._due is not None:
            self._due.cancel()


@story
async def test_a_session_that_is_not_refreshed_ends_and_one_that_is_goes_on() -> None:
    async with answered(headers=[("Require", "timer")], extensions=[Timer]) as (h, call):
        (response,) = [one for one in h.phone.heard if isinstance(one, Response) and one.status == 200]
        assert response.headers.get("Supported") == "timer"
        assert response.headers.get("Session-Expires") == "90;refresher=uac"
        call.ack()
        for _ in range(3):
            await asyncio.sleep(60)
            call.request("UPDATE")
            refreshed = await h.phone.response(200)
            assert refreshed.headers.get("Session-Expires") == "90;refresher=uac"
        assert not h.session.closed.is_set()
        bye = await h.phone.request("BYE", within=INTERVAL + 1)
        h.phone.reply(bye, 200, tag=None)
        await h.session.closed.wait()
        assert h.events[-1] == ("gone", "no session refresh")
        assert Timer.alive == 0


@story
async def test_what_an_extension_refuses_is_refused_with_its_answer() -> None:
    async with inviting(extensions=[Timer]) as (h, call):
        await call.answered()
        call.ack()
        call.request("UPDATE", headers=[("Session-Expires", "10")])
        refused = await h.phone.response(422)
        assert refused.headers.get("Min-SE") == "90"
        await h.hangs_up()
        other = h.phone.call()
        other.invite(headers=[("Session-Expires", "10")])
        assert (await h.phone.response(422)).headers.get("Min-SE") == "90"
        other.ack(branch=other.invite_branch)
        await h.settle()
        assert Timer.alive == 0


@story
async def test_a_call_of_ours_says_what_we_have() -> None:
    async with house(extensions=[Timer]) as h:
        call, _ = h.dial()
        invite = await h.phone.request("INVITE")
        assert invite.headers.get("Supported") == "timer"
        assert invite.headers.get("Session-Expires") == "90;refresher=uas"
        h.phone.reply(invite, 200, body=b"v=0\r\n")
        session = await call.wait()
        bye = await h.phone.request("BYE", within=INTERVAL + 1)
        h.phone.reply(bye, 200, tag=None)
        await session.closed.wait()


@story
async def test_what_nobody_has_can_be_required_of_nobody() -> None:
    async with talking() as (h, call):
        assert not any("Supported" in one.headers for one in h.phone.heard)
        call.request("UPDATE", headers=[("Require", "timer, 100rel")])
        assert (await h.phone.response(420)).headers.get("Unsupported") == "timer, 100rel"
        await h.hangs_up()
