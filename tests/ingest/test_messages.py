"""What a decoding process may say, and what it cannot make the main process do."""

from __future__ import annotations

import io
import json
import pickle
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidsearch.ingest.messages import MAX_HEADER_BYTES, BadMessage, read_message, write_message
from vidsearch.media.completeness import DecodeReport
from vidsearch.types import Frame, Shot, VideoInfo

IMAGE = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
INFO = VideoInfo(
    size_bytes=10,
    container="mov",
    codec="h264",
    width=4,
    height=2,
    rotation_degrees=90,
    frame_rate=None,
    duration_seconds=1.5,
    num_audio_tracks=0,
    created_at=datetime(2024, 2, 29, 12, tzinfo=UTC),
)
REPORT = DecodeReport(num_pictures=3, lost_spans=((0.5, 1.25),))


def message(kind: Any, value: object = None) -> bytes:
    stream = io.BytesIO()
    write_message(stream, kind, value)
    return stream.getvalue()


def header(value: object) -> bytes:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return len(data).to_bytes(4, "big") + data


@pytest.mark.parametrize(
    "value", [None, 3, 0.1, "Ä\x00", [1, [2]], (1, (2.5, None)), INFO, REPORT, Shot(0.0, 1.0), Path("/a b")]
)
def test_what_is_sent_comes_back(value: object) -> None:
    assert read_message(io.BytesIO(message("item", value))) == ("item", value)


def test_a_frame_comes_back_with_its_pixels() -> None:
    stream = io.BytesIO(message("item", Frame(0.5, 0.75, IMAGE, Shot(0.0, 2.0))) + message("end", REPORT))
    kind, frame = read_message(stream)
    assert (kind, frame.time_seconds, frame.sample_time_seconds, frame.shot) == (
        "item",
        0.5,
        0.75,
        Shot(0.0, 2.0),
    )
    assert frame.image.dtype == np.uint8
    assert np.array_equal(frame.image, IMAGE)
    assert read_message(stream) == ("end", REPORT)
    with pytest.raises(EOFError):
        read_message(stream)


def test_nothing_but_data_is_sent() -> None:
    with pytest.raises(TypeError, match="a function cannot be sent"):
        message("item", test_nothing_but_data_is_sent)


@pytest.mark.parametrize(
    "bad",
    [
        (MAX_HEADER_BYTES + 1).to_bytes(4, "big") + b"{}",
        header(b"[" * 100_000),
        header([]),
        header({"kind": "item", "value": 1}),
        header({"kind": "call", "value": 1, "arrays": []}),
        header({"kind": "item", "value": {"Path": "x", "eval": "y"}, "arrays": []}),
        header({"kind": "item", "value": {"Fingerprint": {}}, "arrays": []}),
        header({"kind": "item", "value": {"Shot": {"start_seconds": 1}}, "arrays": []}),
        header({"kind": "item", "value": {"array": 0}, "arrays": []}),
        header({"kind": "item", "value": {"array": 0}, "arrays": [{"dtype": "object", "shape": [1]}]}),
        header({"kind": "item", "value": {"array": 0}, "arrays": [{"dtype": "uint8", "shape": [2**62, 2]}]}),
        header({"kind": "item", "value": {"array": 0}, "arrays": [{"dtype": "uint8", "shape": [-1, -8]}]}),
        header({"kind": "item", "value": {"array": 0}, "arrays": [{"dtype": "uint8", "shape": [2**28]}]}),
        header({"kind": "item", "value": None, "arrays": [{"dtype": "uint8", "shape": [1]}] * 100}),
        header(b'{"kind": "item", "value": Infinity, "arrays": []}'),
        header(pickle.dumps(print)),
    ],
)
def test_what_is_no_message_is_refused(bad: bytes) -> None:
    with pytest.raises(BadMessage):
        read_message(io.BytesIO(bad))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_end_in_a_message_or_an_error(data: bytes) -> None:
    for stream in (io.BytesIO(data), io.BytesIO(header(data))):
        try:
            read_message(stream)
        except (BadMessage, EOFError):
            continue


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutated_messages_end_in_a_message_or_an_error(data: st.DataObject) -> None:
    sound = bytearray(message("item", Frame(0.5, 0.75, IMAGE, Shot(0.0, 2.0))) + message("end", INFO))
    for _ in range(data.draw(st.integers(1, 8))):
        sound[data.draw(st.integers(0, len(sound) - 1))] = data.draw(st.integers(0, 255))
    stream = io.BytesIO(sound)
    try:
        for _ in range(3):
            read_message(stream)
    except (BadMessage, EOFError):
        pass
