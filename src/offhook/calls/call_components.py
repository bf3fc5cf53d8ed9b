"""What one call is made of."""

from __future__ import annotations

from dataclasses import dataclass

from offhook.calls.audio_owner import AudioOwner
from offhook.calls.call_services import CallServices
from offhook.calls.leg import Leg
from offhook.calls.record.call_record import CallRecord
from offhook.calls.record.reporter import Reporter
from offhook.calls.world.owner import Owner
from offhook.sip.dialogs.invitation import Invitation


@dataclass(frozen=True, slots=True)
class CallComponents:
    """Set-up, call and tear-down share these parts."""

    services: CallServices
    invitation: Invitation
    record: CallRecord
    reporter: Reporter
    owner: Owner
    sound: AudioOwner
    leg: Leg
