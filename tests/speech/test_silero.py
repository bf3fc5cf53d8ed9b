"""The model, computed with numpy, beside the library that its file is made for."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from offhook.speech.models import VOICE_ACTIVITY
from offhook.speech.onnx_file import weights
from offhook.speech.silero import CHUNK_SAMPLES, STATE, WINDOW_SAMPLES, Silero
from tests.speech.clips import TEXTS, clip

Floats = NDArray[np.float32]


@pytest.fixture(scope="module")
def silero() -> Silero:
    return Silero(VOICE_ACTIVITY)


@pytest.fixture(scope="module")
def session() -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return ort.InferenceSession(str(VOICE_ACTIVITY), options, providers=["CPUExecutionProvider"])


def sounds() -> list[Any]:
    """All that is said to it in tests, and what nobody says."""
    rng = np.random.default_rng(1)
    length = 40 * CHUNK_SAMPLES
    spoken: list[Any] = [
        np.frombuffer(clip(name), "<i2").astype(np.float32) / 32768 for name in sorted(TEXTS)
    ]
    square = np.where(np.arange(length) // 20 % 2, 1.0, -1.0).astype(np.float32)
    noise = [rng.normal(0, level, length).astype(np.float32) for level in (1e-5, 0.01, 0.5)]
    odd = [np.zeros(length, np.float32), square, np.ones(length, np.float32), *noise]
    return [np.resize(sound, length) for sound in (*spoken, *odd)]


def test_it_says_what_the_library_says_window_for_window(
    silero: Silero, session: ort.InferenceSession
) -> None:
    heard = np.stack(sounds())
    ours = theirs = np.zeros((2, len(heard), STATE), np.float32)
    voiced = 0
    for at in range(0, heard.shape[1] - WINDOW_SAMPLES, CHUNK_SAMPLES):
        windows = np.ascontiguousarray(heard[:, at : at + WINDOW_SAMPLES])
        found, ours = silero(windows, ours)
        given = {"input": windows, "state": theirs, "sr": np.array(8000)}
        expected, theirs = session.run(None, given)
        assert found == pytest.approx(expected[:, 0], abs=1e-3)
        assert np.isfinite(ours).all()
        voiced += int((found > 0.5).sum())
    assert voiced > 100


@pytest.mark.parametrize("rows", [1, 2, 7, 64])
def test_a_row_is_judged_by_itself(silero: Silero, rows: int) -> None:
    rng = np.random.default_rng(2)
    windows = rng.normal(0, 0.1, (rows, WINDOW_SAMPLES)).astype(np.float32)
    state = rng.normal(0, 0.5, (2, rows, STATE)).astype(np.float32)

    together, after = silero(windows, state)

    assert (together.shape, after.shape) == ((rows,), (2, rows, STATE))
    for row in range(rows):
        alone, its = silero(windows[row : row + 1], state[:, row : row + 1])
        assert alone[0] == pytest.approx(together[row], abs=1e-5)
        assert its[:, 0] == pytest.approx(after[:, row], abs=1e-5)


def test_what_it_is_given_stays_as_it_is(silero: Silero) -> None:
    windows, state = np.ones((3, WINDOW_SAMPLES), np.float32), np.ones((2, 3, STATE), np.float32)
    silero(windows, state)
    assert (windows == 1).all()
    assert (state == 1).all()


def test_another_model_is_refused(tmp_path: Path) -> None:
    """Also one that differs in a shape alone."""
    other = tmp_path / "other.onnx"
    data = VOICE_ACTIVITY.read_bytes()
    other.write_bytes(data.replace(b"encoder.1.reparam_conv.bias", b"encoder.9.reparam_conv.bias"))
    with pytest.raises(ValueError, match=r"its encoder\.1\.reparam_conv\.bias is another"):
        Silero(other)


@pytest.mark.parametrize("size", [0, 1, 1000, 1_000_000])
def test_a_file_that_was_cut_is_refused(tmp_path: Path, size: int) -> None:
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(VOICE_ACTIVITY.read_bytes()[:size])
    with pytest.raises(ValueError, match=r"ends too early|is another"):
        Silero(cut)


def test_whatever_a_file_holds_it_is_read_or_refused() -> None:
    rng, data = random.Random(3), VOICE_ACTIVITY.read_bytes()
    for _ in range(100):
        damaged = bytearray(data[:20_000])
        for _ in range(5):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        try:
            weights(bytes(damaged))
        except ValueError:
            continue
