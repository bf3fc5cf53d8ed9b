"""What holds where an assistant says nothing, or says it in the words of earlier versions."""

from __future__ import annotations

from typing import Any

import pytest

from offhook.schema import Assistant
from offhook.schema.assistants import effective
from tests.schema.parsing import parse


def assistant(**properties: Any) -> Assistant:
    return parse(Assistant, properties)


def test_an_empty_assistant_has_the_defaults_of_the_api() -> None:
    empty = assistant()

    assert effective.first_message_mode(empty) == "assistant-speaks-first"
    assert effective.first_message_interruptions_enabled(empty) is False
    assert effective.max_duration_seconds(empty) == 600
    assert effective.silence_timeout_seconds(empty) == 30
    assert effective.start_speaking(empty) == effective.StartSpeaking(0.4, None, None, None, ())
    assert effective.end_call_phrases(empty) == ()
    assert effective.keypad_input(empty) == effective.KeypadInput(False, 2, "")
    assert effective.artifact_plan(empty) == effective.ArtifactChoice(
        recording=True,
        transcript=True,
        assistant_name="AI",
        user_name="User",
    )


def test_interruption_by_voice_alone_with_the_apis_word_lists() -> None:
    plan = effective.stop_speaking(assistant())

    assert (plan.num_words, plan.voice_seconds, plan.backoff_seconds) == (0, 0.2, 1)
    assert "uh-huh" in plan.acknowledgement_phrases
    assert "stop" in plan.interruption_phrases
    assert (len(plan.acknowledgement_phrases), len(plan.interruption_phrases)) == (22, 20)


def test_zero_false_and_empty_are_settings_and_not_defaults() -> None:
    given = assistant(
        startSpeakingPlan={"waitSeconds": 0},
        stopSpeakingPlan={"voiceSeconds": 0, "backoffSeconds": 0, "acknowledgementPhrases": []},
        artifactPlan={"recordingEnabled": False, "transcriptPlan": {"enabled": False}},
        keypadInputPlan={"enabled": True, "timeoutSeconds": 0},
        serverMessages=[],
    )

    assert effective.start_speaking(given).wait_seconds == 0
    stop = effective.stop_speaking(given)
    assert (stop.voice_seconds, stop.backoff_seconds, stop.acknowledgement_phrases) == (0, 0, ())
    kept = effective.artifact_plan(given)
    assert (kept.recording, kept.transcript) == (False, False)
    assert effective.keypad_input(given).timeout_seconds == 0
    assert effective.server_messages(given) == frozenset()


def test_transcripts_are_no_default_message() -> None:
    assert "status-update" in effective.server_messages(assistant())
    assert "transcript" not in effective.server_messages(assistant())
    assert effective.server_messages(assistant(serverMessages=["transcript"])) == {"transcript"}


@pytest.mark.parametrize(
    ("plan", "smart"),
    [
        ({"smartEndpointingPlan": {"provider": "vapi"}}, "vapi"),
        ({"smartEndpointingEnabled": "livekit"}, "livekit"),
        ({"smartEndpointingEnabled": True}, "vapi"),
        ({"smartEndpointingEnabled": False}, None),
        ({"smartEndpointingEnabled": True, "smartEndpointingPlan": {"provider": "livekit"}}, "livekit"),
    ],
)
def test_smart_endpointing_in_either_spelling(plan: dict[str, Any], smart: str | None) -> None:
    assert effective.start_speaking(assistant(startSpeakingPlan=plan)).smart == smart


def test_smart_endpointing_brings_its_function_or_its_server() -> None:
    livekit = {"provider": "livekit", "waitFunction": "100 * x"}
    custom = {"provider": "custom-endpointing-model", "server": {"url": "https://judge"}}

    assert effective.start_speaking(
        assistant(startSpeakingPlan={"smartEndpointingPlan": livekit})
    ).wait_function
    judge = effective.start_speaking(assistant(startSpeakingPlan={"smartEndpointingPlan": custom}))
    assert judge.endpointing_server is not None
    assert judge.endpointing_server.url == "https://judge"


def test_older_delays_and_words_count_where_no_plan_says_otherwise() -> None:
    old = {"responseDelaySeconds": 1, "llmRequestDelaySeconds": 0.1, "numWordsToInterruptAssistant": 3}

    assert effective.start_speaking(assistant(**old)).wait_seconds == 1
    assert effective.stop_speaking(assistant(**old)).num_words == 3
    newer = assistant(**old, startSpeakingPlan={"waitSeconds": 0.2}, stopSpeakingPlan={"numWords": 0})
    assert effective.start_speaking(newer).wait_seconds == 0.2
    assert effective.stop_speaking(newer).num_words == 0


def test_phrases_are_compared_in_lower_case_without_apostrophes() -> None:
    plan = effective.stop_speaking(assistant(stopSpeakingPlan={"interruptionPhrases": ["Don't", "I’m OUT"]}))

    assert plan.interruption_phrases == ("dont", "im out")


@pytest.mark.parametrize(
    ("settings", "recorded"),
    [
        ({"recordingEnabled": False}, False),
        ({"recordingEnabled": False, "artifactPlan": {"recordingEnabled": True}}, True),
        ({"hipaaEnabled": True}, False),
        ({"compliancePlan": {"hipaaEnabled": True}}, False),
        ({"hipaaEnabled": True, "compliancePlan": {"hipaaEnabled": False}}, True),
        ({"hipaaEnabled": True, "artifactPlan": {"recordingEnabled": True}}, True),
        ({"artifactPlan": {}}, True),
    ],
)
def test_recording_by_plan_then_older_switch_then_compliance(
    settings: dict[str, Any], recorded: bool
) -> None:
    assert effective.artifact_plan(assistant(**settings)).recording is recorded


def test_idle_messages_of_the_seed() -> None:
    plan = effective.idle_messages(
        assistant(messagePlan={"idleMessages": ["Hello?"], "idleTimeoutSeconds": 5})
    )

    assert plan == effective.IdleMessages(("Hello?",), 5, 3, False)
