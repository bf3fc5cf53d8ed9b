"""The pages keep up with the code."""

from __future__ import annotations

import re
import runpy
import tomllib
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

from offhook.schema.calls.ended_reason import EndedReason
from offhook.schema.webhooks.message_type import (
    DEFAULT_SERVER_MESSAGES,
    SERVER_MESSAGE_TYPES,
    ClientMessageType,
)
from tests.conftest import page, rows

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md")])
CITING = [
    *PAGES,
    *sorted((ROOT / "docs").glob("*.toml")),
    *(
        path
        for room in ("src", "tests", "scripts", "benchmarks")
        for path in sorted((ROOT / room).rglob("*.py"))
    ),
]
SIGN = "\N{SECTION SIGN}"
STANDARD = r"RFC \d+|ECMAScript|WHATWG HTML|ITU-T [A-Z]\.\d+"
SECTION = rf"(?:{SIGN}[\dA-Z](?:[\w.]*\w)?(?:-[\d.]*\d)?|Appendix [A-Z]\b)"
CITATION = re.compile(
    rf"(?:(?P<source>{STANDARD}|[\w-]+),? )?(?P<cited>{SECTION}(?:(?:, ?|,? and |,? or | to |-){SECTION})*)"
)
"""Sections of one source: one, or several after its name, with commas or words between them."""


def test_the_settings_page_is_the_generated_one() -> None:
    generated = runpy.run_path(str(ROOT / "scripts" / "settings.py"))["page"]()

    assert (ROOT / "docs" / "settings.md").read_text() == generated, "run `make docs`"


def test_the_page_of_turns_is_the_generated_one() -> None:
    generated = runpy.run_path(str(ROOT / "scripts" / "turns.py"))["page"]()

    assert (ROOT / "docs" / "turns.md").read_text() == generated, "run `make docs`"


def test_the_reference_has_words_for_every_property_and_no_other() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "reference.py"))

    assert script["problems"](script["words"]()) == [], "edit src/offhook/schema/reference.toml"


def test_the_reference_is_the_generated_one() -> None:
    generated = runpy.run_path(str(ROOT / "scripts" / "reference.py"))["pages"]()
    found = {page.name: page.read_text("utf-8") for page in (ROOT / "docs" / "reference").iterdir()}

    assert found == generated, "run `make docs`"


def test_the_reference_tells_what_is_missing_and_what_is_too_much() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "reference.py"))
    words = deepcopy(script["words"]())
    del words["Server"]["static_ip_addresses_enabled"]
    words["VapiPhoneNumber"]["colour"] = "Its colour."
    words["Moon"] = {"is": "A moon."}

    assert script["problems"](words) == [
        "VapiPhoneNumber.colour does not exist",
        "Moon is not a type",
        "Server.static_ip_addresses_enabled has no words",
    ]


def test_the_page_of_numbers_begins_with_the_properties_of_the_first_published_one() -> None:
    text = (ROOT / "docs" / "reference" / "VapiPhoneNumber.md").read_text("utf-8")
    table = re.findall(r"^\*\*(\w+)\*\* \| (.*?) \| .* \| (.*)$", text, re.MULTILINE)

    assert [(name, kind, "[optional]" not in notes) for name, kind, notes in table[1:12]] == [
        ("provider", "**str**", True),
        ("id", "**str**", True),
        ("org_id", "**str**", True),
        ("created_at", "**datetime**", True),
        ("updated_at", "**datetime**", True),
        ("name", "**str**", False),
        ("assistant_id", "**str**", False),
        ("squad_id", "**str**", False),
        ("server_url", "**str**", False),
        ("server_url_secret", "**str**", False),
        ("sip_uri", "**str**", True),
    ]
    assert (table[0][0], table[0][2]) == ("fallback_destination", "[optional]")


