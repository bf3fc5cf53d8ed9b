from __future__ import annotations

from typing import Any

from offhook.conversation.profile import Profile, profile_of
from offhook.conversation.text.chunks import SENTENCE_BOUNDARIES, ChunkingPlan
from offhook.conversation.text.speakable import FormattingPlan, speakable
from offhook.conversation.turns.wait_function import default_wait
from offhook.schema.assistants.assistant import Assistant
from offhook.schema.base import document


def profile(**document: Any) -> Profile:
    return profile_of(Assistant.model_validate(document))


def voice(**chunk_plan: Any) -> dict[str, Any]:
    return {"voice": {"provider": "vapi", "voiceId": "Elliot", "chunkPlan": chunk_plan}}


def test_an_empty_assistant_has_the_defaults() -> None:
    empty = profile()
    assert (empty.name, empty.first_message, empty.end_call_message, empty.tools, empty.system) == (
        None,
        "",
        None,
        (),
        (),
    )
    assert (empty.silence_seconds, empty.most_seconds) == (30, 600)
    assert (empty.start.wait_seconds, empty.start.on_no_punctuation, empty.start.rules) == (0.4, None, ())
    assert (empty.stop.num_words, empty.stop.voice_seconds, empty.stop.backoff_seconds) == (0, 0.2, 1)
    assert empty.chunks == ChunkingPlan(True, 30, SENTENCE_BOUNDARIES)
    assert empty.form == FormattingPlan()
    assert not empty.first_message_interruptible


def test_the_prompt_keeps_roles_that_can_be_shown() -> None:
    messages = [
        {"role": role, "content": role} for role in ("system", "user", "assistant", "tool", "function")
    ]
    shown = profile(model={"provider": "vapi", "messages": messages}).system
    assert [message["role"] for message in shown] == ["system", "user", "assistant"]


def test_tools_are_documents() -> None:
    tool = {
        "type": "function",
        "function": {"name": "a"},
        "async": True,
        "messages": [{"type": "request-start"}],
    }
    assert [document(one) for one in profile(model={"provider": "vapi", "tools": [tool]}).tools] == [tool]


def test_endpointing_rules_are_compiled_and_bad_ones_left_out() -> None:
    rules = [
        {"type": "customer", "regex": "(?!a)b", "timeoutSeconds": 9},
        {"type": "assistant", "regex": "name", "timeoutSeconds": 3},
        {"type": "both", "assistantRegex": "(", "customerRegex": "x", "timeoutSeconds": 9},
        {
            "type": "both",
            "assistantRegex": "NUMBER",
            "assistantRegexOptions": [{"type": "ignore-case", "enabled": True}],
            "customerRegex": "five",
            "timeoutSeconds": 2,
        },
        {
            "type": "customer",
            "regex": "YES",
            "regexOptions": [{"type": "ignore-case", "enabled": False}],
            "timeoutSeconds": 0.2,
        },
    ]
    start = profile(startSpeakingPlan={"waitSeconds": 0, "customEndpointingRules": rules}).start
    assert [rule.seconds for rule in start.rules] == [3, 2, 0.2]
    assert start.wait("my", "Your name?") == 3
    assert start.wait("five", "Your number?") == 2
    assert start.wait("YES", "") == 0.2
    assert start.wait("yes", "", whole=True) == 0.8


def test_smart_endpointing_old_and_new() -> None:
    assert profile(startSpeakingPlan={"smartEndpointingEnabled": True}).start.smart is default_wait
    plan = {"provider": "livekit", "waitFunction": "1000 * x"}
    own = profile(startSpeakingPlan={"smartEndpointingPlan": plan}).start.smart
    assert own is not None
    assert own(0.5) == 0.5
    assert profile(startSpeakingPlan={}).start.smart is None


def test_the_chunk_plan_of_the_voice() -> None:
    plan = profile(**voice(minCharacters=5, punctuationBoundaries=["||", "!"]))
    assert plan.chunks == ChunkingPlan(True, 5, frozenset("|!"))
    off = profile(**voice(enabled=False))
    assert (off.chunks.enabled, off.form.steps) == (False, ())


def test_the_format_plan_of_the_voice() -> None:
    replacements = [
        {"type": "exact", "key": "SQL", "value": "sequel"},
        {"type": "regex", "regex": "[0-9]+ km", "value": "far"},
        {"type": "regex", "regex": "(b+)+", "value": "never"},
    ]
    form = profile(**voice(formatPlan={"numberToDigitsCutoff": 10, "replacements": replacements})).form
    assert speakable("SQL SQL, 12 km, 9, 42", form) == "sequel S Q L, far, nine, 4 2"
    assert speakable("Room 404", form) == "Room 4 0 4"
    assert profile(**voice(formatPlan={"enabled": False})).form.steps == ()


def test_silence_and_idle_messages() -> None:
    plan = profile(
        silenceTimeoutSeconds=12,
        messagePlan={"idleMessages": ["Hello?"], "idleTimeoutSeconds": 4, "silenceTimeoutMessage": "Bye."},
    )
    assert (plan.silence_seconds, plan.silence_message, plan.idle.messages, plan.idle.timeout_seconds) == (
        12,
        "Bye.",
        ("Hello?",),
        4,
    )


def test_a_word_alone_may_be_a_misheard_hum_in_english_only() -> None:
    german = {"transcriber": {"provider": "deepgram", "language": "de"}}
    assert profile().stop.may_be_misheard("Fort.")
    assert not profile(**german).stop.may_be_misheard("Stopp!")
