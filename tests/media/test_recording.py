import logging
import os
import signal
import subprocess
import sys
import threading
import wave
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from offhook.log_context import CALL, working_for
from offhook.media.recorded import Side, erase, mono_path, stereo_path, write_track
from offhook.media.recording import Job, Recorder, WriterThread
from tests.machine import PATIENCE
from tests.media.inline_writer import InlineWriter


def tone(value: int) -> bytes:
    return np.full(160, value, "<i2").tobytes()


def read(path: Path) -> np.ndarray:
    with wave.open(str(path), "rb") as file:
        assert file.getframerate() == 8000
        assert file.getsampwidth() == 2
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return samples.reshape(-1, file.getnchannels())


def test_the_customer_is_left_and_the_assistant_right(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, "c1", InlineWriter())
    for _ in range(75):
        recorder.exchanged(tone(1000), tone(-300))
    recorder.close()
    stereo = read(stereo_path(tmp_path, "c1"))
    assert stereo.shape == (75 * 160, 2)
    assert (stereo == [1000, -300]).all()
    assert (read(mono_path(tmp_path, "c1")) == 700).all()


def test_the_mono_track_is_cut_off_and_does_not_wrap(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, "loud", InlineWriter())
    recorder.exchanged(tone(30000), tone(30000))
    recorder.exchanged(tone(-30000), tone(-30000))
    recorder.close()
    mono = read(mono_path(tmp_path, "loud"))[:, 0]
    assert mono[:160].tolist() == [32767] * 160
    assert mono[160:].tolist() == [-32768] * 160


def test_what_came_before_the_last_second_is_readable_while_the_call_goes_on(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, "live", InlineWriter())
    for _ in range(129):
        recorder.exchanged(tone(1), tone(2))
    assert len(read(stereo_path(tmp_path, "live"))) == 2 * 8000
    recorder.close()


def test_a_call_without_audio_leaves_no_file(tmp_path: Path) -> None:
    told: list[str] = []
    recorder = Recorder(tmp_path, "none", InlineWriter())
    recorder.close(lambda: told.append("done"))
    assert told == ["done"]
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_refuses_stops_the_recording_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    recorder = Recorder(blocked, "c9", InlineWriter())
    for _ in range(200):
        recorder.exchanged(tone(1), tone(1))
    recorder.close()
    assert recorder.failed
    assert [record.message for record in caplog.records if "call=c9" in record.message] != []
    assert len(caplog.records) == 1


def test_a_disk_that_takes_recordings_again_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, writer = tmp_path / "recordings", InlineWriter()
    folder.write_text("in the way")

    def recorded(call_id: str) -> None:
        recorder = Recorder(folder, call_id, writer)
        for _ in range(200):
            recorder.exchanged(tone(1), tone(1))
        recorder.close()

    recorded("c1")
    recorded("c2")
    folder.unlink()
    recorded("c3")
    recorded("c4")

    assert [(record.levelname, record.message.split(" (")[0]) for record in caplog.records] == [
        ("ERROR", "call=c1 recording stopped, the call goes on"),
        ("ERROR", "call=c2 recording stopped, the call goes on"),
        ("WARNING", f"call=c3 recordings are written again to {folder}"),
    ]


def test_a_full_disk_keeps_what_was_written(tmp_path: Path) -> None:
    # /dev/full refuses every byte with ENOSPC, as a full disk does.
    recorder = Recorder(tmp_path, "full", InlineWriter())
    for _ in range(50):
        recorder.exchanged(tone(5), tone(5))
    os.replace(stereo_path(tmp_path, "full"), tmp_path / "kept.wav")
    assert len(read(tmp_path / "kept.wav")) == 8000
    recorder.close()
    folder = tmp_path / "second"
    folder.mkdir()
    stereo_path(folder, "full").with_suffix(".begun").symlink_to("/dev/full")
    second = Recorder(folder, "full", InlineWriter())
    for _ in range(100):
        second.exchanged(tone(5), tone(5))
    second.close()
    assert second.failed
    assert list(folder.iterdir()) == []


def test_the_writer_thread_writes_all_that_was_handed_in(tmp_path: Path) -> None:
    writer = WriterThread()
    recorders = [Recorder(tmp_path, f"call-{index}", writer) for index in range(20)]
    for _ in range(60):
        for recorder in recorders:
            recorder.exchanged(tone(7), tone(8))
    for recorder in recorders:
        recorder.close()
    writer.close()
    assert writer.refused == 0
    assert {len(read(stereo_path(tmp_path, f"call-{index}"))) for index in range(20)} == {60 * 160}


CHILD = """
import sys, time
from pathlib import Path
from offhook.media.recording import Recorder, WriterThread
recorder = Recorder(Path(sys.argv[1]), "killed", WriterThread())
for count in range(175):
    recorder.exchanged(bytes(320), bytes(320))
time.sleep(0.5)
print("written", flush=True)
time.sleep(60)
"""


