"""Which reasons the API would know: the listed ones, and one of its pattern for any vendor."""

from __future__ import annotations

import re
from typing import get_args

from offhook.schema.calls.ended_reason import EndedReason, PipelineFailure, VendorFailure

_CUSTOM = ("custom-voice-failed", "custom-transcriber-failed")
_FAILURES = (*get_args(PipelineFailure), *get_args(VendorFailure))
_VENDORS = re.compile(rf"pipeline-error-(?:[a-z0-9-]+-(?:{'|'.join(_FAILURES)})|{'|'.join(_CUSTOM)})")


def is_ended_reason(text: str) -> bool:
    return text in get_args(EndedReason) or _VENDORS.fullmatch(text) is not None
