import os
import signal
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from offhook.calls.recording import (
    InlineWriter,
    Recorder,
    WriterThread,
    mono_path,
    stereo_path,
)


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


def test_a_full_disk_keeps_what_was_written(tmp_path: Path) -> None:
    # /dev/full refuses every byte with ENOSPC, as a full disk does.
    recorder = Recorder(tmp_path, "full", InlineWriter())
    for _ in range(50):
        recorder.exchanged(tone(5), tone(5))
    os.replace(stereo_path(tmp_path, "full"), tmp_path / "kept.wav")
    assert len(read(tmp_path / "kept.wav")) == 8000
    folder = tmp_path / "second"
    folder.mkdir()
    stereo_path(folder, "full").symlink_to("/dev/full")
    second = Recorder(folder, "full", InlineWriter())
    for _ in range(100):
        second.exchanged(tone(5), tone(5))
    second.close()
    assert second.failed


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
from offhook.calls.recording import Recorder, WriterThread
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