def test_kill_9_costs_the_last_second_at_most(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == "written\n"
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
    assert len(read(stereo_path(tmp_path, "killed"))) == 3 * 8000
    assert len(read(mono_path(tmp_path, "killed"))) == 3 * 8000


def recorded(folder: Path, call_id: str, seconds: int = 3) -> None:
    recorder = Recorder(folder, call_id, InlineWriter())
    for number in range(50 * seconds):
        recorder.exchanged(tone(number), tone(-number))
    recorder.close()


@pytest.mark.parametrize(("side", "channel"), [("customer", 0), ("assistant", 1)])
def test_each_side_alone_is_drawn_from_the_stereo_file(tmp_path: Path, side: Side, channel: int) -> None:
    # Longer than what is read at once.
    recorded(tmp_path, "c1", 30)
    track = write_track(tmp_path, "c1", side)

    assert track == tmp_path / f"c1-{side}.wav"
    assert (read(track)[:, 0] == read(stereo_path(tmp_path, "c1"))[:, channel]).all()
    assert sorted(file.suffix for file in tmp_path.iterdir()) == [".wav"] * 3


def test_a_side_is_drawn_once(tmp_path: Path) -> None:
    recorded(tmp_path, "c1")
    first = write_track(tmp_path, "c1", "customer")
    assert first is not None
    made = first.stat()
    assert write_track(tmp_path, "c1", "customer") == first
    assert (first.stat().st_ino, first.stat().st_mtime_ns) == (made.st_ino, made.st_mtime_ns)


def test_many_who_ask_at_once_get_the_same_whole_file(tmp_path: Path) -> None:
    recorded(tmp_path, "c1", 20)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(write_track, tmp_path, "c1", "assistant") for _ in range(16)]
        sizes = {path.stat().st_size for future in asked if (path := future.result()) is not None}
    assert sizes == {44 + 20 * 16000}


def test_there_is_no_side_of_what_was_not_recorded(tmp_path: Path) -> None:
    assert write_track(tmp_path, "none", "customer") is None
    assert list(tmp_path.iterdir()) == []


def test_a_stereo_file_that_a_crash_cut_within_a_frame(tmp_path: Path) -> None:
    recorded(tmp_path, "c1", 1)
    stereo = stereo_path(tmp_path, "c1")
    stereo.write_bytes(stereo.read_bytes()[:-3])
    track = write_track(tmp_path, "c1", "customer")
    assert track is not None
    assert len(read(track)) == 7999


def test_a_disk_that_is_full_leaves_no_half_of_a_side(tmp_path: Path) -> None:
    recorded(tmp_path, "c1")
    (tmp_path / "c1-customer.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        write_track(tmp_path, "c1", "customer")
    assert write_track(tmp_path, "c1", "customer") is not None


def test_all_of_a_call_is_erased_and_nothing_of_another(tmp_path: Path) -> None:
    for call_id in ("c1", "c2"):
        recorded(tmp_path, call_id)
        write_track(tmp_path, call_id, "customer")
    erase(tmp_path, "c1")
    erase(tmp_path, "c1")
    assert {file.name[:2] for file in tmp_path.iterdir()} == {"c2"}


class Busy:
    """A writer that has no room for some jobs."""

    disk_refuses = False

    def __init__(self) -> None:
        self.full = False

    def submit(self, job: Job, *, must: bool = False) -> bool:
        if self.full and not must:
            return False
        job()
        return True


def test_what_a_slow_disk_loses_is_silent_and_the_rest_keeps_its_place(tmp_path: Path) -> None:
    writer = Busy()
    recorder = Recorder(tmp_path, "c1", writer)
    for second in range(6):
        writer.full = second in (2, 3)
        for _ in range(50):
            recorder.exchanged(tone(second + 1), tone(-second - 1))
    writer.full = True
    closed: list[bool] = []
    recorder.close(lambda: closed.append(True))

    customer = read(stereo_path(tmp_path, "c1"))[:, 0].reshape(6, 8000)
    assert [set(second) for second in customer.tolist()] == [{1}, {2}, {0}, {0}, {5}, {6}]
    assert closed == [True]


def test_a_thread_with_no_room_still_finishes_files(tmp_path: Path) -> None:
    writer = WriterThread(backlog=0)
    recorder = Recorder(tmp_path, "c1", writer)
    finished = threading.Event()
    for _ in range(60):
        recorder.exchanged(tone(1), tone(1))
    recorder.close(finished.set)
    assert finished.wait(PATIENCE)
    assert writer.refused == 2
    writer.close()


def test_one_job_that_breaks_does_not_end_the_writing(caplog: pytest.LogCaptureFixture) -> None:
    writer = WriterThread()
    done = threading.Event()
    named: list[str | None] = []

    def noted(record: logging.LogRecord) -> bool:
        named.append(CALL.get())
        return True

    caplog.handler.addFilter(noted)
    with working_for("call-1"):
        writer.submit(lambda: print(1 // 0))
    writer.submit(done.set)
    assert done.wait(PATIENCE)
    writer.close()
    assert "could not be written" in caplog.text
    assert named == ["call-1"]
