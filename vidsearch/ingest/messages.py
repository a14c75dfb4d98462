"""Messages from a decoding process: JSON and raw arrays, so that reading them cannot run code.

A message consists of its header's length (4 bytes, big-endian), the header as JSON, and the bytes of its
arrays. A decoder exploited by a crafted file may write anything, so every size is checked before memory is
allocated, and only plain data and the dataclasses listed here are produced.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NoReturn, TypeAlias, cast, get_args

import numpy as np

from vidsearch.media.completeness import DecodeReport
from vidsearch.media.container import MAX_PIXELS
from vidsearch.paths import as_path
from vidsearch.types import AudioBlock, Frame, Shot, VideoInfo

if TYPE_CHECKING:
    from numpy.typing import NDArray

Kind: TypeAlias = Literal["ready", "item", "end", "error"]

MAX_HEADER_BYTES = 2**20
MAX_ARRAY_BYTES = 3 * MAX_PIXELS
_MAX_ARRAYS = 4
_MAX_DIMENSIONS = 4
_LENGTH_BYTES = 4

_CLASSES: dict[str, type] = {cls.__name__: cls for cls in (Frame, Shot, VideoInfo, DecodeReport, AudioBlock)}
_DTYPES = frozenset({"uint8", "int64", "float32"})


class BadMessage(ValueError):
    """The bytes are not a valid message."""


def write_message(stream: BinaryIO, kind: Kind, value: object = None) -> None:
    """Write a message and flush. Raises TypeError for an unsupported value."""
    arrays: list[NDArray[Any]] = []
    header = {
        "kind": kind,
        "value": _encoded(value, arrays),
        "arrays": [{"dtype": array.dtype.name, "shape": array.shape} for array in arrays],
    }
    data = json.dumps(header, allow_nan=False).encode()
    stream.write(len(data).to_bytes(_LENGTH_BYTES, "big") + data)
    for array in arrays:
        stream.write(np.ascontiguousarray(array).data)
    stream.flush()


def read_message(stream: BinaryIO) -> tuple[Kind, Any]:
    """Read a message: its kind and its value.

    Raises:
        EOFError: The stream ends, before the message or within it.
        BadMessage: The data is not a message, or an impossibly large one.
    """
    num_bytes = int.from_bytes(_read(stream, _LENGTH_BYTES), "big")
    if num_bytes > MAX_HEADER_BYTES:
        raise BadMessage(f"a header of {num_bytes} bytes")
    try:
        header = json.loads(_read(stream, num_bytes), parse_constant=_refuse)
        kind, shapes = _checked_kind(header["kind"]), _checked_shapes(header["arrays"])
        arrays = [_read_array(stream, dtype, shape) for dtype, shape in shapes]
        return kind, _decoded(header["value"], arrays)
    except BadMessage:
        raise
    except (ValueError, TypeError, KeyError, IndexError, RecursionError, OverflowError) as error:
        raise BadMessage(f"{type(error).__name__}: {error}") from error


def _encoded(value: object, arrays: list[NDArray[Any]]) -> object:
    """JSON for a value: plain ones as they are, others as {type: content}."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case list():
            return [_encoded(one, arrays) for one in value]
        case tuple():
            return {"tuple": [_encoded(one, arrays) for one in value]}
        case Path():
            return {"path": str(value)}
        case datetime():
            return {"datetime": value.isoformat()}
        case np.ndarray():
            arrays.append(value)
            return {"array": len(arrays) - 1}
    if is_dataclass(value) and type(value).__name__ in _CLASSES:
        named = {field.name: _encoded(getattr(value, field.name), arrays) for field in fields(value)}
        return {type(value).__name__: named}
    raise TypeError(f"a {type(value).__name__} cannot be sent between processes")


def _decoded(value: object, arrays: list[NDArray[Any]]) -> object:
    if isinstance(value, list):
        return [_decoded(one, arrays) for one in value]
    if not isinstance(value, dict):
        return value
    ((what, how),) = value.items()
    makers: dict[str, Callable[[Any], object]] = {
        "tuple": lambda items: tuple(_decoded(one, arrays) for one in _checked(items, list)),
        "path": lambda text: as_path(_checked(text, str)),
        "datetime": datetime.fromisoformat,
        "array": lambda number: arrays[_checked(number, int)],
    }
    if what in makers:
        return makers[what](how)
    return _CLASSES[what](**{name: _decoded(one, arrays) for name, one in _checked(how, dict).items()})


def _checked(value: object, kind: type) -> Any:
    if not isinstance(value, kind):
        raise BadMessage(f"a {type(value).__name__} where a {kind.__name__} should be")
    return value


def _checked_kind(kind: object) -> Kind:
    if kind not in get_args(Kind):
        raise BadMessage("an unknown kind")
    return cast("Kind", kind)


def _checked_shapes(arrays: object) -> list[tuple[str, tuple[int, ...]]]:
    if len(_checked(arrays, list)) > _MAX_ARRAYS:
        raise BadMessage("too many arrays")
    return [_checked_shape(array) for array in cast("list[Any]", arrays)]


def _checked_shape(array: Any) -> tuple[str, tuple[int, ...]]:
    dtype, shape = _checked(array["dtype"], str), _checked(array["shape"], list)
    if dtype not in _DTYPES or len(shape) > _MAX_DIMENSIONS:
        raise BadMessage(f"an array of {dtype} with {len(shape)} dimensions")
    if any(type(side) is not int or side < 0 for side in shape):
        raise BadMessage("an array with a side that is no count")
    if math.prod(shape) * np.dtype(dtype).itemsize > MAX_ARRAY_BYTES:
        raise BadMessage("an array larger than the largest picture")
    return dtype, tuple(shape)


def _read_array(stream: BinaryIO, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
    num_bytes = math.prod(shape) * np.dtype(dtype).itemsize
    return np.frombuffer(bytearray(_read(stream, num_bytes)), dtype=dtype).reshape(shape)


def _read(stream: BinaryIO, num_bytes: int) -> bytes:
    data = stream.read(num_bytes)
    if len(data) < num_bytes:
        raise EOFError
    return data


def _refuse(constant: str) -> NoReturn:
    raise BadMessage(f"the number {constant}")
