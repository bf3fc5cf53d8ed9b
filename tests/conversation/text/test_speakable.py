from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.conversation.profile import profile_of
from offhook.conversation.text.chunks import Chunker, ChunkingPlan
from offhook.conversation.text.formatters import FORMATTERS
from offhook.conversation.text.numbers import numbers
from offhook.conversation.text.patterns import LONGEST_SPOKEN as LONGEST
from offhook.conversation.text.patterns import Pattern, compile_pattern
from offhook.conversation.text.rule_table import Format
from offhook.conversation.text.speakable import FormattingPlan, Replacement, speakable, steps_of
from offhook.conversation.text.spelling import digits, spelled
from offhook.schema.assistants.assistant import Assistant
from offhook.schema.assistants.chunk import Formatter

BARE = FormattingPlan(steps=())


CASES = Path(__file__).with_name("spoken.tsv")


def cases() -> list[tuple[str, str]]:
    """Written and spoken; `\\n` is a line's end."""
    lines = (line.split("\t") for line in CASES.read_text("utf-8").splitlines() if "\t" in line)
    return [(written.replace("\\n", "\n"), spoken) for written, spoken in lines]


@pytest.mark.parametrize(("written", "spoken"), cases())
def test_what_is_written_becomes_what_is_spoken(written: str, spoken: str) -> None:
    assert speakable(written, FormattingPlan()) == spoken


@pytest.mark.parametrize(("written", "spoken"), cases())
@pytest.mark.parametrize("size", [1, 3])
def test_a_form_stays_whole_however_the_tokens_fall(written: str, spoken: str, size: int) -> None:
    chunker = Chunker(ChunkingPlan(min_characters=1))
    pieces = [piece for at in range(0, len(written), size) for piece in chunker.feed(written[at : at + size])]
    said = (speakable(piece, FormattingPlan()) for piece in [*pieces, chunker.flush() or ""])
    assert _words(" ".join(said)) == _words(spoken)


def _words(spoken: str) -> list[str]:
    return re.findall(r"[\w']+", spoken)


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Hello <tag> world", "Hello world"),
        ("If 2 < 3 and 4 > 3", "If two < three and four > three"),
        ("<flush /> Hi", "Hi"),
        (
            'Wait <break time="1s"/> <spell>AB</spell> << x >>',
            "Wait <break time=1s/> <spell>AB</spell> << x >>",
        ),
        ("👍", ""),
        ("...", ""),
    ],
)
def test_tags_and_nothing(written: str, spoken: str) -> None:
    assert speakable(written, FormattingPlan()) == spoken


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("5/9/2025", "Friday, the fifth of September, 2025"),
        ("25/12/25", "Thursday, the twenty-fifth of December, 2025"),
        ("12/25/2025", "Thursday, the twenty-fifth of December, 2025"),
        ("03.04.2026", "Friday, the third of April, 2026"),
        ("2025-12-25", "Thursday, the twenty-fifth of December, 2025"),
        ("by 1/2", "by February 1"),
        ("9am-5pm", "nine AM to five PM"),
    ],
)
def test_where_the_day_comes_first_it_is_taken_first(written: str, spoken: str) -> None:
    assert speakable(written, FormattingPlan(steps_of(day_first=True))) == spoken


@pytest.mark.parametrize(
    ("language", "month"), [("en", "May"), ("en-US", "May"), ("en-GB", "September"), ("en_AU", "September")]
)
def test_the_order_of_a_date_is_the_language_s(language: str, month: str) -> None:
    transcriber = {"provider": "deepgram", "language": language}
    form = profile_of(Assistant.model_validate({"transcriber": transcriber})).form
    assert month in speakable("It is due 5/9/2025.", form)


@pytest.mark.parametrize(
    "text",
    [
        "Estamos abiertos de 9:00 a 17:00 y la consulta cuesta 25,50 € por hora.",
        "Wir haben am 25.12.2025 geschlossen und sind von 10:00 bis 14:00 für Sie da.",
        "Le rendez-vous est le 25/12/2025 à 10:30 et coûte 20 €.",
        "Il prezzo della visita sono 30 €, e siamo aperti dalle 9:00.",
        "営業時間は9:00から17:00までです。",
        "Мы открыты с 9:00 до 17:00, номер 5.",
    ],
)
def test_english_words_stay_out_of_another_language(text: str) -> None:
    form = profile_of(Assistant.model_validate({})).form
    assert speakable(text, form) == text


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Call Señor Díaz at 10:30.", "Call Señor Díaz at ten thirty."),
        ("The café on La Rue de la Paix opens at 9 AM.", "The café on La Rue de la Paix opens at nine AM."),
        ("El Paso, 5 PM", "El Paso, five PM"),
    ],
)
def test_a_foreign_name_does_not_make_a_text_foreign(text: str, spoken: str) -> None:
    form = profile_of(Assistant.model_validate({})).form
    assert speakable(text, form) == spoken


def test_each_formatter_of_the_api_is_there() -> None:
    assert {*FORMATTERS, "number"} == set(get_args(Formatter))


@pytest.mark.parametrize(
    ("chosen", "spoken"),
    [
        ([], "**A** *b* is $5"),
        (["stripAsterisk"], "A b is $5"),
        (["asterisk"], "is $5"),
        (["dollarAmount"], "**A** *b* is five dollars"),
    ],
)
def test_only_the_formatters_that_are_chosen_apply(chosen: list[Formatter], spoken: str) -> None:
    assert speakable("**A** *b* is $5", FormattingPlan(steps_of(chosen))) == spoken


def test_words_are_made_for_english_only() -> None:
    assert speakable("**Son** 5 km — a las 10:30\nGracias", FormattingPlan(steps_of(english=False))) == (
        "Son 5 km, a las 10:30. Gracias"
    )


