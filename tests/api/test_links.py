"""Links to recordings: the signature is the permission, and there is one way to write each."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from offhook.links import BRIEF_SECONDS, LASTING_SECONDS, RecordingLinks, ShortSecret, signing_key


class At:
    """A clock that stands."""

    def __init__(self, seconds: float = 1000.0) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds


def _links(now: At | None = None, key: bytes = b"k" * 32) -> RecordingLinks:
    return RecordingLinks(key, "https://phones.example.org", now or At())


def _open(url: str, links: RecordingLinks | None = None) -> bool:
    """As the server asks: by the path's own parts, and by what was sent."""
    parts = urlsplit(url)
    _, _, call_id, kind, *_ = parts.path.split("/")
    return (links or _links()).allows(call_id, kind, parts.path.encode(), parts.query.encode())


def test_a_brief_link_opens_for_five_minutes() -> None:
    now = At()
    links = _links(now)
    url = links.brief("call-1", "mono")

    assert url.startswith("/recording/call-1/mono?")
    now.seconds += BRIEF_SECONDS
    assert _open(url, links)
    now.seconds += 1
    assert not _open(url, links)


def test_a_lasting_link_opens_for_a_year() -> None:
    now = At()
    links = _links(now)
    urls = links.lasting("call-1")

    assert set(urls) == {"mono", "stereo", "customer", "assistant"}
    assert urls["stereo"].startswith("https://phones.example.org/recording/call-1/stereo?")
    now.seconds += LASTING_SECONDS
    assert _open(urls["mono"], links)
    now.seconds += 1
    assert not _open(urls["mono"], links)


@pytest.mark.parametrize(
    ("made", "changed"),
    [
        ("call-1/", "call-2/"),
        ("/mono", "/stereo"),
        ("/mono", "/mono/"),
        ("/mono", "/MONO"),
        ("/recording/", "/recording//"),
        ("/recording/", "/Recording/"),
        ("call-1", "call%2D1"),
        ("expires=1300", "expires=0"),
        ("expires=1300", "expires=01300"),
        ("expires=1300", "expires=+1300"),
        ("expires=1300", "expires=%2B1300"),
        ("expires=1300", "expires=-1300"),
        ("expires=1300", "expires=1300 "),
        ("expires=1300", "expires=%201300"),
        ("expires=1300", "expires=1_300"),
        ("expires=1300", "expires=1300.0"),
        ("expires=1300", "expires=13e2"),
        ("expires=1300", "expires=１３００"),
        ("expires=1300", "expires=%EF%BC%91300"),
        ("expires=1300", "expires=1300&expires=1300"),
        ("expires=1300", "expires=9999&expires=1300"),
        ("expires=1300", "Expires=1300"),
        ("expires=1300&", "expires=1300;"),
        ("expires=1300&", ""),
        ("expires=1300", "expires="),
        ("expires=", "utm_source=mail&expires="),
        ("&signature=", "&&signature="),
        ("&signature=", "&signature=&signature="),
        ("&signature=", "&signature=%20"),
        ("&signature=", "&signature=0x"),
    ],
)
def test_a_link_that_is_written_otherwise_is_refused(made: str, changed: str) -> None:
    url = _links().brief("call-1", "mono")
    assert made in url

    assert _open(url)
    assert not _open(url.replace(made, changed))


def test_a_signature_has_one_spelling() -> None:
    url = _links().brief("call-1", "mono")
    before, _, signature = url.rpartition("=")
    assert re.search("[a-f]", signature)
    first = f"%{ord(signature[0]):02x}"

    for other in (
        signature.upper(),
        signature + "0",
        signature[:-1],
        f"{first}{signature[1:]}",
        f"{signature}&",
        f"{signature}&x=1",
        f"{signature}&signature={signature}",
        "0" * 64,
        "",
    ):
        assert not _open(f"{before}={other}")
    reordered = f"signature={signature}&{url.partition('?')[2].partition('&')[0]}"
    assert not _open(f"/recording/call-1/mono?{reordered}")


def test_another_key_is_refused() -> None:
    assert not _open(_links().brief("call-1", "mono"), _links(key=b"other"))


def test_the_key_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"

    first = signing_key(None, data)

    assert len(first) == 64
    assert signing_key(None, data) == first
    assert stat.S_IMODE((data / "secret").stat().st_mode) == 0o600


GUESSED = [b"", b"\n", b" " * 64, b"short", b"fifteen letters\n", b"\t\r\n" * 30, bytes(64)]


@pytest.mark.parametrize("kept", GUESSED, ids=str)
def test_a_key_that_could_be_guessed_is_none(tmp_path: Path, kept: bytes) -> None:
    (tmp_path / "secret").write_bytes(kept)

    with pytest.raises(ShortSecret, match=r"^\S+/secret is empty or shorter than 16 characters: [^\n]+$"):
        signing_key(None, tmp_path)
    assert (tmp_path / "secret").read_bytes() == kept


def test_a_configured_key_is_used_as_it_is(tmp_path: Path) -> None:
    assert signing_key("from the settings", tmp_path) == b"from the settings"
    assert list(tmp_path.iterdir()) == []


def test_a_link_does_not_show_its_key() -> None:
    assert "kkkk" not in repr(_links())
