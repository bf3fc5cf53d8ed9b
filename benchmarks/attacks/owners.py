"""What an owner's assistant may be told to say, to look for and to fill in, in calls that are answered."""

from __future__ import annotations

from typing import Any, Final

from benchmarks.attacks.attack import Group, Target
from benchmarks.attacks.keyed import MODEL
from benchmarks.attacks.phone import answered_by

attack: Final = Group("owners' words")


async def _spoken(at: Target, text: str, **assistant: Any) -> None:
    """Call an assistant that begins with `text`."""
    user = await at.number({"name": "A", "model": MODEL, "firstMessage": text, **assistant})
    await answered_by(at, user, 2.0)


async def _prompted(at: Target, text: str) -> None:
    """Call one whose prompt is `text`."""
    model = {**MODEL, "messages": [{"role": "system", "content": text}]}
    user = await at.number({"name": "A", "model": model, "firstMessage": "Hi."})
    await answered_by(at, user, 2.0)


@attack("a template of openings")
async def _(at: Target) -> None:
    await _spoken(at, "{{" * 50_000)


@attack("a template of tags that are not closed")
async def _(at: Target) -> None:
    await _spoken(at, "{% if a %}" * 480 + "{% raw %}" * 10 + "{%" * 20_000)


@attack("a template of 190 kB of text and code")
async def _(at: Target) -> None:
    for n in range(5):
        await _prompted(at, f"{n} " + ("w" * 1000 + "{{ a | upcase }}") * 185)


@attack("loops within loops, over a range")
async def _(at: Target) -> None:
    await _spoken(
        at, "{% for a in (1..1000) %}{% for b in (1..1000) %}{{ a | times: b }}{% endfor %}{% endfor %}"
    )


@attack("a range of a thousand million")
async def _(at: Target) -> None:
    await _spoken(at, "{% for a in (1..1000000000) %}{{ a }}{% endfor %}{{ (1..999999999) | join: ',' }}")


@attack("a loop with uniq, sort and where")
async def _(at: Target) -> None:
    words = "{% assign w = '" + "a b c d e f g " * 200 + "' | split: ' ' %}"
    await _spoken(
        at, words + "{% for a in w %}{{ w | uniq | sort | reverse | join: ' ' | size }}{% endfor %}"
    )


@attack("strings that double 40 times")
async def _(at: Target) -> None:
    await _spoken(at, "{% assign a = 'xx' %}" + "{% assign a = a | append: a %}" * 40 + "{{ a }}")


@attack("replace that multiplies, split into letters")
async def _(at: Target) -> None:
    await _spoken(
        at,
        "{% assign a = '"
        + "a" * 3000
        + "' | replace: 'a', '"
        + "b" * 800
        + "' %}{{ a | split: '' | join: a }}",
    )


@attack("powers and numbers of a thousand digits")
async def _(at: Target) -> None:
    await _spoken(
        at,
        "{% assign a = 9 %}"
        + "{% assign a = a | times: a %}" * 60
        + "{{ a | divided_by: 3 | modulo: 7 }}{{ a }}",
    )


@attack("filters one behind another, 300 times")
async def _(at: Target) -> None:
    await _spoken(
        at, "{{ '" + "a<b>&" * 100 + "'" + " | strip_html | escape | url_encode | upcase" * 70 + " }}"
    )


@attack("dates, zones and capture in a loop")
async def _(at: Target) -> None:
    await _spoken(
        at,
        "{% for a in (1..2000) %}{% capture b %}{{ 'now' | date: '%c%c%c%c', 'Europe/Berlin' }}{{ b }}"
        "{% endcapture %}{% endfor %}{{ b }}",
    )


@attack("cycle, case, tablerow and increment")
async def _(at: Target) -> None:
    await _spoken(
        at,
        "{% tablerow a in (1..2000) cols: 2 %}{% cycle 'a', 'b' %}{% case a %}{% when 1 %}x{% endcase %}"
        "{% increment n %}{% endtablerow %}",
    )


@attack("a first message of 200,000 dots")
async def _(at: Target) -> None:
    await _spoken(at, "." * 200_000)


