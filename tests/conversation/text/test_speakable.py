from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.conversation.text.formatters import FORMATTERS, Format, numbers
from offhook.conversation.text.patterns import LONGEST_SPOKEN as LONGEST
from offhook.conversation.text.patterns import Pattern, compile_pattern
from offhook.conversation.text.speakable import FormattingPlan, Replacement, speakable, steps_of
from offhook.conversation.text.spelling import digits, spelled
from offhook.schema.assistants.chunk import Formatter

BARE = FormattingPlan(steps=())


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        # markdown, asterisks, quotes, dashes, lines
        ("**Hello** _there_, `you` ~~all~~", "Hello there, you all"),
        ("It is in snake_case", "It is in snake case"),
        ("# Hours\n- Monday\n- Tuesday", "Hours. Monday. Tuesday"),
        ("1. First.\n\n2. Second.", "one. First. two. Second."),
        ("See [our site](https://example.com/a?b=c).", "See our site."),
        ("Great 👍 job ✨", "Great job"),
        ("He said “no” and it’s *fine*", "He said no and it's fine"),
        ("Yes — of course – now", "Yes, of course, now"),
        ("from 9–5", "from nine to five"),
        ("a well-known one", "a well-known one"),
        ("Our price: $42.50", "Our price. forty-two dollars and fifty cents"),
        ("Tom & Ann", "Tom and Ann"),
        # acronyms
        ("NASA and .NET", "nasa and dot net"),
        ("Send an SMS to HR or the FBI", "Send an S M S to H R or the FBI"),
        ("OK, I am in the USA", "OK, I am in the USA"),
        # money
        ("It costs $5.", "It costs five dollars."),
        ("It costs $1,200.50 now", "It costs twelve hundred dollars and fifty cents now"),
        ("Just $1 or $0.01 or $0.99", "Just one dollar or one cent or ninety-nine cents"),
        ("$2.5 million", "two point five million dollars"),
        ("€3 or £4.05", "three euros or four pounds and five pence"),
        # addresses
        ("JOHN.DOE@example.COM", "JOHN dot DOE at example dot COM"),
        (
            "Write to a_b-c+d@mail.example.org.",
            "Write to a underscore b dash c plus d at mail dot example dot org.",
        ),
        ("See https://www.example.com/hours?x=1 now", "See example dot com slash hours now"),
        # dates and times
        ("2023-05-10", "Wednesday, May 10, 2023"),
        ("on 2023 05 10", "on Wednesday, May 10, 2023"),
        ("due 5/9/2025", "due Friday, May 9, 2025"),
        ("due 25/12/2025.", "due Thursday, December 25, 2025."),
        ("13/13/2025", "13/13/2025"),
        ("On May 10 or March 3, 2026", "On May 10 or March 3, 2026"),
        ("at 10:30", "at ten thirty"),
        ("at 9:05 p.m. or 10:00 AM", "at nine oh five PM or ten AM"),
        ("from 10:00 to 14:00", "from ten o'clock to fourteen"),
        ("7:15pm", "seven fifteen PM"),
        ("odds of 3:75", "odds of 3:75"),
        # measures
        ("5km or 1 km", "five kilometers or one kilometer"),
        ("6 ft and 2 mi", "six feet and two miles"),
        ("43 lb", "forty-three pounds"),
        ("100 km/h at 20 °C", "one hundred kilometers per hour at twenty degrees Celsius"),
        ("50% off", "fifty percent off"),
        # telephone
        ("123-456-7890", "1 2 3 4 5 6 7 8 9 0"),
        ("Call (415) 555-0132 now", "Call 4 1 5 5 5 5 0 1 3 2 now"),
        ("+1 415 555 0132", "1 4 1 5 5 5 5 0 1 3 2"),
        ("+41445551234.", "4 1 4 4 5 5 5 1 2 3 4."),
        ("Dial 555-0132", "Dial 5 5 5 0 1 3 2"),
        ("rooms 10 20 30", "rooms ten twenty thirty"),
        # numbers
        ("-9 and 2.5 in 2023", "minus nine and two point five in 2023"),
        ("1200 or 1,200,000", "twelve hundred or one million two hundred thousand"),
        ("Your code is 12345.", "Your code is 1 2 3 4 5."),
        ("Order 007", "Order 0 0 7"),
        ("In 1999 or 2026", "In 1999 or 2026"),
        ("B2B on the 1st of 1/2", "B2B on the 1st of 1/2"),
        ("version 1.2.3", "version 1.2.3"),
        ("101 dalmatians, 21 spots", "one hundred one dalmatians, twenty-one spots"),
        # tags and nothing
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
)  # fmt: skip
def test_what_is_written_becomes_what_is_spoken(written: str, spoken: str) -> None:
    assert speakable(written, FormattingPlan()) == spoken


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
