"""Silero VAD at 8 kHz, many calls in one pass.

The model is small and its layers are matrices, so with numpy a batch is a few multiplications in all, where
the library for its file works through each row's convolutions: a third of the time for 32 rows.

A row is a spectrum of four moments (128 samples, 64 apart), four convolutions over them, one step of an LSTM
and a sigmoid. All that is convolved is laid out as rows of a matrix first."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from offhook.speech.onnx_file import weights

Floats = NDArray[np.float32]

CHUNK_SAMPLES: Final = 256
CONTEXT_SAMPLES: Final = 32
WINDOW_SAMPLES: Final = CONTEXT_SAMPLES + CHUNK_SAMPLES
STATE: Final = 128
"""Floats of the LSTM's output, and as many of its cell."""

_EIGHT_KHZ: Final = "If_0_else_branch__Inline_0__"
"""What the names of that half of the model begin with."""
_MIRRORED: Final = 32
"""Samples that are added at the end of a window, its own mirrored there."""
_MOMENTS, _HOP, _SPAN = 4, 64, 128
_BINS: Final = _SPAN // 2 + 1


class Silero:
    """Raises OSError and ValueError for a file that cannot be read or is another model."""

    def __init__(self, model: Path) -> None:
        found = weights(model.read_bytes())

        def named(name: str, *shape: int) -> Floats:
            array = found.get(_EIGHT_KHZ + name)
            if array is None or array.shape != shape:
                raise ValueError(f"{model} is not the model that is known: its {name} is another")
            return array

        def layer(number: int, inputs: int, outputs: int) -> tuple[Floats, Floats]:
            weight = named(f"encoder.{number}.reparam_conv.weight", outputs, inputs, 3)
            bias = named(f"encoder.{number}.reparam_conv.bias", outputs)
            return np.ascontiguousarray(weight.transpose(2, 1, 0).reshape(3 * inputs, outputs)), bias

        basis = named("stft.forward_basis_buffer", 2 * _BINS, 1, _SPAN)
        self._basis = np.ascontiguousarray(basis[:, 0].T)
        self._first = layer(0, _BINS, 128)
        self._second = layer(1, 128, 64)
        third, bias = layer(2, 64, 64)
        # Of three taps the first lies before the two moments that are left, and so, in the layer after, do
        # the first and the last around the only one.
        self._third = third[64:], bias
        fourth, bias = layer(3, 64, STATE)
        self._fourth = fourth[64:128], bias
        gates = (
            named("decoder.rnn.weight_ih", 4 * STATE, STATE),
            named("decoder.rnn.weight_hh", 4 * STATE, STATE),
        )
        self._gates = np.ascontiguousarray(np.concatenate(gates, axis=1).T)
        self._gates_bias = named("decoder.rnn.bias_ih", 4 * STATE) + named("decoder.rnn.bias_hh", 4 * STATE)
        self._last = named("decoder.decoder.2.weight", 1, STATE, 1)[0, :, 0]
        self._last_bias = named("decoder.decoder.2.bias", 1)

    def __call__(self, windows: Floats, state: Floats) -> tuple[Floats, Floats]:
        """`windows` [n, 288], samples from -1 to 1: the last 32 that were judged and then 256. `state` [2, n,
        128], zeros at first. The probability of speech in each, [n], and the state for the next 256."""
        rows = len(windows)
        first = _layer(_three(self._spectrum(windows), 1), self._first).reshape(rows, _MOMENTS, 128)
        second = _layer(_three(first, 2), self._second).reshape(rows, 2 * 64)
        return self._step(_layer(_layer(second, self._third), self._fourth), state)

    def _spectrum(self, windows: Floats) -> Floats:
        """[n, 4, 65]"""
        rows = len(windows)
        mirrored = windows[:, -2 : -2 - _MIRRORED : -1]
        samples = np.concatenate((windows, mirrored), axis=1)
        spans = np.empty((rows, _MOMENTS, _SPAN), np.float32)
        for moment in range(_MOMENTS):
            spans[:, moment] = samples[:, moment * _HOP : moment * _HOP + _SPAN]
        parts = spans.reshape(-1, _SPAN) @ self._basis
        parts *= parts
        power = parts[:, :_BINS] + parts[:, _BINS:]
        return np.sqrt(power, out=power).reshape(rows, _MOMENTS, _BINS)

    def _step(self, features: Floats, state: Floats) -> tuple[Floats, Floats]:
        """The LSTM; its gates are in the order in, forget, cell, out."""
        output, cell = state
        gates = np.concatenate((features, output), axis=1) @ self._gates
        gates += self._gates_bias
        passes = _sigmoid(gates[:, : 2 * STATE])
        new = np.empty_like(state)
        np.multiply(passes[:, STATE:], cell, out=new[1])
        new[1] += passes[:, :STATE] * np.tanh(gates[:, 2 * STATE : 3 * STATE])
        np.multiply(_sigmoid(gates[:, 3 * STATE :]), np.tanh(new[1]), out=new[0])
        return _sigmoid(np.maximum(new[0], 0) @ self._last + self._last_bias), new


def _three(features: Floats, stride: int) -> Floats:
    """Rows for a convolution of three taps over [n, moments, channels], with zeros around them."""
    rows, moments, channels = features.shape
    around = np.zeros((rows, moments + 2, channels), np.float32)
    around[:, 1:-1] = features
    found = np.empty((rows, moments // stride, 3, channels), np.float32)
    for tap in range(3):
        found[:, :, tap] = around[:, tap : tap + moments : stride]
    return found.reshape(-1, 3 * channels)


def _layer(rows: Floats, layer: tuple[Floats, Floats]) -> Floats:
    weight, bias = layer
    found: Floats = rows @ weight
    found += bias
    return np.maximum(found, 0, out=found)


def _sigmoid(values: Floats) -> Floats:
    """In place. What is far below zero is none at all: no overflow on the way there."""
    np.maximum(values, -80, out=values)
    np.negative(values, out=values)
    np.exp(values, out=values)
    values += 1
    return np.reciprocal(values, out=values)
