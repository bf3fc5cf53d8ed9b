"""The pages keep up with the code."""

from __future__ import annotations

import re
import runpy
import tomllib
from pathlib import Path

import pytest

from .conftest import page, rows

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md")])


def test_the_settings_page_is_the_generated_one() -> None:
    generated = runpy.run_path(str(ROOT / "scripts" / "settings.py"))["page"]()

    assert (ROOT / "docs" / "settings.md").read_text() == generated, "run `make docs`"


def test_the_reference_has_words_for_every_property_and_no_other() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "reference.py"))

    assert script["problems"](script["words"]()) == [], "edit docs/reference.toml"


def test_the_reference_is_the_generated_one() -> None:
    generated = runpy.run_path(str(ROOT / "scripts" / "reference.py"))["pages"]()
    found = {page.name: page.read_text("utf-8") for page in (ROOT / "docs" / "reference").iterdir()}

    assert found == generated, "run `make docs`"


def test_the_reference_tells_what_is_missing_and_what_is_too_much() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "reference.py"))
    words = script["words"]()
    del words["Server"]["url"]
    words["VapiPhoneNumber"]["colour"] = "Its colour."
    words["Moon"] = {"is": "A moon."}

    assert script["problems"](words) == [
        "Moon is not a page",
        "VapiPhoneNumber.colour does not exist",
        "Server.url has no words",
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
        name for name in (re.match(r"[\w-]+", entry)[0] for entry in named) if f"\n| {name}" not in page
    ]

    assert missing == []


def test_every_dependency_is_locked_with_hashes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    named = [
        re.match(r"[\w-]+", entry)[0].lower().replace("_", "-")
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


def test_every_decision_is_listed_with_its_date_and_says_what_was_rejected() -> None:
    listed = (ROOT / "docs" / "architecture.md").read_text("utf-8")

    for decision in sorted((ROOT / "docs" / "decisions").glob("*.md")):
        written = decision.read_text("utf-8")
        title, date = re.match(r"# (.+)\n\nDecided on ([\d-]+)\.\n", written).groups()
        assert f"- {date}: [{title}](decisions/{decision.name})\n" in listed
        assert re.search(r"^## Rejected\n\n- ", written, re.MULTILINE)
