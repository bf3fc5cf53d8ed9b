from __future__ import annotations

import pytest

from offhook.speech.joined import joined


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        (("Hello there.", "How are you?"), "Hello there. How are you?"),
        (("  a table ", "", " for two "), "a table for two"),
        (("I would like", ", well, a table", "."), "I would like, well, a table."),
        (("It costs 20", "%", "more"), "It costs 20% more"),
        (("That is John", "'s number"), "That is John's number"),
        (("He said", "'hello'"), "He said 'hello'"),
        (("It is at", ".5 miles"), "It is at .5 miles"),
        (("Call me (", "after five", ")"), "Call me (after five)"),
        (("你好。", "我想订一张桌子"), "你好。我想订一张桌子"),
        (("我想订", "两个人的桌子", "。"), "我想订两个人的桌子。"),
        (("はい、", "お願いします。"), "はい、お願いします。"),
        (("สวัสดี", "ครับ"), "สวัสดีครับ"),
        (("안녕하세요.", "두 명이요."), "안녕하세요. 두 명이요."),
        (("我要", "iPhone"), "我要 iPhone"),
        (("我要。", "OK"), "我要。OK"),
        (("¿", "Qué hora es", "?"), "¿Qué hora es?"),
        ((), ""),
    ],
)
def test_pieces_are_joined_as_they_are_written(parts: tuple[str, ...], whole: str) -> None:
    assert joined(*parts) == whole


def test_joining_again_changes_nothing() -> None:
    parts = ["你好。", "A table", ", please", "。", "for two."]
    assert joined(joined(*parts[:3]), *parts[3:]) == joined(*parts)