def test_the_page_of_rows_has_each_row_with_the_tests_that_show_it() -> None:
    """Their states come from a run; what is claimed by whom does not."""
    written = (ROOT / "docs" / "rows.md").read_text("utf-8")

    def claims(text: str) -> list[str]:
        return re.sub(r"^(\| \d+ \| .*?) \| .*? \|", r"\1 |", text, flags=re.MULTILINE).splitlines()

    assert claims(written) == claims(page({})), "run `make rows`"


@pytest.mark.parametrize("test", sorted({test for row in rows().values() for test in row["tests"]}))
def test_a_test_that_shows_a_row_is_there(test: str) -> None:
    path, _, name = test.partition("::")

    assert re.search(rf"^(async )?def {name}\(", (ROOT / "tests" / path).read_text(), re.MULTILINE)


def test_every_file_that_the_architecture_names_is_there() -> None:
    written = (ROOT / "docs" / "architecture.md").read_text()
    named = set(re.findall(r"`([\w/]+(?:\.py|/))`", written))

    assert len(named) > 50
    assert {
        name for name in named if not any((ROOT / base / name).exists() for base in ("src/offhook", "."))
    } == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_of_the_code_that_a_page_names_is_there(page: Path) -> None:
    named = set(re.findall(r"`(\w+/[\w/]+\.(?:py|toml))`", page.read_text()))

    assert {
        name for name in named if not any((ROOT / base / name).exists() for base in ("src/offhook", "."))
    } == set()


def test_every_room_is_in_the_architecture() -> None:
    written = (ROOT / "docs" / "architecture.md").read_text()
    source = ROOT / "src" / "offhook"
    rooms = {f"{folder.parent.name}/" for folder in source.glob("*/__init__.py")}
    files = {file.name for file in source.glob("*.py") if file.name != "__init__.py"}

    assert {name for name in rooms | files if f"`{name}`" not in written} == set()


def test_every_dependency_has_its_line() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    named = [
        *project["project"]["dependencies"],
        *(name for extra in project["project"]["optional-dependencies"].values() for name in extra),
        *(name for group in project["dependency-groups"].values() for name in group),
    ]
    page = (ROOT / "docs" / "dependencies.md").read_text()

    missing = [
        name for name in (re.findall(r"^[\w-]+", entry)[0] for entry in named) if f"\n| {name}" not in page
    ]

    assert missing == []


def test_every_dependency_is_locked_with_hashes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    named = [
        re.findall(r"^[\w-]+", entry)[0].lower().replace("_", "-")
        for entry in project["project"]["dependencies"]
    ]
    lock = (ROOT / "requirements.lock").read_text()

    for name in named:
        assert re.search(rf"^{re.escape(name)}==\S+.* \\\n    --hash=sha256:", lock, re.MULTILINE), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text())

    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_target_a_page_names_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text(), re.MULTILINE))

    assert named <= targets


def test_the_dockerfile_is_the_one_in_the_guide() -> None:
    (shown,) = re.findall(
        r"^```dockerfile\n(.*?)^```$", (ROOT / "docs" / "operating.md").read_text("utf-8"), re.M | re.S
    )

    assert (ROOT / "Dockerfile").read_text("utf-8") == shown


@cache
def sections(page: str) -> set[str]:
    """The numbered sections of a page, over all files that it has: `{"2", "2.4", "Appendix A"}`."""
    files = [ROOT / "docs" / f"{page}.md", *(ROOT / "docs" / page).glob("*.md")]
    text = "\n".join(file.read_text("utf-8") for file in files)
    return set(re.findall(r"^#+ (\d+(?:\.\d+)*|Appendix [A-Z])(?=\.? )", text, re.MULTILINE))


