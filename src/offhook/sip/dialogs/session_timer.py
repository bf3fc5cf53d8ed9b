"""Session timers (RFC 4028): whoever is the refresher says from time to time that it is still there."""

from __future__ import annotations

import asyncio
import re
from typing import ClassVar, Final

from offhook.sip.dialogs.extension import DialogExtension, ExtendedSession
from offhook.sip.dialogs.handler import HeaderItems
from offhook.sip.errors import SipError
from offhook.sip.messages.message import Request, Response

INTERVAL: Final = 1800
"""Seconds that we ask for in calls of ours (RFC 4028 §4)."""
LEAST: Final = 90
"""Seconds below which an interval is refused (RFC 4028 §5)."""
MOST: Final = 86_400
"""Seconds; a longer interval is as good as none."""

AGAIN: Final = 1 / 8
"""Of the interval, after which a refresh that was refused is tried again."""

NOT_REFRESHED: Final = "the session was not refreshed"

_EXPIRES = re.compile(r"[ \t]*([0-9]{1,9})[ \t]*(;.*)?")
_REFRESHER = re.compile(r";[ \t]*refresher[ \t]*=[ \t]*(uac|uas)[ \t]*(?:;|$)", re.IGNORECASE)
_TIMED: Final = ("INVITE", "UPDATE")


class SessionTimer(DialogExtension):
    """Heeds the interval that the peer asks for, and asks for one in calls of ours, which the peer is then to
    refresh. A peer that has us refresh gets UPDATEs, or re-INVITEs if it does not say that it takes those.

    A session that is not refreshed in time is hung up on."""

    option: ClassVar[str] = "timer"

    def __init__(self, session: ExtendedSession) -> None:
        super().__init__(session)
        self._interval: int | None = None
        self._we_refresh = False
        self._peer_has_it = False
        self._by_update = False
        self._least = LEAST
        self._refresh: asyncio.Handle | None = None
        self._end: asyncio.Handle | None = None

    @classmethod
    def invites(cls) -> HeaderItems:
        return [("Session-Expires", f"{INTERVAL};refresher=uas"), ("Min-SE", str(LEAST))]

    def headers(self, method: str, *, answering: bool) -> HeaderItems:
        if self._interval is None or method not in _TIMED:
            return ()
        # `uac` is whoever sends the request, `uas` whoever answers it (RFC 4028 §4).
        refresher = "uac" if self._we_refresh is not answering else "uas"
        items = [("Session-Expires", f"{self._interval};refresher={refresher}")]
        if answering and self._peer_has_it:
            items.append(("Require", self.option))
        elif not answering:
            items.append(("Min-SE", str(self._least)))
        return items

    @classmethod
    def invites_again(cls, refusal: Response) -> HeaderItems | None:
        """RFC 4028 §7.3."""
        least = _least(refusal)
        if least <= LEAST:
            return None
        return [("Session-Expires", f"{max(INTERVAL, least)};refresher=uas"), ("Min-SE", str(least))]

    def heard(self, message: Request | Response) -> None:
        if message.cseq.method not in _TIMED:
            return
        if "Allow" in message.headers:
            self._by_update = _names(message, "Allow", "UPDATE")
        if isinstance(message, Request):
            self._checked(message)
        elif message.status < 300:
            self._answered(message)
        else:
            self._refused(message)

    def ended(self) -> None:
        self._interval = None
        for timer in (self._refresh, self._end):
            if timer is not None:
                timer.cancel()

    def _checked(self, request: Request) -> None:
        """RFC 4028 §9."""
        interval, _ = _expires(request)
        if interval is not None and interval < LEAST and self._has_it(request):
            raise SipError(422, headers=(("Min-SE", str(LEAST)),))

    def accepted(self, request: Request) -> None:
        """RFC 4028 §9. One that is refused changes nothing of the session (RFC 3261 §14.2)."""
        interval, refresher = _expires(request)
        self._peer_has_it = self._has_it(request)
        self._we_refresh = refresher == "uas" or not self._peer_has_it
        self._begin(None if interval is None else max(interval, LEAST))

    def _has_it(self, request: Request) -> bool:
        return any(_names(request, name, self.option) for name in ("Supported", "Require"))

    def _answered(self, response: Response) -> None:
        """RFC 4028 §7.2: who answers decides."""
        interval, refresher = _expires(response)
        self._peer_has_it = interval is not None
        self._we_refresh = refresher == "uac"
        self._begin(interval)

    def _refused(self, response: Response) -> None:
        """A refresh was. The next one comes at once if that asks for more than this one did (RFC 4028 §7.4),
        else after a while: the peer may only have been busy with another request (RFC 3311 §5.2)."""
        if self._interval is None or not self._we_refresh:
            return
        least = _least(response)
        more = least > self._interval
        if more:
            self._interval = self._least = least
        # A re-INVITE is repeated by whoever has sent it.
        at_once = more and response.cseq.method == "UPDATE"
        self._refresh_after(0.0 if at_once else self._interval * AGAIN)

    def _begin(self, interval: int | None) -> None:
        """From now on, until it is refreshed."""
        self.ended()
        self._interval = None if interval is None else min(interval, MOST)
        if self._interval is None:
            return
        loop = asyncio.get_running_loop()
        # RFC 4028 §10: whoever waits for a refresh hangs up a little before the end.
        early = 0 if self._we_refresh else min(32, self._interval / 3)
        self._end = loop.call_later(self._interval - early, self.session.lost, NOT_REFRESHED)
        if self._we_refresh:
            self._refresh_after(self._interval / 2)

    def _refresh_after(self, seconds: float) -> None:
        if self._refresh is not None:
            self._refresh.cancel()
        loop = asyncio.get_running_loop()
        self._refresh = loop.call_later(seconds, lambda: self.session.spawn(self._say_so()))

    async def _say_so(self) -> None:
        try:
            if self._by_update:
                await self.session.request("UPDATE")
            else:
                await self.session.reoffer()
        except SipError:
            return  # the session is over, or ends when the interval does


def _expires(message: Request | Response) -> tuple[int | None, str | None]:
    """The interval in seconds and the refresher, None where they are not given or cannot be read."""
    match = _EXPIRES.fullmatch(message.headers.get("Session-Expires") or "")
    if match is None:
        return None, None
    refresher = _REFRESHER.search(match[2] or "")
    return int(match[1]), None if refresher is None else refresher[1].lower()


def _least(response: Response) -> int:
    """The interval, in seconds, that a refusal asks for at the least; 0 for any other response."""
    match = _EXPIRES.fullmatch(response.headers.get("Min-SE") or "")
    return min(int(match[1]), MOST) if match is not None and response.status == 422 else 0


def _names(message: Request | Response, header: str, wanted: str) -> bool:
    """Whether a header that is a list of tokens has one."""
    listed = message.headers.get_all(header)
    return any(one.strip().lower() == wanted.lower() for value in listed for one in value.split(","))
