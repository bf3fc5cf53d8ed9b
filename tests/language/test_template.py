from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.language.template import LONGEST_TEMPLATE, builtin_variables, render

NOON = datetime(2024, 1, 1, 12, 0, tzinfo=UTC).timestamp()


def fill(text: str, **variables: object) -> str:
    return render(text, variables, NOON)


def test_the_clocks_variables_are_in_utc() -> None:
    assert fill("{{now}}; {{date}}; {{time}}; {{month}}; {{day}}; {{year}}") == (
        "Jan 1, 2024 12:00 PM; Jan 1, 2024; 12:00 PM; January; 1; 2024"
    )
    evening = datetime(2024, 3, 9, 0, 5, tzinfo=UTC).timestamp()
    assert builtin_variables(evening)["time"] == "12:05 AM"
    assert builtin_variables(evening + 13 * 3600)["time"] == "1:05 PM"


@pytest.mark.parametrize(
    ("filters", "text"),
    [
        ("last", "3"),
        ("last: 2 | join: ','", "2,3"),
        ("last: 9 | join: ','", "1,2,3"),
        ("last: 0 | size", "0"),
        ("last: 'x' | size", "0"),
    ],
)
def test_the_last_filter_takes_a_number(filters: str, text: str) -> None:
    assert fill(f"{{{{ items | {filters} }}}}", items=[1, 2, 3]) == text
    assert fill("{{ nothing | last }}{{ nothing | last: 2 | size }}") == "0"


def test_the_date_filter_takes_a_time_zone() -> None:
    form = '{{"now" | date: "%A, %B %d, %Y, %I:%M %p", "America/Los_Angeles"}}'
    assert fill(form) == "Monday, January 01, 2024, 04:00 AM"
    assert fill('{{ "now" | date: "%H:%M" }}') == "12:00"
    assert fill('{{ "now" | date: "%H:%M", "Nowhere/Atall" }}') == "12:00"
    assert fill('{{ "now" | date: "%H:%M", "../../etc/passwd" }}') == "12:00"
    assert fill('{{ "now" | date: "%H:%M", -120 }}') == "14:00"


@pytest.mark.parametrize(
    ("value", "hour"),
    [
        ("2024-05-01T10:00:00Z", "10"),
        ("2024-05-01T10:00:00+02:00", "08"),
        ("Jan 1, 2024 12:00 PM", "12"),
        (1714557600, "10"),
        ("1714557600", "10"),
        ("whenever", "whenever"),
        (None, ""),
    ],
)
def test_the_date_filter_reads_moments(value: object, hour: str) -> None:
    assert fill('{{ at | date: "%H" }}', at=value) == hour


def test_variables_of_the_call() -> None:
    text = "Hello {{customer.name}}, you called {{ phoneNumber.number }}."
    filled = fill(text, customer={"name": "Ann"}, phoneNumber={"number": "+1555"})
    assert filled == "Hello Ann, you called +1555."


def test_the_calls_own_variables_win() -> None:
    assert fill("{{now}}", now="never") == "never"


def test_a_hyphenated_variable_can_be_written_with_underscores() -> None:
    variables = {"first-name": "John"}
    assert render("{{first_name}} {{first-name}}", variables, NOON) == "John John"
    assert render("{{first_name}}", {**variables, "first_name": "Jack"}, NOON) == "Jack"


def test_a_missing_variable_is_blank() -> None:
    assert fill("Hello {{ name }}{{ customer.name.first }}!") == "Hello !"


def test_liquid_works() -> None:
    assert fill("{% if vip %}Welcome back{% else %}Hello{% endif %}", vip=True) == "Welcome back"
    assert fill("{% for i in items %}{{ i | upcase }} {% endfor %}", items=["a", "b"]) == "A B "
    assert fill('{{ name | default: "friend" }}') == "friend"
    assert fill('{{ "a b" | replace: " ", "-" }}{{ "x" | nosuchfilter }}') == "a-bx"


@pytest.mark.parametrize(
    "text", ["{{ broken", "{% if x %}", '{% include "x" %}', '{% render "x" %}', "{{ 1 | divided_by: 0 }}"]
)
def test_a_broken_template_is_left_as_it_was(text: str) -> None:
    assert fill(text) == text


def test_a_broken_template_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            fill("{{ broken only here")
    assert len(caplog.records) == 1
    assert "\n" not in caplog.records[0].getMessage()


@pytest.mark.parametrize(
    "text",
    [
        "{% for i in (1..1000000000) %}x{% endfor %}",
        "{% tablerow i in (1..1000000000) %}x{% endtablerow %}",
        '{{ (1..1000000000) | join: "," }}',
        '{% assign s = "aaaaaaaaaa" %}{% for i in (1..20) %}{% assign s = s | replace: "a", s %}{% endfor %}',
        '{% assign s = "aaaaaaaaaa" %}{% for i in (1..40) %}{% assign s = s | append: s %}{% endfor %}',
        "{% assign x = 10 %}{% for i in (1..100) %}{% assign x = x | times: x %}{% endfor %}",
        '{% assign a = "x,x" | split: "," %}{% for i in (1..40) %}{% assign a = a | concat: a %}{% endfor %}',
        "{% capture a %}xxxxxxxxxx{% endcapture %}{% for i in (1..40) %}"
        "{% capture a %}{{a}}{{a}}{% endcapture %}{% endfor %}",
        "{% for i in (1..99) %}{% for j in (1..99) %}{{ i }}{% endfor %}{% endfor %}",
        "{{ 'now' | date: '" + "%A" * 200 + "' }}",
        "{{ x }}" + "y" * LONGEST_TEMPLATE,
        "{{ x" + " | upcase" * 30000 + " }}",
        "{% if x %}" * 2000 + "{% endif %}" * 2000,
    ],
)
def test_what_asks_for_too_much_is_left_as_it_was(text: str) -> None:
    assert fill(text, x="value") == text


@given(st.text(max_size=80), st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3))
@settings(max_examples=150, deadline=None)
def test_no_text_raises(text: str, variables: dict[str, str]) -> None:
    render("{{" + text + "}}", variables, NOON)
    render("{%" + text + "%}{{x}}", variables, NOON)


@given(st.text(max_size=200).filter(lambda text: "{{" not in text and "{%" not in text))
@settings(max_examples=50, deadline=None)
def test_plain_text_is_untouched(text: str) -> None:
    assert fill(text) == text
