"""Templates that exist to be slow or large. What is too much is left as it was written."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from offhook.language import template
from offhook.language.local import facts
from offhook.language.template import render
from offhook.language.template_shape import LONGEST_MARK, MOST_CODE, MOST_MARKS, code_of
from offhook.language.template_work import WORK, TemplateWork

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
    assert code_of("no code").length == 0
    assert code_of("{{ a }}" * (MOST_MARKS - 1) + "{{ ab }}") == (5 * (MOST_MARKS - 1) + 6, 6)
    for text in ("{{ a }}" * (MOST_MARKS + 1), "{{" + "a" * LONGEST_MARK + "}}"):
        with pytest.raises(ValueError, match="too much code"):
            code_of(text)


def test_what_is_kept_of_templates_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template, "_MOST_KEPT", 30_000)
    kept = template._Parsed()
    texts = [("{{ abc" + "c" * 30 + " }}") * 250 + str(number) for number in range(8)]
    assert MOST_CODE > code_of(texts[0]).length > 9_000
    for text in texts:
        assert kept(text) is not None
    assert len(kept._kept) <= 3
    assert kept(texts[-1]) is kept(texts[-1])


NAMES = [f"name{number}" for number in range(9_000)]
MANY: dict[str, Any] = {
    "name": "nobody",
    "text": "ab " * 6_000,
    "names": NAMES,
    "below": {"text": "ab " * 300_000, "names": NAMES * 4, "same": [*NAMES * 4]},
    "rows": [{"name": "n", "text": "x" * 1000, "list": [1] * 20}] * 2_000,
    "none": [],
}


def _rounds(body: str, times: int = 1) -> str:
    return "{% for i in (1..2000) %}" + body * times + "{% endfor %}"


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text",
    [
        _rounds("{% if text contains name %}x{% endif %}", 90),
        _rounds("{% if names contains name %}x{% endif %}", 90),
        _rounds("{% if below.text contains name %}x{% endif %}"),
        _rounds("{% if below.names == below.same %}x{% endif %}"),
        _rounds("{% if rows == below.names or rows == none %}x{% endif %}"),
        _rounds("{% case text %}" + "{% when 'a' or 'b' or 'c' %}x" * 90 + "{% endcase %}"),
        _rounds("{% if " + " or ".join(["1 == 2"] * 350) + " %}x{% endif %}"),
        _rounds("{% if (1..9999) contains 'x' %}x{% endif %}", 90),
        _rounds("{% for j in none %}x{% endfor %}", 90),
        _rounds("{% for j in rows reversed limit: 1 %}{% endfor %}"),
        _rounds("{% assign a = i %}", 240),
        _rounds("{% increment a %}{% cycle 'a', 'b' %}", 90),
        _rounds("{% capture a %}{{ text }}{% endcapture %}"),
        _rounds("{% assign a = text | date: '%c' %}"),
        "{% for i in (1..200) %}" + "".join(f"{{% assign a{n} = i %}}" for n in range(400)) + "{% endfor %}",
        "{{ rows | map: rows | size }}",
        "{{ names | map: names | size }}",
        "{{ names | where: names, names | size }}",
        "{{ rows | url_encode | size }}",
        "{% assign a = rows | date: '%c' %}" * 200,
        "{% assign a = names | find: 'a', 'b' %}" * 200,
    ],
    ids=lambda text: text[:60],
)
def test_what_is_read_is_counted_by_how_large_it_is_and_how_often(text: str) -> None:
    # `names contains name` took 25 seconds, `map: names` 18.
    assert render(text, MANY, 0.0) == text


def test_large_values_are_still_read_a_few_times() -> None:
    known = "{% if below.names contains 'name8999' and below.text contains 'ab ab' %}yes{% endif %}"
    assert render(known * 3, MANY, 0.0) == "yes" * 3
    rows = "{% for row in rows limit: 20 %}{{ row.name }}: {{ row.text | truncate: 4, '' }} {% endfor %}"
    assert render(rows, MANY, 0.0) == "n: xxxx " * 20
    turns = [{"role": "user", "content": "word " * 100}] * 300
    found = "{% assign said = messages | where: 'role', 'user' | last %}{{ said.content | size }}"
    assert render(found, {"messages": turns}, 0.0) == "500"
    listed = (
        "{% for one in messages %}{% if one.content contains 'word' %}{{ one.role }} {% endif %}{% endfor %}"
    )
    assert render(listed, {"messages": turns}, 0.0) == "user " * 300


def test_a_name_that_is_assigned_again_takes_no_more_room() -> None:
    text = "{% for i in (1..100) %}{% capture a %}{{ long }}{% endcapture %}{% endfor %}{{ a | size }}"
    assert render(text, {"long": "x" * 9_000}, 0.0) == "9000"
    grows = (
        "{% for i in (1..100) %}{% capture a %}{{ a }}{{ long }}{% endcapture %}{% endfor %}{{ a | size }}"
    )
    assert render(grows, {"long": "x" * 9_000}, 0.0) == grows


def test_a_prompt_that_is_one_endless_word_is_looked_through_at_its_beginning() -> None:
    # 50,000 of these took each pattern seconds.
    assert facts._concepts("write to jo@shop.example") == {"email"}
    assert facts._concepts("1_" * 25_000 + " jo@shop.example") == facts._concepts("1_" * 150)


@pytest.mark.parametrize("name", sorted(template._SLOW))
def test_a_filter_that_takes_longer_is_counted_so(name: str) -> None:
    def spent(filter: str) -> int:
        work = TemplateWork(0)
        source = template._ENVIRONMENT.from_string("{{ long | NAME | size }}".replace("NAME", filter))
        source.render({"long": "12 " * 3000, WORK: work, template._NOW: 0.0})
        return work.spent

    assert spent(name) > spent("upcase") + (template._SLOW[name] - 1) * 9000 // 25


async def test_long_templates_of_an_assistant_are_parsed_beside_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    where: dict[str, threading.Thread] = {}
    parse = template._parse

    def noting(text: str) -> Any:
        where[text] = threading.current_thread()
        return parse(text)

    monkeypatch.setattr(template, "_parse", noting)
    long = [f"{n} " + "{{ a | upcase }}" * 200 for n in range(30)]
    short = "{{ a | downcase }} and so on"
    document = {"firstMessage": short, "model": {"messages": [{"content": text} for text in long]}}
    await template.parse_ahead(document)
    assert where
    assert all(thread is not threading.main_thread() for thread in where.values())
    assert set(where) <= set(long)
    assert len(where) == template._MOST_AHEAD
    before = len(where)
    await template.parse_ahead({"model": {"messages": [{"content": text} for text in where]}})
    for text in list(where):
        assert render(text, {"a": "x"}, 0.0).endswith("X" * 200)
    assert len(where) == before
