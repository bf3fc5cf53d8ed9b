"""Patterns as JavaScript writes them; what each finds is what Node 22 finds with `new RegExp(source)`."""

from __future__ import annotations

from typing import Any

import pytest

from offhook.schema import Assistant, pattern
from offhook.schema.javascript_pattern import PatternRefused
from offhook.schema.pattern import LONGEST_PATTERN, compiled
from tests.schema.parsing import Invalid, parse


@pytest.mark.parametrize(
    ("source", "text", "found"),
    [
        (r"(?<digits>\d+)", "room 12", "12"),
        (r"[\w-.]+@", "to jo-e.x@y", "jo-e.x@"),
        (r"a\sb", "a\u00a0b", "a\u00a0b"),
        (r"a[^\S\n]b", "a\u3000b", "a\u3000b"),
        (r"[\s\S]{3}", "a\nbc", "a\nb"),
        (r"a.b", "a\rb a\nb a-b", "a-b"),
        (r"\w+", "größe", "gr"),
        (r"end$", "end\n", None),
        (r"[]a", "a", None),
        (r"[^]b", "\nb", "\nb"),
        (r"[[:x]+", "a[:x]", "[:x"),
        (r"a{,3}", "aaa a{,3}", "a{,3}"),
        (r"\/\-\_\e", "/-_e", "/-_e"),
        (r"\cJ\x41\u0042\0", "\nAB\0", "\nAB\0"),
        (r"[\b]", "a\bc", "\b"),
        (r"\Aa", "Aa", "Aa"),
        (r"\uD83D\uDE00", "\U0001f600", "\U0001f600"),
        (r"[\ud83d\ude00-\ud83d\ude4f]", "\U0001f601", "\U0001f601"),
        (r"\uD83C[\uDC00-\uDFFF]", "x\U0001f37b", "\U0001f37b"),
        (r"[\uD800-\uDBFF][\uDC00-\uDFFF]", "x\U0001f37b", "\U0001f37b"),
        (r"\u{1F600}", "\U0001f600", "\U0001f600"),
        (r"[\p{L}]+", "1größe", "größe"),
        (r"\p{Script=Cyrillic}+", "да da", "да"),
        (r"\p{Uppercase_Letter}\P{Lu}", "aBc", "Bc"),
        (r"a{2,3}?", "aaa", "aa"),
        (r"(?i)YES", "yes", "yes"),
        (r"(?s:a.b)", "a\nb", "a\nb"),
    ],
)
def test_a_pattern_finds_what_it_finds_in_javascript(source: str, text: str, found: str | None) -> None:
    match = compiled(source).search(text)
    assert (match and match[0]) == found


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("yes(?=,)", "look ahead"),
        ("(?!no)yes", "look ahead"),
        ("(?<=a)b", "look ahead or behind"),
        ("(?<!a)b", "look ahead or behind"),
        (r"(a)\1", "refer back"),
        (r"(?<x>a)\k<x>", "refer back"),
        ("((a{1000}){1000})", "1000 times"),
        ("a{1001}", "1000 times"),
        ("a{99999999999999}", "1000 times"),
        ("(?:a{0,600}){0,2}", "1000 times"),
        (r"(?:\p{L}{1,30}\s){1,30}", "smaller"),
        ("(", "valid regular expression"),
        (")", "valid regular expression"),
        ("[a", "valid regular expression"),
        ("[b-a]", "valid regular expression"),
        ("a**", "valid regular expression"),
        ("a\\", "valid regular expression"),
        (r"\p{Emoji}", "valid regular expression"),
        (r"\ud83d", "surrogate"),
        ("a" * (LONGEST_PATTERN + 1), f"{LONGEST_PATTERN} characters"),
        ("(" * 1000, "valid regular expression"),
    ],
)
def test_what_cannot_run_in_linear_time_is_refused_with_a_sentence(source: str, why: str) -> None:
    with pytest.raises(PatternRefused, match=why) as refused:
        compiled(source)
    assert str(refused.value).startswith("must ")


def rule(regex: str) -> dict[str, Any]:
    return {"type": "customer", "regex": regex, "timeoutSeconds": 1}


@pytest.mark.parametrize(
    ("assistant", "sentence"),
    [
        (
            {"startSpeakingPlan": {"customEndpointingRules": [rule("ok"), rule("(?=no)")]}},
            "startSpeakingPlan.customEndpointingRules.1.regex must not look ahead or behind",
        ),
        (
            {"startSpeakingPlan": {"customEndpointingRules": [rule(".{0,800}")] * 5}},
            "startSpeakingPlan.customEndpointingRules must have fewer or smaller regular expressions",
        ),
        (
            {
                "voice": {
                    "provider": "vapi",
                    "voiceId": "Elliot",
                    "chunkPlan": {
                        "formatPlan": {"replacements": [{"type": "regex", "regex": r"(.)\1", "value": ""}]}
                    },
                }
            },
            "voice.chunkPlan.formatPlan.replacements.0.regex must not refer back",
        ),
        (
            {
                "model": {
                    "provider": "openai",
                    "model": "gpt-4o",
                    "tools": [
                        {
                            "type": "endCall",
                            "rejectionPlan": {
                                "conditions": [
                                    {
                                        "type": "group",
                                        "operator": "AND",
                                        "conditions": [{"type": "regex", "regex": "("}],
                                    }
                                ]
                            },
                        }
                    ],
                }
            },
            "model.tools.0.rejectionPlan.conditions.0.conditions.0.regex must be a valid regular expression",
        ),
    ],
)
def test_who_writes_such_a_pattern_is_told_where_and_why(assistant: object, sentence: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(Assistant, assistant)
    assert any(each.startswith(sentence) for each in refused.value.sentences), refused.value.sentences


def test_what_was_stored_before_is_still_read() -> None:
    plan = {"startSpeakingPlan": {"customEndpointingRules": [rule("(?=no)")]}}
    assert Assistant.model_validate(plan).start_speaking_plan is not None


def test_the_patterns_of_a_document_are_compiled_as_far_as_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[str] = []
    whole = pattern.compiled

    def noted(source: str, *more: Any) -> Any:
        made.append(source)
        return whole(source, *more)

    monkeypatch.setattr(pattern, "compiled", noted)

    def tools(*sources: str) -> dict[str, Any]:
        plans = ({"conditions": [{"type": "regex", "regex": source}]} for source in sources)
        function = {"type": "function", "function": {"name": "a"}}
        listed = [function | {"rejectionPlan": plan} for plan in plans]
        return {"model": {"provider": "openai", "model": "gpt-4o", "tools": listed}}

    parse(Assistant, tools(*(f"word{n}" for n in range(300))))
    for large in (r"{0}.{{0,900}}", r"{0}(\p{{L}}{{0,900}}){{0,1}}"):  # taken, and too large
        made.clear()
        with pytest.raises(Invalid) as refused:
            parse(Assistant, tools(*(large.format(n) for n in range(300))))
        assert len(made) < 20
        assert "must have fewer or smaller regular expressions beside it" in str(refused.value)


def test_a_refusal_is_kept_as_a_program_is() -> None:
    before = pattern._compiled.cache_info().misses
    for _ in range(3):
        with pytest.raises(PatternRefused):
            compiled(r"kept(\p{L}{0,900}){0,1}")
    assert pattern._compiled.cache_info().misses == before + 1
