"""What one call is made of."""

from __future__ import annotations

from dataclasses import dataclass

from offhook.calls.call_services import Services
from offhook.calls.leg import Leg
from offhook.calls.record.call_record import CallRecord
from offhook.calls.record.reporter import Reporter
from offhook.calls.sound import Sound
from offhook.calls.world.owner import Owner
from offhook.sip.dialogs.invitation import Invitation


@dataclass(frozen=True, slots=True)
class CallComponents:
    """Its set-up, its life and its tear-down share them."""

    services: Services
    invitation: Invitation
    record: CallRecord
    reporter: Reporter
    owner: Owner
    sound: Sound
    leg: Leg
