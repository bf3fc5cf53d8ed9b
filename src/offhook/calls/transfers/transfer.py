"""Handing a caller on (vapi-wire §2.4): by a REFER, by a second leg joined to theirs, or by a plain BYE.

`transfer_destination.py` decides which, and says what the fields of a destination mean. While a second leg
is called, the caller hears ringing. Once it has answered (and, in a warm transfer, been spoken with) both
legs are joined until one of them ends, or the assistant's maxDurationSeconds are over.

Without a fallbackPlan a failed transfer is told to the caller, and the call ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from offhook.calls.call_services import CallServices
from offhook.calls.leg import Leg
from offhook.calls.owners_headers import Headers, one_line
from offhook.calls.pressed_keys import KeySink
from offhook.calls.record.call_facts import Document
from offhook.calls.record.call_record import CallRecord
from offhook.calls.transfers.called_party import Party, press_on
from offhook.calls.transfers.consultation import ToolRunner
from offhook.calls.transfers.passing import IGNORED, Passed
from offhook.calls.transfers.refer import Refer, ReferRefused
from offhook.calls.transfers.summary import summary_of
from offhook.calls.transfers.transfer_destination import (
    ADD_SUMMARY,
    DIAL_SECONDS,
    SUMMARY_HEADER,
    TWIML,
    Destination,
    Peer,
    Target,
    TransferFailed,
    target_of,
)
from offhook.calls.transfers.trunk import Trunks, trunks_of
from offhook.calls.transfers.warm import Warm
from offhook.conversation.conversation import Conversation
from offhook.conversation.tools.tool_messages import content_of
from offhook.media.line import Line
from offhook.schema.assistants import effective
from offhook.schema.assistants.assistant import AssistantOverrides
from offhook.schema.calls.call_document import FailedTransfer, TransferEntry
from offhook.schema.sip_trunk import SIP_TRUNK
from offhook.schema.tools.destination import CallDestination, TransferWishes
from offhook.sip.messages.message import Request
from offhook.speech.remote import CallContext

__all__ = ["Transfer", "TransferFailed"]

FORWARDED: Final = "assistant-forwarded-call"
ANONYMOUS: Final = "anonymous"


class Transfer:
    """One transfer of the caller to a number or SIP destination.

    `keys` gets what the caller presses while the transfer has the caller's audio; None while the conversation
    has it."""

    def __init__(
        self,
        services: CallServices,
        leg: Leg,
        record: CallRecord,
        peer: Peer,
        destination: CallDestination,
        conversation: Conversation | None,
        context: CallContext,
        tools: ToolRunner,
    ) -> None:
        """`leg` is the caller's. `context` is what engines are told about the call."""
        self.keys: KeySink | None = None
        self._services = services
        self._leg = leg
        self._record = record
        self._peer = peer
        self._wanted = destination
        self._conversation = conversation
        self._context = context
        self._tools = tools
        self._refer: Refer | None = None
        self._joined = False
        self._trunks = Trunks()
        wishes = TransferWishes.of(destination)
        self._is_warm = wishes.mode.startswith("warm-")
        entry = TransferEntry(destination=record.shown(record.dumped(destination)), mode=wishes.mode)
        self._entry: Document = entry.document()
        record.transfers.append(self._entry)
        message, self.ends_call_on_failure = content_of(wishes.apology), wishes.ends_call
        self.apology = message
        """What the caller hears after a failed transfer; None: the owner has said nothing of it."""

    async def run(self, began: Callable[[], None]) -> str:
        """Transfers the caller. Returns the call's endedReason once the caller is in other hands. `began` is
        called when it is known what will be reported of the transfer (`CallRecord.summary`). Raises
        TransferFailed if the caller is still here."""
        try:
            reason = await self._run(await self._begin(began))
        except TransferFailed as failed:
            self._entry |= FailedTransfer(status=failed.status, failure_reason=str(failed)).document()
            self._tell_assistant(failed)
            raise
        except asyncio.CancelledError:
            self._entry["status"] = "completed" if self._went else "cancelled"
            raise
        except Exception:
            self._entry["status"] = "failed"
            raise
        self._entry["status"] = "completed"
        return reason

    @property
    def _went(self) -> bool:
        """Whether the caller is connected to the destination, or on the way there."""
        return self._joined or (self._refer is not None and self._refer.accepted)

    @property
    def _forwarded(self) -> str:
        """The failure that led to the transfer, if it was decided before anybody answered."""
        return self._record.ended_reason or FORWARDED

    def _tell_assistant(self, failed: TransferFailed) -> None:
        """Tells the assistant, which goes on, that it still has the caller."""
        if self._conversation is not None and not self.ends_call_on_failure:
            content = f"The transfer failed ({failed.status}): the caller is back with you."
            self._conversation.add_message({"role": "system", "content": content}, respond=False)

    async def _begin(self, began: Callable[[], None]) -> Destination:
        """The destination, with its summary made if the party is to get one."""
        try:
            destination = Destination(self._wanted)
            if destination.summarised:
                self._line.loop("ringback")
                self.keys = IGNORED
                plan = destination.plan.summary_plan
                self._record.summary = await summary_of(self._conversation, plan, self._record.id)
        finally:
            self._give_back()
            began()
        return destination

    @property
    def _line(self) -> Line:
        assert self._leg.line is not None
        return self._leg.line

    def _give_back(self) -> None:
        """Gives the caller's audio back to the conversation."""
        if self.keys is not None:
            self.keys = None
            if self._conversation is None:
                self._line.loop("")
            else:
                self._line.converse(self._conversation.channel)

    async def _run(self, destination: Destination) -> str:
        if destination.plan.mode == TWIML:
            raise TransferFailed("TwiML is not understood here: choose another transferPlan.mode")
        if destination.hangs_up:
            return self._forwarded
        self._trunks = await self._find_trunks()
        target = await destination.target(self._peer, self._services.guard, self._trunks)
        headers = destination.headers + self._summary_header(destination)
        if destination.refers(target, self._peer):
            try:
                await self._send_refer(destination, target, headers)
            except ReferRefused:
                if not destination.dialled_when_refused:
                    raise
            else:
                return self._forwarded
        return await self._dial(destination, target, headers)

    async def _find_trunks(self) -> Trunks:
        services = self._services
        own = dict(await services.directory.credentials_for(self._record.org_id, SIP_TRUNK))
        # A call goes on over the trunk that it came by.
        came_by = own.pop(self._record.number.settings.credential_id or "", None)
        first = [] if came_by is None else [came_by]
        return Trunks(
            services.trunk, trunks_of([*first, *own.values()], services.guard, services.gateway_is_down)
        )

    def _summary_header(self, destination: Destination) -> Headers:
        if destination.plan.mode != ADD_SUMMARY:
            return []
        text = self._record.summary if destination.summarised else None
        if text is None:
            text = destination.message or ""
        return [(SUMMARY_HEADER, one_line(text))] if text.strip() else []

    # -- REFER ----------------------------------------------------------------------------------

    async def _send_refer(self, destination: Destination, target: Target, headers: Headers) -> None:
        session = self._leg.session
        if session is None:
            raise TransferFailed("the call is not connected")
        self._refer = Refer()
        in_uri = destination.plan.sip_headers_in_refer_to_enabled is True
        await self._refer.run(session, target, headers, in_uri)

    def notified(self, request: Request) -> int | None:
        """A NOTIFY in the caller's dialog. Returns the status to answer with, None if it belongs to no
        REFER."""
        return None if self._refer is None else self._refer.notified(request)

    # -- a second leg ---------------------------------------------------------------------------

    async def _dial(self, destination: Destination, target: Target, headers: Headers) -> str:
        services, plan = self._services, destination.plan
        headers = [*headers, ("Max-Forwards", str(destination.hops_left(self._peer)))]
        agreement = self._leg.agreement
        party = Party(
            services.dialler,
            services.media,
            target,
            self._record.id,
            follow=lambda uri: target_of(uri, services.guard, self._trunks),
            codec=None if agreement is None else agreement.codec,
            rings=self._line,
        )
        warm = self._warm_up(destination, party) if destination.warm else None
        self.keys = IGNORED
        self._line.ring()
        try:
            if warm is not None:
                await warm.prepare()
            name, user = self._caller(destination)
            await party.call(name, user, headers, plan.dial_timeout or DIAL_SECONDS)
            if destination.extension:
                await party.while_up(party.dial_extension(destination.extension))
            if warm is not None:
                await self._speak_first(warm, party)
                await warm.close()
            return await self._join(party)
        finally:
            self._give_back()
            await party.close()
            if party.statistics is not None:
                self._entry["statistics"] = party.statistics
            if warm is not None:
                await warm.close()

    def _caller(self, destination: Destination) -> tuple[str | None, str]:
        """Display name and user part that the party sees: those of the destination's callerId, else the
        caller's."""
        if destination.caller_id:
            return None, one_line(destination.caller_id) or ANONYMOUS
        customer = self._record.customer
        return customer.get("name"), customer.get("number") or ANONYMOUS

    def _warm_up(self, destination: Destination, party: Party) -> Warm:
        return Warm(
            self._services,
            self._record,
            destination,
            party,
            self._conversation,
            self._context,
            self._tools,
            self._line,
        )

    async def _speak_first(self, warm: Warm, party: Party) -> None:
        warm.waiting.begin()
        try:
            await party.while_up(warm.run(self._entry))
        finally:
            self._line.overhear(None)

    async def _join(self, party: Party) -> str:
        """Joins the two legs until the party hangs up or the call has reached its maximum length; returns the
        endedReason. The caller's BYE ends the call, and this with it."""
        self._joined = True
        self._entry["status"] = "connected"
        self.keys = Passed(party.press)
        party.keys = Passed(lambda digit, length: press_on(self._leg, digit, length))
        if party.line is not None:
            self._line.bridge(party.line)
        try:
            async with asyncio.timeout(self._seconds_left()):
                if self._conversation is not None:
                    # There is no way back to it, and its engines would wait in vain.
                    await self._conversation.close()
                await party.ended.wait()
        except TimeoutError:
            return "exceeded-max-duration"
        return self._forwarded

    def _seconds_left(self) -> float:
        record, conversation = self._record, self._conversation
        most = (
            effective.max_duration_seconds(AssistantOverrides())
            if conversation is None
            else conversation.assistant.profile.most_seconds
        )
        now = self._services.now()
        return most - (now - (now if record.started_at is None else record.started_at))

    # -- the caller leaves ----------------------------------------------------------------------

    def reason_when_caller_leaves(self) -> str:
        """The endedReason if the caller hangs up now. A BYE after an accepted REFER means that the caller
        went to the destination."""
        if self._went:
            return self._forwarded
        if self._is_warm:
            return "customer-ended-call-before-warm-transfer"
        return "customer-ended-call-during-transfer"

    @property
    def reason_when_caller_leaves_later(self) -> str | None:
        """The endedReason for a caller who hangs up after a failed transfer. None for the usual one."""
        return "customer-ended-call-after-warm-transfer-attempt" if self._is_warm else None
