"""The data folder: who may use it, and when it cannot be used."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from offhook import folder
from offhook.folder import DataFolder, holder
from offhook.process import StartError


def _never() -> str:
    raise AssertionError("it has a name")


def test_a_folder_is_made_and_named_once(tmp_path: Path) -> None:
    first = DataFolder.take(tmp_path / "a" / "data", lambda: "node-1")
    first.close()
    again = DataFolder.take(tmp_path / "a" / "data", _never)
    again.close()

    assert (first.node, again.node) == ("node-1", "node-1")
    assert stat.S_IMODE((tmp_path / "a" / "data").stat().st_mode) == 0o700


@pytest.mark.parametrize("damaged", [b"", b"\xff\xfe", b"two words\n", b"x" * 201])
def test_a_name_that_cannot_be_read_is_given_anew(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / "node").write_bytes(damaged)

    held = DataFolder.take(tmp_path, lambda: "node-2")
    held.close()

    assert held.node == "node-2"
    assert (tmp_path / "node").read_text() == "node-2\n"


def test_two_nodes_do_not_share_a_folder(tmp_path: Path) -> None:
    """The second would take the first one's calls for left behind, and end them."""
    first = DataFolder.take(tmp_path, lambda: "node")
    held_by = holder(tmp_path)
    assert held_by is not None
    assert (held_by.process, held_by.told) == (str(os.getpid()), {})

    with pytest.raises(StartError, match=rf"another offhook \(process {os.getpid()}\) .*OFFHOOK_DATA"):
        DataFolder.take(tmp_path, lambda: "node")

    first.close()
    assert holder(tmp_path) is None
    DataFolder.take(tmp_path, lambda: "node").close()


def test_nobody_holds_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert holder(tmp_path / "none") is None


@pytest.mark.parametrize("blocked", ["data", "data/recordings", "data/lock", "data/node"])
def test_what_is_in_the_way_is_said_in_one_line(tmp_path: Path, blocked: str) -> None:
    place = tmp_path / blocked
    place.parent.mkdir(exist_ok=True)
    if blocked in ("data", "data/recordings"):
        place.write_text("in the way")
    else:
        place.mkdir()

    with pytest.raises(StartError) as refused:
        DataFolder.take(tmp_path / "data", lambda: "node")

    assert str(tmp_path / "data") in str(refused.value)
    assert "OFFHOOK_DATA" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert holder(tmp_path / "data") is None


def test_a_disk_that_is_as_good_as_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_bavail=3, f_frsize=1_000_000))

    with pytest.raises(StartError, match="only 3 MB left: make room"):
        folder.check(tmp_path)