def astray(text: str, *, page: str | None = None) -> list[str]:
    """What is cited in `text` and is in no standard and on no page. A `page` may cite itself by number."""
    flowing = re.sub(r"\s*\n\s*(?:#:? )?", " ", text)
    found = [f"{SIGN}{rest[:20]}" for rest in CITATION.sub("", flowing).split(SIGN)[1:]]
    for citation in CITATION.finditer(flowing):
        source = citation["source"] or ""
        named = source if source and (ROOT / "docs" / f"{source}.md").exists() else page
        if re.fullmatch(STANDARD, source) or (SIGN not in citation["cited"] and not named):
            continue
        known = sections(named) if named else set()
        cited = re.findall(SECTION, citation["cited"])
        found += [f"{source} {section}" for section in cited if section.lstrip(SIGN) not in known]
    return found


def test_what_is_cited_is_there() -> None:
    lost = {}
    for path in CITING:
        text, inside = path.read_text("utf-8"), path.relative_to(ROOT).with_suffix("").parts
        lost[str(path)] = [
            *astray(text, page=inside[1] if inside[0] == "docs" else None),
            *(named for named in re.findall(r"\bdocs/[\w/-]+\.\w+", text) if not (ROOT / named).exists()),
            *re.findall("wire-" + "facts", text),
        ]

    assert {path: cited for path, cited in lost.items() if cited} == {}


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("vapi-wire @2.4, @3 and Appendix A; RFC 3261 @99, @98 and RFC 6026 @7; ITU-T E.180 @5", []),
        ("(vapi-wire\n    # @2.4)", []),
        ("vapi-wire @2.4 and @2.9", ["vapi-wire @2.9"]),
        ("vapi-wire @5-@7, @20", ["vapi-wire @20"]),
        ("vapi-wire Appendix\N{SPACE}B", ["vapi-wire Appendix\N{SPACE}B"]),
        ("see architecture @6", ["architecture @6"]),
        ("as a page that is not there says (nowhere @1)", ["nowhere @1"]),
        ("a response (@18.2.2)", [" @18.2.2"]),
        ("RFC 3261 says so; @18.2.2", [" @18.2.2"]),
        ("vapi-wire @ 2.4", ["@ 2.4"]),
    ],
)
def test_a_citation_that_leads_nowhere_is_found(text: str, lost: list[str]) -> None:
    assert astray(text.replace("@", SIGN)) == [each.replace("@", SIGN) for each in lost]


def test_every_decision_is_listed_with_its_date_and_says_what_was_rejected() -> None:
    listed = (ROOT / "docs" / "architecture.md").read_text("utf-8")

    for decision in sorted((ROOT / "docs" / "decisions").glob("*.md")):
        written = decision.read_text("utf-8")
        ((title, date),) = re.findall(r"\A# (.+)\n\nDecided on ([\d-]+)\.\n", written)
        assert f"- {date}: [{title}](decisions/{decision.name})\n" in listed
        assert re.search(r"^## Rejected\n\n- ", written, re.MULTILINE)


def test_the_page_of_ended_reasons_has_those_of_the_schema() -> None:
    written = (ROOT / "docs" / "vapi-wire" / "appendix-a-ended-reasons.md").read_text("utf-8")
    groups = re.findall(r"^- \*\*.+$", written, re.MULTILINE)

    assert sorted(name for group in groups for name in re.findall(r"`(.+?)`", group)) == sorted(
        get_args(EndedReason)
    )


def test_the_page_of_messages_has_the_types_and_defaults_of_the_schema() -> None:
    written = (ROOT / "docs" / "vapi-wire" / "4-messages.md").read_text("utf-8")
    ((chosen, default),) = re.findall(
        r"^`serverMessages` takes: (.+?) \*\*By default\*\*: (.+?)\. ", written, re.MULTILINE
    )
    (client,) = re.findall(r"^`clientMessages` takes: (.+?) \*\*By default", written, re.MULTILINE)

    assert tuple(re.findall("`(.+?)`", chosen)) == SERVER_MESSAGE_TYPES
    assert tuple(re.findall("`(.+?)`", default)) == DEFAULT_SERVER_MESSAGES
    assert tuple(re.findall("`(.+?)`", client)) == get_args(ClientMessageType)
