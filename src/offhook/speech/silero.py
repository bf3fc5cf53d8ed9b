"""Silero VAD at 8 kHz, many calls in one pass.

The model is small and its layers are matrices, so with numpy a batch is a few multiplications in all, where
the library for its file works through each row's convolutions: a third of the time for 32 rows.

A row is a spectrum of four moments (128 samples, 64 apart), four convolutions over them, one step of an LSTM
and a sigmoid. The moments of a row lie one behind the other, so what a convolution has under its three taps
is a part of the row: it is multiplied where it lies, and the zeros around are left out."""

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
_FIRST, _SECOND = 128, 64


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
        self._first, bias = layer(0, _BINS, _FIRST)
        self._first_bias = np.tile(bias, _MOMENTS)
        self._second, bias = layer(1, _FIRST, _SECOND)
        self._second_bias = np.tile(bias, _MOMENTS // 2)
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
        # sigmoid(x) is tanh(x / 2) / 2 + 1/2: all gates are one tanh, the third one a whole.
        self._half = np.repeat(np.array([0.5, 0.5, 1, 0.5], np.float32), STATE)
        self._rest = 1 - self._half
        bias = named("decoder.rnn.bias_ih", 4 * STATE) + named("decoder.rnn.bias_hh", 4 * STATE)
        self._gates = np.ascontiguousarray(np.concatenate(gates, axis=1).T) * self._half
        self._gates_bias = bias * self._half
        self._last = named("decoder.decoder.2.weight", 1, STATE, 1)[0, :, 0]
        self._last_bias = named("decoder.decoder.2.bias", 1)

    def __call__(self, windows: Floats, state: Floats) -> tuple[Floats, Floats]:
        """`windows` [n, 288], samples from -1 to 1: the last 32 that were judged and then 256. `state` [2, n,
        128], zeros at first. The probability of speech in each, [n], and the state for the next 256."""
        second = self._convolved_again(self._convolved(self._spectrum(windows)))
        return self._step(_layer(_layer(second, self._third), self._fourth), state)

    def _spectrum(self, windows: Floats) -> Floats:
        """[n, 4 * 65]"""
        mirrored = windows[:, -2 : -2 - _MIRRORED : -1]
        samples = np.concatenate((windows, mirrored), axis=1)
        parts = np.empty((len(windows), _MOMENTS, 2 * _BINS), np.float32)
        for moment in range(_MOMENTS):
            at = moment * _HOP
            np.matmul(samples[:, at : at + _SPAN], self._basis, out=parts[:, moment])
        parts *= parts
        power = parts[:, :, :_BINS] + parts[:, :, _BINS:]
        found: Floats = np.sqrt(power, out=power).reshape(len(windows), -1)
        return found

    def _convolved(self, spectrum: Floats) -> Floats:
        """[n, 4 * 128]. The first moment has nothing before it, and the last nothing behind it."""
        taps, found = self._first, np.empty((len(spectrum), _MOMENTS * _FIRST), np.float32)
        np.matmul(spectrum[:, : 2 * _BINS], taps[_BINS:], out=found[:, :_FIRST])
        np.matmul(spectrum[:, : 3 * _BINS], taps, out=found[:, _FIRST : 2 * _FIRST])
        np.matmul(spectrum[:, _BINS:], taps, out=found[:, 2 * _FIRST : 3 * _FIRST])
        np.matmul(spectrum[:, 2 * _BINS :], taps[: 2 * _BINS], out=found[:, 3 * _FIRST :])
        return _rectified(found, self._first_bias)

    def _convolved_again(self, first: Floats) -> Floats:
        """[n, 2 * 64]: around every other moment."""
        taps, found = self._second, np.empty((len(first), 2 * _SECOND), np.float32)
        np.matmul(first[:, : 2 * _FIRST], taps[_FIRST:], out=found[:, :_SECOND])
        np.matmul(first[:, _FIRST:], taps, out=found[:, _SECOND:])
        return _rectified(found, self._second_bias)

    def _step(self, features: Floats, state: Floats) -> tuple[Floats, Floats]:
        """The LSTM; its gates are in the order in, forget, cell, out."""
        output, cell = state
        gates = np.concatenate((features, output), axis=1) @ self._gates
        gates += self._gates_bias
        np.tanh(gates, out=gates)
        gates *= self._half
        gates += self._rest
        new = np.empty_like(state)
        np.multiply(gates[:, STATE : 2 * STATE], cell, out=new[1])
        new[1] += gates[:, :STATE] * gates[:, 2 * STATE : 3 * STATE]
        np.multiply(gates[:, 3 * STATE :], np.tanh(new[1]), out=new[0])
        spoken = np.maximum(new[0], 0) @ self._last + self._last_bias
        return np.tanh(spoken / 2) / 2 + np.float32(0.5), new


def _layer(rows: Floats, layer: tuple[Floats, Floats]) -> Floats:
    weight, bias = layer
    return _rectified(rows @ weight, bias)


def _rectified(found: Floats, bias: Floats) -> Floats:
    """In place."""
    found += bias
    return np.maximum(found, 0, out=found)
