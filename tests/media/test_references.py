"""Which packets are left out: told from hand-made ones, and counted where the encoder's choice is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from av.packet import Packet

from tests.synthetic import numbered, write_video
from vidsearch.media.container import open_video
from vidsearch.media.decoder import PictureDecoder
from vidsearch.media.references import References

AVCC = bytes([1, 100, 0, 40, 0xFF, 0xE1])
"""The head of an H.264 configuration: lengths of four bytes."""


def hvcc(num_layers: int) -> bytes:
    """The head of an HEVC configuration: lengths of four bytes, and so many layers in time."""
    return bytes([1, *[0] * 20, num_layers << 3 | 3])


def packet(*units: bytes, num_length_bytes: int = 4) -> Packet[Any]:
    return Packet(b"".join(len(unit).to_bytes(num_length_bytes, "big") + unit for unit in units))


def hevc_unit(kind: int, *, layer: int = 0) -> bytes:
    return bytes([kind << 1, layer + 1, 7, 7])


SLICE, REFERRED_SLICE, MESSAGE, SETTINGS = b"\x01\x9a", b"\x41\x9a", b"\x06\x05", b"\x68\xee"


@pytest.mark.parametrize(
    ("units", "is_needed"),
    [
        ([SLICE], False),
        ([MESSAGE, SLICE, SLICE], False),
        ([REFERRED_SLICE], True),
        ([SLICE, REFERRED_SLICE], True),  # two fields, of which the second is needed
        ([SETTINGS, SLICE], True),
        ([MESSAGE], True),
        ([], True),
        ([b"\x01"], True),
    ],
)
def test_h264(units, is_needed):
    assert References("h264", AVCC).is_needed(packet(*units)) is is_needed


def test_lengths_are_as_long_as_the_configuration_says():
    two_bytes = bytes([1, 100, 0, 40, 0xFD, 0xE1])
    assert not References("h264", two_bytes).is_needed(packet(SLICE, SLICE, num_length_bytes=2))
    assert References("h264", AVCC).is_needed(packet(SLICE, SLICE, num_length_bytes=2))


@pytest.mark.parametrize(
    "data", [b"\0\0\0\x09" + SLICE, b"\0\0\0\x02" + SLICE + b"\0", b"\0\0\0\x01" + SLICE]
)
def test_a_packet_that_is_cut_short_or_has_start_codes_is_given_to_the_decoder(data):
    given: Packet[Any] = Packet(data)
    assert References("h264", AVCC).is_needed(given)


@pytest.mark.parametrize(
    ("codec", "extradata"),
    [("h264", None), ("h264", b""), ("h264", b"\0\0\0\1\x67\x64"), ("hevc", b"\1"), ("vp9", AVCC)],
)
def test_where_the_container_does_not_say_everything_is_needed(codec, extradata):
    assert References(codec, extradata).is_needed(packet(SLICE))


@pytest.mark.parametrize(
    ("unit", "num_layers", "is_needed"),
    [
        (hevc_unit(0), 1, False),
        (hevc_unit(8), 1, False),
        (hevc_unit(1), 1, True),
        (hevc_unit(19), 1, True),
        (hevc_unit(0), 2, True),  # the layer above may refer to it
        (hevc_unit(2, layer=1), 2, False),
        (hevc_unit(0), 0, True),  # the number of layers is not known
    ],
)
def test_hevc(unit, num_layers, is_needed):
    message = hevc_unit(39)
    assert References("hevc", hvcc(num_layers)).is_needed(packet(message, unit)) is is_needed


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_pictures_that_nobody_needs_do_not_reach_the_decoder(codec, tmp_path: Path):
    """All B-frames are left out but the wanted one; so is what comes after it up to the next key frame."""
    options = {
        "libx264": {"x264-params": "keyint=20:b-adapt=0:bframes=3:b-pyramid=none:scenecut=0"},
        "libx265": {
            "x265-params": "keyint=20:b-adapt=0:bframes=3:b-pyramid=0:scenecut=0:open-gop=0:log-level=none"
        },
    }[codec]
    path = write_video(tmp_path / "clip.mp4", numbered, num_frames=40, codec=codec, options=options)
    with open_video(path) as video:
        decoder = PictureDecoder(video)
        shown = [round(video.seconds(ticks) * 25) for ticks, _ in decoder.pictures_at([9 / 25, 1.2])]
        assert shown == [0, 4, 8, 9, 12, 20, 24, 28, 30, 32]
        assert decoder.num_packets == len(shown)
