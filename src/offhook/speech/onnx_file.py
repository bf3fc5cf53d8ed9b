"""The weights in an ONNX file (onnx.proto, in protobuf's wire format), without the library that runs such
files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

_VARINT, _BYTES = 0, 2
_FIXED: Final = {1: 8, 5: 4}
_GRAPH_OF_MODEL, _NODE_OF_GRAPH, _OUTPUT_OF_NODE, _ATTRIBUTE_OF_NODE = 7, 1, 2, 5
_TENSOR_OF_ATTRIBUTE, _GRAPH_OF_ATTRIBUTE = 5, 6
_DIMS_OF_TENSOR, _TYPE_OF_TENSOR, _RAW_OF_TENSOR = 1, 2, 9
_FLOAT: Final = 1

Weights = dict[str, NDArray[np.float32]]


def weights(model: bytes) -> Weights:
    """The float constants of a model and of the graphs within it, by the name of what they are the value of.
    Raises ValueError for what is no such file."""
    found: Weights = {}
    try:
        for graph in _all(model, _GRAPH_OF_MODEL):
            _collect(graph, found)
    except IndexError:
        raise ValueError("the file ends too early") from None
    return found


def _collect(graph: bytes, found: Weights) -> None:
    for node in _all(graph, _NODE_OF_GRAPH):
        for attribute in _all(node, _ATTRIBUTE_OF_NODE):
            for inner in _all(attribute, _GRAPH_OF_ATTRIBUTE):
                _collect(inner, found)
            for tensor in _all(attribute, _TENSOR_OF_ATTRIBUTE):
                (name,) = _all(node, _OUTPUT_OF_NODE)
                _add(tensor, name.decode(), found)


def _add(tensor: bytes, name: str, found: Weights) -> None:
    dims, kind, raw = [], 0, b""
    for field, value in _fields(tensor):
        if field == _DIMS_OF_TENSOR and isinstance(value, int):
            dims.append(value)
        elif field == _TYPE_OF_TENSOR and isinstance(value, int):
            kind = value
        elif field == _RAW_OF_TENSOR and isinstance(value, bytes):
            raw = value
    if kind == _FLOAT and raw:
        found[name] = np.frombuffer(raw, "<f4").reshape(dims)


def _all(message: bytes, wanted: int) -> Iterator[bytes]:
    return (value for field, value in _fields(message) if field == wanted and isinstance(value, bytes))


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        if key & 7 == _VARINT:
            number, at = _varint(message, at)
            yield key >> 3, number
            continue
        if key & 7 == _BYTES:
            size, at = _varint(message, at)
        elif key & 7 in _FIXED:
            size = _FIXED[key & 7]
        else:
            raise ValueError("no protobuf")
        if at + size > len(message):
            raise ValueError("the file ends too early")
        yield key >> 3, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = message[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at
        if shift > 63:
            raise ValueError("no protobuf")
