"""Why calls end: the reasons the API knows, and those for engines that fail."""

from __future__ import annotations

from typing import get_args

import pytest
from vapi.types.call_ended_reason import CallEndedReason

from offhook.schema.calls.ended_reason import EndedReason, PipelineFailure, VendorFailure, pipeline_error
from tests.schema.reasons import is_ended_reason


def test_the_reasons_that_name_no_vendor() -> None:
    reasons = set(get_args(EndedReason))
    assert len(reasons) == 93
    assert {"customer-ended-call", "silence-timed-out", "exceeded-max-duration"} < reasons


@pytest.mark.parametrize(
    ("provider", "failure", "reason"),
    [
        ("vapi", "voice-failed", "pipeline-error-vapi-voice-failed"),
        ("11labs", "voice-failed", "pipeline-error-eleven-labs-voice-failed"),
        ("custom-voice", "voice-failed", "pipeline-error-custom-voice-failed"),
        ("custom-transcriber", "transcriber-failed", "pipeline-error-custom-transcriber-failed"),
        ("custom-llm", "llm-failed", "pipeline-error-custom-llm-llm-failed"),
        ("openai", "401-unauthorized", "pipeline-error-openai-401-unauthorized"),
    ],
)
def test_an_engine_that_failed(provider: str, failure: PipelineFailure, reason: str) -> None:
    assert pipeline_error(provider, failure) == reason
    assert is_ended_reason(reason)


def test_every_failure_is_a_reason_the_api_would_know() -> None:
    assert all(is_ended_reason(pipeline_error("deepgram", failure)) for failure in get_args(PipelineFailure))


@pytest.mark.parametrize("failure", get_args(VendorFailure))
def test_what_only_some_vendors_answer_is_published_of_one(failure: VendorFailure) -> None:
    published = get_args(get_args(CallEndedReason)[0])
    vendors = ("deepgram", "11labs", "cartesia", "assembly-ai", "soniox", "xai")
    assert any(pipeline_error(vendor, failure) in published for vendor in vendors)
