from __future__ import annotations

import pytest

from offhook.language.thinking import Thoughts

CASES = [
    ("<think>Let me see.</think>Hello.", "Hello."),
    ("Hello. <thinking>Hm.</thinking>How are you?", "Hello. How are you?"),
    ("One.<THINK>a</THINK> Two.<think>b</think> Three.", "One. Two. Three."),
    ("<thought>x</thought><reasoning>y</reasoning>Yes.", "Yes."),
    ("[THINK]Hm.[/THINK]Yes, [sure].", "Yes, [sure]."),
    ("◁think▷嗯◁/think▷好的。", "好的。"),
    ("<think>it never ends", ""),
    ("Yes. <think>it never ends", "Yes. "),
    ("<think>a < b, <b>so</b> </thin</think>3 < 4 <b>now</b> <", "3 < 4 <b>now</b> <"),
    ("a <thin line", "a <thin line"),
    ("<think></think>\n\nHello.", "\n\nHello."),
    (
        "<|channel|>analysis<|message|>A greeting.<|end|><|start|>assistant<|channel|>final<|message|>Hi!"
        "<|return|>",
        "Hi!",
    ),
    (
        "<|start|>assistant<|channel|>commentary<|message|>{}<|call|><|start|>assistant<|message|>Hi!<|end|>",
        "Hi!",
    ),
    ("<|channel|>final<|message|>Hi!", "Hi!"),
    ("<|channel|>analysis<|message|>it never ends", ""),
    (
        "<|begin_of_thought|>Hm.<|end_of_thought|><|begin_of_solution|>Yes.<|end_of_solution|>",
        "Yes.",
    ),
    ("<|channel>thought\nHm.<channel|>Yes.", "Yes."),
    ("<|START_THINKING|>Hm.<|END_THINKING|><|START_RESPONSE|>Yes.<|END_RESPONSE|>", "Yes."),
]


@pytest.mark.parametrize(("text", "said"), CASES)
def test_only_what_is_for_the_caller_is_left_wherever_the_tokens_part(text: str, said: str) -> None:
    for size in range(1, len(text) + 1):
        thoughts = Thoughts()
        got = [thoughts.feed(text[start : start + size]) for start in range(0, len(text), size)]
        assert "".join(got) + thoughts.end() == said, size
    for cut in range(1, len(text)):
        thoughts = Thoughts()
        assert thoughts.feed(text[:cut]) + thoughts.feed(text[cut:]) + thoughts.end() == said, cut


def test_text_without_tags_is_not_held_back() -> None:
    thoughts = Thoughts()
    for token in ("We", " are", " open", ". 3 <", " 4", " [maybe", "]"):
        thoughts.feed(token)
    assert thoughts.feed(" now") == " now"


def test_thoughts_that_the_prompt_has_opened() -> None:
    assert Thoughts().feed("The caller greets.</think>Hello.") == "Hello."


@pytest.mark.parametrize(
    ("pieces", "said", "thought_first"),
    [
        (("Hm", ".</th", "ink>", "Yes", "."), ["", "", "", "Yes", ".", ""], True),
        (("Hm.</think>Hm.</think>", "Yes."), ["", "Yes.", ""], True),
        (("<think>", "Hm.", "</think>Yes", "."), ["", "", "Yes", ".", ""], False),
        (("Yes", " <think>", "Hm.</think>", "."), ["", "Yes ", "", ".", ""], False),
        (("<|channel|>analysis<|message|>", "Hm.<|end|>", "Yes."), ["", "", "Yes.", ""], False),
        (("Ye", "s. <"), ["", "", "Yes. <"], False),
    ],
)
def test_text_that_waits_until_it_is_known_what_it_is(
    pieces: tuple[str, ...], said: list[str], thought_first: bool
) -> None:
    thoughts = Thoughts(thinks_first=True)
    assert [*map(thoughts.feed, pieces), thoughts.end()] == said
    assert thoughts.thought_first is thought_first


def test_what_is_held_back_stays_short() -> None:
    thoughts = Thoughts()
    for _ in range(10_000):
        thoughts.feed("<<<<<think<|channel|>xxxxxxxx<")
        assert len(thoughts._held) < 30
        assert len(thoughts._channel or "") < 30
