"""Where an extension of dialogs stands: session timers (RFC 4028), 100rel (RFC 3262), Replaces (RFC 3891)."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import ClassVar, Protocol

from offhook.sip.dialogs.dialog import Dialog
from offhook.sip.dialogs.handler import HeaderItems
from offhook.sip.messages.message import Request, Response


class ExtendedSession(Protocol):
    """What an extension sees of its session, and may do to it."""

    dialog: Dialog

    async def request(
        self, method: str, headers: HeaderItems = (), body: bytes = b"", content_type: str | None = None
    ) -> Response: ...
    async def reoffer(self) -> Response: ...
    def bye(self) -> None: ...
    def lost(self, reason: str) -> None: ...
    def spawn(self, work: Coroutine[None, None, None]) -> object: ...


class DialogExtension:
    """One extension in one session; this one does nothing. `option` is its option tag: what we say that we
    support, and what a peer may then require."""

    option: ClassVar[str] = ""

    def __init__(self, session: ExtendedSession) -> None:
        self.session = session

    @classmethod
    def invites(cls) -> HeaderItems:
        """To be added to an INVITE of ours that asks for a new session."""
        return ()

    @classmethod
    def invites_again(cls, refusal: Response) -> HeaderItems | None:
        """What to add instead to the same INVITE once more, after this refusal; None lets it stand."""
        return None

    def headers(self, method: str, *, answering: bool) -> HeaderItems:
        """To be added to a request of ours in the session or, `answering`, to a 2xx of ours to INVITE or
        UPDATE."""
        return ()

    def heard(self, message: Request | Response) -> None:
        """A request of the peer that is about to be answered, or a final response to one of ours. Raises
        SipError to refuse the request."""

    def accepted(self, request: Request) -> None:
        """An INVITE or UPDATE of the peer gets its 2xx now: nobody refuses it any more."""

    def ended(self) -> None:
        """The session is over: let go of timers."""


def supported(extensions: Sequence[type[DialogExtension]]) -> HeaderItems:
    """The Supported header (RFC 3261 §20.37), none where there is no extension."""
    return [("Supported", ", ".join([one.option for one in extensions]))] if extensions else []
