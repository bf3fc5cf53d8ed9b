"""Links to recordings: the signature is the permission."""

from __future__ import annotations

import stat
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from offhook.api.links import BRIEF_SECONDS, RecordingLinks, signing_key

LINKS = RecordingLinks(b"k" * 32, "https://phones.example.org")


def _open(url: str, links: RecordingLinks = LINKS, now: float = 1000.0, **changed: str) -> bool:
    parts = urlsplit(url)
    _, _, call_id, kind = parts.path.split("/")
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    query = {"call_id": call_id, "kind": kind, **query, **changed}
    return links.allows(query["call_id"], query["kind"], int(query["expires"]), query["signature"], now)


def test_a_brief_link_opens_for_five_minutes() -> None:
    url = LINKS.brief("call-1", "mono", now=1000.0)

    assert url.startswith("/recording/call-1/mono?")
    assert _open(url, now=1000.0 + BRIEF_SECONDS)
    assert not _open(url, now=1001.0 + BRIEF_SECONDS)


def test_a_lasting_link_does_not_expire() -> None:
    urls = LINKS.lasting("call-1")

    assert set(urls) == {"mono", "stereo", "customer", "assistant"}
    assert urls["stereo"].startswith("https://phones.example.org/recording/call-1/stereo?")
    assert _open(urls["mono"], now=1e12)


@pytest.mark.parametrize(
    "changed",
    [
        {"call_id": "call-2"},
        {"kind": "stereo"},
        {"expires": "0"},
        {"signature": "0" * 64},
        {"signature": "é"},
    ],
)
def test_a_changed_link_is_refused(changed: dict[str, str]) -> None:
    assert not _open(LINKS.brief("call-1", "mono", now=1000.0), **changed)


def test_another_key_is_refused() -> None:
    assert not _open(LINKS.brief("call-1", "mono", 1000.0), RecordingLinks(b"other", LINKS.base_url))


def test_the_key_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"

    first = signing_key(None, data)

    assert len(first) == 64
    assert signing_key(None, data) == first
    assert stat.S_IMODE((data / "secret").stat().st_mode) == 0o600


def test_a_configured_key_is_used_as_it_is(tmp_path: Path) -> None:
    assert signing_key("from the settings", tmp_path) == b"from the settings"
    assert list(tmp_path.iterdir()) == []


def test_a_link_does_not_show_its_key() -> None:
    assert "kkkk" not in repr(LINKS)