@attack("a first message of one word of 200,000 letters")
async def _(at: Target) -> None:
    await _spoken(at, "a" * 200_000)


@attack("a first message of 50,000 digits, commas and dashes")
async def _(at: Target) -> None:
    for odd in ("1", "1,", "1 ", "12-", "(12) ", "1.", "$1,000", "1:0"):
        await _spoken(at, odd * (45_000 // len(odd)))


@attack("first messages of marks that some pattern looks for")
async def _(at: Target) -> None:
    for odd in (
        "<",
        "<a",
        "[](",
        "*",
        "**a",
        "a@",
        "www.",
        "http://a.",
        "\n",
        " \n",
        "- ",
        "#",
        "`",
        "A.",
        "&",
        "<spell>",
        "\u2013 ",
        "a\u0301",
        "{{a}}",
    ):
        await _spoken(at, odd * (45_000 // len(odd)))


@attack("a first message of 10,000 sentences of one word")
async def _(at: Target) -> None:
    await _spoken(at, "Yes. " * 9000)


@attack("an exact replacement by half a megabyte")
async def _(at: Target) -> None:
    plan = {
        "replacements": [{"type": "exact", "key": "a", "value": "a" * 500_000, "replaceAllEnabled": True}]
    }
    voice = {"provider": "11labs", "voiceId": "a", "chunkPlan": {"formatPlan": plan}}
    await _spoken(at, "a" * 3000, voice=voice)


@attack("a pattern's replacement by all that stands before it, 500 times")
async def _(at: Target) -> None:
    plan = {"replacements": [{"type": "regex", "regex": "a", "value": "$`" * 20_000}] * 10}
    voice = {"provider": "11labs", "voiceId": "a", "chunkPlan": {"formatPlan": plan}}
    await _spoken(at, "a" * 3000, voice=voice)


@attack("100 replacements of each sentence")
async def _(at: Target) -> None:
    plan = {
        "replacements": [
            {"type": "regex", "regex": f"(a|b|{n}){{0,60}}x?", "value": "$1a"} for n in range(90)
        ]
    }
    voice = {"provider": "11labs", "voiceId": "a", "chunkPlan": {"formatPlan": plan}}
    await _spoken(at, "ab " * 10_000, voice=voice)


@attack("a prompt of 700 kB for the local model, asked at once")
async def _(at: Target) -> None:
    for text in (
        "We open at 9 and close at 5. ",
        "a",
        "Q: a A: b\n",
        "key: value\n",
        "# h\n",
        "x" * 70 + ": y\n",
        "1) ",
    ):
        model = {
            "provider": "vapi",
            "messages": [{"role": "system", "content": text * (700_000 // len(text))}],
        }
        await _asked_at_once(at, model)


@attack("a prompt of marks for the local model")
async def _(at: Target) -> None:
    for odd in (
        "*" * 7,
        "[a",
        "# " * 9,
        "(",
        "`",
        ": " * 3,
        "\u2013 ",
        "a.b.",
        "Q: ",
        "A.",
        "you are ",
        "1 2 ",
        "\t",
    ):
        model = {"provider": "vapi", "messages": [{"role": "system", "content": odd * (60_000 // len(odd))}]}
        await _asked_at_once(at, model)


async def _asked_at_once(at: Target, model: dict[str, Any]) -> None:
    user = await at.number(
        {
            "name": "A",
            "model": model,
            "firstMessageMode": "assistant-speaks-first-with-model-generated-message",
        }
    )
    await answered_by(at, user, 1.0, calls=1)


@attack("20 tools with 50 conditions of templates and patterns")
async def _(at: Target) -> None:
    condition = {
        "type": "liquid",
        "liquid": "{% for a in (1..1000) %}{% if messages contains a %}true{% endif %}{% endfor %}",
    }
    tool = {
        "type": "endCall",
        "rejectionPlan": {"conditions": [condition] * 25 + [{"type": "regex", "regex": "(a|b){0,90}$"}] * 25},
    }
    user = await at.number({"name": "A", "model": {**MODEL, "tools": [tool]}, "firstMessage": "Hi."})
    await answered_by(at, user, 2.0)