def test_without_formatting_only_tags_go() -> None:
    assert speakable("**12345** <b>x</b>", BARE) == "**12345** x"


def test_replacements_apply_to_what_is_written_or_else_to_what_is_spoken() -> None:
    plan = FormattingPlan(
        replacements=(
            Replacement("S I P", text="SIP"),
            Replacement("hi", pattern=compile_pattern(r"\bhello\b", ["ignore-case"], groups=True)),
            Replacement("y", text="x", every=True),
            Replacement("a handful", text="five"),
            Replacement("S Q L language", text="SQL"),
        )
    )
    assert speakable("Hello SIP, SIP x x 5 SQL", plan) == "hi S I P, SIP y y a handful S Q L language"


@pytest.mark.parametrize(
    ("regex", "value", "written", "spoken"),
    [
        (r"(\d{3})(\d{3})(\d{4})", "($1) $2-$3", "at 4155550132", "at (415) 555-0132"),
        ("colou?r", "hue", "color and colour", "hue and hue"),
        (
            r"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Z|a-z]{2,}\b", "[EMAIL]", "to a.b@c.de now",
            "to [EMAIL] now",
        ),
        ("(?<unit>kg)", "$1s for $$5, $& and $2", "kg", "kgs for $5, kg and $2"),
        ("(a)|b", "x$1!", "b", "x!"),
    ],
)  # fmt: skip
def test_a_replacement_refers_to_what_it_matched(regex: str, value: str, written: str, spoken: str) -> None:
    plan = FormattingPlan((), (Replacement(value, pattern=compile_pattern(regex, groups=True)),))
    assert speakable(written, plan) == spoken


def test_replacements_cannot_make_a_text_without_end() -> None:
    many = tuple(Replacement("b" * 1000, text="b", every=True) for _ in range(9))
    assert len(speakable("b" * 300, FormattingPlan((), many))) <= LONGEST


def test_the_cutoff_is_the_owner_s() -> None:
    assert numbers(100)("Room 404") == "Room 4 0 4"
    assert numbers(300_000)("zip 94110") == "zip ninety-four thousand one hundred ten"
    assert numbers(2025)("in 2026, 2025") == "in 2 0 2 6, 2025"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"), (13, "thirteen"), (20, "twenty"), (99, "ninety-nine"), (100, "one hundred"),
        (1000, "one thousand"), (1100, "eleven hundred"), (1101, "one thousand one hundred one"),
        (2000, "two thousand"), (10_000, "ten thousand"), (-7, "minus seven"),
        (1_002_003, "one million two thousand three"), (10**15, digits(str(10**15))),
    ],
)  # fmt: skip
def test_numbers_in_words(number: int, words: str) -> None:
    assert spelled(number) == words


@given(st.text(alphabet="0123456789 -+./:,$%()@*_<>\nabAPMkmx°", max_size=300))
@settings(max_examples=300, deadline=None)
def test_whatever_is_written_can_be_spoken(text: str) -> None:
    spoken = speakable(text, FormattingPlan())
    assert len(spoken) <= 12 * len(text) + 60


@pytest.mark.parametrize(
    "text", [" ", "\n", " \n", "[", "![", "[a](", "(", "*", "1 ", "+1 ", "11 ", "-", "a@", "<"]
)
def test_what_is_made_of_marks_is_looked_through_once(text: str) -> None:
    """Twice as long a text takes about twice as many steps: runs of space are one, and links hold none."""
    assert len(speakable(f"Yes.{text * 2000} No.", FormattingPlan())) <= 3 * LONGEST


def test_runs_of_space_are_one() -> None:
    assert speakable("One \t  two.\n \n\n Three   –   four", FormattingPlan()) == "One two. Three, four"


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "replacement",
    [
        Replacement("a" * 5_000_000, text="a", every=True),
        Replacement("b" * 5_000_000, text="a", every=True),
        Replacement("$`" * 1_000_000, pattern=compile_pattern("a", groups=True)),
        Replacement("$'$&" * 1_000_000, pattern=compile_pattern("a", groups=True)),
        Replacement("$1$<b>" * 1_000_000, pattern=compile_pattern("(a)(?<b>a)", groups=True)),
    ],
)
def test_a_replacement_makes_no_more_than_can_be_spoken(
    replacement: Replacement, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    joined = Pattern._substitution

    def counting(*given: Any) -> str:
        result = joined(*given)
        made.append(len(result))
        return result

    monkeypatch.setattr(Pattern, "_substitution", counting)
    plan = FormattingPlan(steps=(), replacements=(replacement,) * 20)
    assert len(speakable("a" * 3000, plan)) <= LONGEST
    assert sum(made) <= 20 * 3 * LONGEST


def test_a_replacement_by_nothing_leaves_out_one_or_all() -> None:
    one, every = Replacement("", text="a"), Replacement("", text="a", every=True)
    assert speakable("banana", FormattingPlan(steps=(), replacements=(one,))) == "bnana"
    assert speakable("banana", FormattingPlan(steps=(), replacements=(every,))) == "bnn"


@pytest.mark.parametrize("mark", ["`", "_", "“", "~", "👍"])
def test_runs_of_space_that_marks_leave_behind_are_one_for_the_next_step(mark: str) -> None:
    seen: list[str] = []

    def look(step: Format) -> Format:
        def looking(text: str) -> str:
            seen.append(text)
            return step(text)

        return looking

    plan = FormattingPlan(steps=tuple(look(step) for step in steps_of()))
    for space in ("\n", " ", " \n"):
        speakable(f"a{(space + mark) * 500} b", plan)
    assert all("  " not in text and "\n\n" not in text for text in seen)
