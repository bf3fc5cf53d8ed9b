"""Templates that exist to be slow or large. What is too much is left as it was written."""

from __future__ import annotations

from typing import Any

import pytest

from offhook.language import template
from offhook.language.template import render
from offhook.language.template_shape import LONGEST_MARK, MOST_CODE, MOST_MARKS, code_of

ITEMS: dict[str, Any] = {"x": list(range(9000)), "t": ",".join(map(str, range(9000)))}


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text",
    [
        "{{" * 60_000,
        "{%" * 60_000,
        "{{ '" * 40_000,
        "{% raw %}" * 20_000,
        "{% doc %}" * 20_000,
        "{% comment %}" * 15_000,
        "{{" + " " * 190_000,
        "{{ a " + " " * 190_000 + "}}",
        "{{ a" + " | upcase" * 19_000 + " }}",
        "{{ a" + ".b" * 90_000 + "}}",
        "{% if a" + " and a" * 29_000 + " %}{% endif %}",
        "{% if a %}" + "{% elsif b %}" * 14_000 + "{% endif %}",
        "{{ a }} " * 24_000,
        "{% for i in (1..1000000000) %}x{% endfor %}",
        "{% for i in (1..1000000000) reversed limit: 1 %}x{% endfor %}",
        "{% for i in (1..1000000000) limit: 2 offset: 999999990 %}x{% endfor %}",
        "{% for i in (1..1000000000) reversed %}x{% endfor %}",
        "{% tablerow i in (1..1000000000) reversed limit: 1 %}x{% endtablerow %}",
        "{{ (1..1000000000) | last }}",
        "{% assign r = (1..1000000000) %}{% if r contains 'x' %}y{% endif %}",
        "{% for i in (1..2000) %}{% assign b = x | uniq %}{% endfor %}",
        "{{ x | uniq }}",
        "{% for i in (1..2000) %}{% assign b = x | sort %}{% endfor %}",
        "{% for i in (1..2000) %}{% assign b = t | split: ',' %}{% endfor %}",
    ],
    ids=lambda text: text[:40],
)
def test_what_asks_for_too_much_is_left_as_it_was_written(text: str) -> None:
    # Some of these took the parser or the loops minutes, and gigabytes.
    assert render(text, ITEMS, 0.0) == text


def test_ordinary_work_is_still_done() -> None:
    assert render("{{ x | split: ',' | uniq | join: '' }}", {"x": "a,b,a,c"}, 0.0) == "abc"
    assert render("{% for i in (1..50) %}{{ i }}{% endfor %}", {}, 0.0) == "".join(map(str, range(1, 51)))
    assert render("{% raw %}{{ a }}{% endraw %}", {"a": 1}, 0.0) == "{{ a }}"
    prompt = "You are Ann. " * 10_000 + "Greet {{ name }}."
    assert render(prompt, {"name": "Jo"}, 0.0).endswith("Greet Jo.")


def test_code_is_counted_to_its_limits() -> None:
    assert code_of("no code") == 0
    assert code_of("{{ a }}" * MOST_MARKS) == 5 * MOST_MARKS
    for text in ("{{ a }}" * (MOST_MARKS + 1), "{{" + "a" * LONGEST_MARK + "}}"):
        with pytest.raises(ValueError, match="too much code"):
            code_of(text)


def test_what_is_kept_of_templates_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template, "_MOST_KEPT", 50_000)
    kept = template._Parsed()
    texts = [("{{ abc" + "c" * 30 + " }}") * 500 + str(number) for number in range(8)]
    assert MOST_CODE > code_of(texts[0]) > 15_000
    for text in texts:
        assert kept(text) is not None
    assert len(kept._kept) <= 3
    assert kept(texts[-1]) is kept(texts[-1])


@pytest.mark.parametrize("large", ["a" * 20_001, [0] * 9_999 + ["a"] * 10_002])
def test_a_large_value_is_not_compared_in_two_thousand_rounds(large: Any) -> None:
    text = "{% for i in (1..201) %}{% if a contains b %}x{% endif %}{% endfor %}"
    assert render(text, {"a": "ab", "b": "b"}, 0.0) == "x" * 201
    assert render(text, {"a": large, "b": "b"}, 0.0) == text
