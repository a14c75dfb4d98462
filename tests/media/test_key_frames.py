"""Files with wrong marks of key frames, or open GOPs: the very pictures of decoding everything.

What is skipped is counted as well: a single wrong mark must not make a whole file be decoded.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from av.packet import Packet

from tests.synthetic import numbered, write_video
from vidsearch.media.container import open_video
from vidsearch.media.decode import frame_at, frames
from vidsearch.media.decoder import PictureDecoder
from vidsearch.media.picture import to_image
from vidsearch.media.references import References
from vidsearch.types import SamplingPlan

if TYPE_CHECKING:
    from vidsearch.types import UInt8Image

AVCC = bytes([1, 100, 0, 40, 0xFF, 0xE1])
HVCC = bytes([1, *[0] * 20, 1 << 3 | 3])


def scenes(number: int) -> UInt8Image:
    """Noise that moves, with a hard cut each 7 pictures, so that an encoder wants an I-slice there."""
    scene = np.random.default_rng(number // 7).integers(0, 255, (64, 96, 3), dtype=np.uint8)
    image = np.roll(scene, number, axis=1)
    image[:16, :16] = numbered(number, width=16, height=16)
    return image


def decoded_whole(path: Path, instants: list[float]) -> list[UInt8Image]:
    """The picture on screen at each instant, by decoding everything."""
    with open_video(path) as video:
        pictures = [
            (video.seconds(ticks), picture) for ticks, picture in PictureDecoder(video).all_pictures()
        ]
        times = np.array([seconds for seconds, _ in pictures])
        places = [max(0, int(np.searchsorted(times, instant + 1e-6)) - 1) for instant in instants]
        return [
            to_image(pictures[place][1], sample_aspect_ratio=video.sample_aspect_ratio) for place in places
        ]


def remarked(path: Path, marks: Callable[[int, Packet[Any]], bool]) -> Path:
    """A copy of a video with other marks of key frames."""
    copy = path.with_name(f"remarked{path.suffix}")
    with av.open(str(path)) as source, av.open(str(copy), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(source.demux(source.streams.video[0])):
            if packet.size:
                packet.is_keyframe = marks(number, packet)
                packet.stream = stream
                target.mux(packet)
    return copy


def assert_same_as_decoding_everything(path: Path, fps: float) -> int:
    """Returns how many packets were decoded for it."""
    found = list(frames(path, SamplingPlan(fps=fps)))
    expected = decoded_whole(path, [frame.sample_time_seconds for frame in found])
    different = [
        frame.sample_time_seconds
        for frame, image in zip(found, expected, strict=True)
        if not np.array_equal(frame.image, image)
    ]
    assert different == []
    for frame in found[:: max(1, len(found) // 5)]:
        assert np.array_equal(frame_at(path, frame.sample_time_seconds).image, frame.image)
    with open_video(path) as video:
        decoder = PictureDecoder(video)
        for _ in decoder.pictures_at([frame.sample_time_seconds for frame in found]):
            pass
        return decoder.num_packets


STREAMS = {
    "x264, I-slices within GOPs": (
        "libx264",
        {"keyint": "120", "min-keyint": "61", "scenecut": "80", "ref": "1", "bframes": "0"},
    ),
    "x264, open GOPs": ("libx264", {"keyint": "12", "min-keyint": "12", "open-gop": "1", "bframes": "3"}),
    "x264, slow refresh": ("libx264", {"keyint": "30", "intra-refresh": "1"}),
    "x265, open GOPs": ("libx265", {"keyint": "12", "min-keyint": "12", "open-gop": "1", "bframes": "3"}),
    "x265, closed GOPs": ("libx265", {"keyint": "12", "min-keyint": "12", "open-gop": "0"}),
}


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("marks", ["as written", "each sixth", "all"])
@pytest.mark.parametrize("name", STREAMS)
def test_pictures_are_those_of_decoding_everything(
    name: str, marks: str, suffix: str, tmp_path: Path
) -> None:
    codec, settings = STREAMS[name]
    params = ":".join(f"{key}={value}" for key, value in settings.items())
    options = (
        {"x264-params": params, "sc_threshold": "40", "crf": "30"}
        if codec == "libx264"
        else {"x265-params": f"log-level=none:{params}"}
    )
    path = write_video(tmp_path / f"a{suffix}", scenes, num_frames=180, codec=codec, options=options)
    if marks != "as written":
        every = 6 if marks == "each sixth" else 1
        path = remarked(path, lambda number, packet: packet.is_keyframe or number % every == 0)
    num_packets = assert_same_as_decoding_everything(path, fps=1.0)
    if name.startswith(("x264, open", "x265")):
        assert num_packets < 130, "of 180: what lies between the GOPs that are wanted is not decoded"


@pytest.mark.parametrize("options", [{}, {"bf": "2", "flags": "-cgop"}])
@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mpg", ".ts"])
def test_mpeg_2(suffix: str, options: dict[str, str], tmp_path: Path) -> None:
    path = write_video(
        tmp_path / f"a{suffix}", scenes, num_frames=100, codec="mpeg2video", gop=12, options=options
    )
    num_packets = assert_same_as_decoding_everything(path, fps=1.0)
    if suffix in (".mkv", ".mp4"):
        assert num_packets < 80


def test_false_marks_do_not_make_everything_be_decoded(tmp_path: Path) -> None:
    """I-slices at cuts within GOPs, with one picture of reference: FFmpeg marks them as key frames."""
    path = write_video(
        tmp_path / "a.mp4",
        scenes,
        num_frames=360,
        options={"x264-params": "keyint=60:min-keyint=31:scenecut=80:bframes=0:ref=1", "crf": "30"},
    )
    with av.open(str(path)) as container:
        marked = [packet for packet in container.demux(video=0) if packet.is_keyframe]
        extradata = container.streams.video[0].codec_context.extradata
        true = [packet for packet in marked if References("h264", extradata).begins_gop(packet)]
    assert 0 < len(true) < len(marked)
    num_packets = assert_same_as_decoding_everything(path, fps=0.4)
    assert num_packets < 270, "of 360"


@pytest.mark.parametrize(
    "fps", [1.0, pytest.param(0.4, marks=pytest.mark.slow), pytest.param(3.0, marks=pytest.mark.slow)]
)
def test_real_videos(real_videos: Path, fps: float) -> None:
    for path in sorted(real_videos.glob("*.mp4")):
        if path.stat().st_size < 3_000_000:
            assert_same_as_decoding_everything(path, fps)


def packet(*units: bytes) -> Packet[Any]:
    made: Packet[Any] = Packet(b"".join(len(unit).to_bytes(4, "big") + unit for unit in units))
    made.is_keyframe = True
    return made


SLICE, IDR = b"\x41\x9a\x01", b"\x65\x88\x01"


@pytest.mark.parametrize(
    ("units", "begins"),
    [
        ([IDR], True),
        ([SLICE], False),
        ([b"\x06\x06\x01\x84\x80", SLICE], True),  # a recovery point here
        ([b"\x06\x06\x01\x44\x80", SLICE], False),  # a recovery point some pictures later
        ([b"\x06\x05\x02\x00\x00\x06\x01\x84\x80", SLICE], True),  # after another message
        ([b"\x06\x05\xff\x01" + bytes(range(1, 255)) + b"\x01\x02\x06\x01\x84\x80", SLICE], True),
        ([b"\x06\x05\xff\xff\xff", SLICE], False),
        ([b"\x06\xff\xff\xff", SLICE], False),
        ([b"\x06\x06", SLICE], False),
        ([b"\x06\x06\x01", SLICE], False),
        ([], False),
    ],
)
def test_h264_packets_that_begin_a_gop(units: list[bytes], begins: bool) -> None:
    assert References("h264", AVCC).begins_gop(packet(*units)) is begins


@pytest.mark.parametrize(
    ("kind", "begins"), [(1, False), (9, False), (16, True), (19, True), (20, True), (21, True)]
)
def test_hevc_packets_that_begin_a_gop(kind: int, begins: bool) -> None:
    assert References("hevc", HVCC).begins_gop(packet(bytes([kind << 1, 1, 7]))) is begins


def test_a_packet_that_is_not_marked_begins_none() -> None:
    unmarked = packet(IDR)
    unmarked.is_keyframe = False
    assert not References("h264", AVCC).begins_gop(unmarked)
    assert References("vp9", None).begins_gop(packet(SLICE))
