from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.conversation.profile import profile_of
from offhook.conversation.text.patterns import MOST_STEPS, Pattern, compile_pattern, compile_patterns
from offhook.schema.assistants.assistant import Assistant
from offhook.schema.pattern import _compiled

SENTENCE = "well I think that my number would be the one that I gave to your colleague on the phone "


def pattern_of(source: str, *options: str, groups: bool = False) -> Pattern:
    pattern = compile_pattern(source, options, groups)
    assert pattern is not None
    return pattern


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "source",
    [
        r".*.*.*.*\d$",
        r"\w+.*\w+.*\d$",
        r"(a|aa|ab|b)*c",
        "(a+)+$",
        "(x+x+)+y",
        "(?:x*y*)*z",
        "(a|a)*b",
        "(?:a{0,20}){0,20}b",
        "(.*a){12}$",
        r"(\w|\s)*\d$",
        r"[a-z]*e[a-z ]{200}9",
    ],
)
@pytest.mark.parametrize("text", ["a" * 100_000, "x" * 100_000, SENTENCE * 1000, "ab" * 50_000])
def test_a_pattern_that_backtracks_for_ever_elsewhere_ends_here(source: str, text: str) -> None:
    # `re` does not come back from most of these within a day.
    pattern_of(source).found_in(text)
    pattern_of(source, groups=True).replace_in(text[:2000], "-")


@pytest.mark.parametrize("source", [r"(a)\1", "(", "x" * 1001, "(?=a)b", "((a{1000}){1000})"])
def test_patterns_that_are_broken_or_need_to_go_back_are_left_out(source: str) -> None:
    assert compile_pattern(source) is None


@pytest.mark.parametrize(
    ("source", "text", "found"),
    [
        ("cat", "I love cats", True),
        ("^cat$", "I love cats", False),
        (r"(account|order) number\b", "your order number?", True),
        (r"\d{3}-?\d{4}", "555-0192", True),
        ("[(+*]+", "1+1", True),
        ("(yes|no)?$", "maybe", True),
    ],
)
def test_ordinary_patterns_search_like_regexp_test(source: str, text: str, found: bool) -> None:
    assert pattern_of(source).found_in(text) is found


def test_options() -> None:
    whole, loose = pattern_of("cat", "whole-word", "ignore-case"), pattern_of("CAT", "ignore-case")
    assert not whole.found_in("cats")
    assert whole.found_in("a CAT.")
    assert loose.found_in("cats")
    assert pattern_of("GRÜSS", "ignore-case").found_in("grüss")
    assert pattern_of("^b$", "multi-line").found_in("a\nb\nc")


@pytest.mark.parametrize(
    ("text", "found"), [("да", True), ("ну да, да", True), ("дача", False), ("вода", False), ("«да»", True)]
)
def test_whole_words_are_whole_in_every_script(text: str, found: bool) -> None:
    assert pattern_of("да", "whole-word").found_in(text) is found


def test_a_long_text_is_looked_at_as_far_as_the_work_is_bounded() -> None:
    pattern = pattern_of("needle")
    assert pattern.found_in("x" * 10_000 + "needle" + "x" * 10_000)
    assert not pattern.found_in("needle" + "x" * MOST_STEPS)


def test_many_patterns_share_the_time_of_one() -> None:
    alone = pattern_of("needle")
    (among_many, *_) = compile_patterns([("needle", ())] * 200)
    assert among_many is not None
    text = "needle" + "x" * 20_000
    assert alone.found_in(text)
    assert not among_many.found_in(text)


def test_patterns_for_which_there_is_no_room_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    found = compile_patterns([(f".{{0,{800 + n}}}", ()) for n in range(6)])
    assert found[0] is not None
    assert found[-1] is None
    assert "left out" in caplog.text


def test_patterns_that_are_too_large_are_not_all_tried() -> None:
    before = _compiled.cache_info().misses
    too_large = [(rf"{n}(\p{{L}}{{0,900}}){{0,1}}", ()) for n in range(100)]
    assert compile_patterns([*too_large, ("a", ())])[-1] is None
    assert _compiled.cache_info().misses - before < 5
    assert compile_patterns([too_large[0], ("(?=a)", ()), ("a", ())])[-1] is not None


@pytest.mark.parametrize(
    ("source", "options", "text", "value", "result"),
    [
        (r"(\d+) dollars", (), "5 dollars", "$$$1", "$5"),
        ("b", (), "abc", "[$`|$&|$']", "a[a|b|c]c"),
        ("(?<who>Jo)e", (), "Joe", "$<who>hn$<none>", "John"),
        ("(a)(b)?", (), "a", "$2$1$3$10", "a$3a0"),
        ("x*", (), "axb", "-", "-a--b-"),
        ("cat", ("whole-word",), "cat cat cats", "dog", "dog dog cats"),
        ("(c)at", ("whole-word",), "a cat, cat", "$1$&", "a ccat, ccat"),
        (r"\uD83C[\uDC00-\uDFFF]", (), "a \U0001f37b b", "", "a  b"),
        ("a", (), "\ud83da", "b", "?b"),
    ],
)
def test_replacing_is_javascript_s(
    source: str, options: tuple[str, ...], text: str, value: str, result: str
) -> None:
    assert pattern_of(source, *options, groups=True).replace_in(text, value) == result


def test_a_stored_rule_that_cannot_run_is_left_out_and_the_others_stay(
    caplog: pytest.LogCaptureFixture,
) -> None:
    both = {"type": "both", "assistantRegex": "a", "customerRegex": r"(b)\1", "timeoutSeconds": 3}
    rules = [
        {"type": "customer", "regex": "(?!x)y", "timeoutSeconds": 1},
        both,
        {"type": "assistant", "regex": "a", "timeoutSeconds": 2},
        both | {"customerRegex": "c"},
    ]
    assistant = Assistant.model_validate({"startSpeakingPlan": {"customEndpointingRules": rules}})
    assert [rule.seconds for rule in profile_of(assistant).start.rules] == [2, 3]
    assert "must not look ahead" in caplog.text
    assert "must not refer back" in caplog.text


@given(st.text(alphabet="ab()[]{}*+?|\\^$,.1uD8", max_size=24))
@settings(max_examples=300, deadline=None)
def test_whatever_is_accepted_ends(source: str) -> None:
    for pattern in (
        compile_pattern(source, groups=True),
        compile_pattern(source, ["whole-word"], groups=True),
    ):
        if pattern is not None:
            pattern.found_in("ab" * 200)
            pattern.replace_in("ab" * 200, "$1")
