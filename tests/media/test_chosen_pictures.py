"""Decoding only what is needed gives the very pictures that decoding everything gives.

The reference here is plain PyAV over the whole file, and the definition of "on screen" written out.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from tests.synthetic import numbered, write_video
from vidsearch.media.decode import frame_at, frames
from vidsearch.media.picture import to_image
from vidsearch.media.sampling import instants
from vidsearch.types import SamplingPlan

if TYPE_CHECKING:
    from vidsearch.types import UInt8Image

X265 = {"preset": "ultrafast", "crf": "20"}

CLIPS: dict[str, dict[str, Any]] = {
    "closed-gops.mp4": {"gop": 12, "b_frames": 2},
    "open-gops.mp4": {
        "gop": 10,
        "b_frames": 3,
        "options": {"x264-params": "open-gop=1:b-pyramid=normal"},
    },
    "open-gops.mkv": {
        "gop": 10,
        "b_frames": 3,
        "options": {"x264-params": "open-gop=1:b-pyramid=strict"},
    },
    "one-gop.mp4": {"gop": 1000, "b_frames": 3, "options": {"x264-params": "b-pyramid=normal"}},
    "no-b-frames.mp4": {"gop": 25, "b_frames": 0},
    "intra-refresh.mp4": {"gop": 20, "options": {"x264-params": "intra-refresh=1"}},
    "interlaced.mp4": {"gop": 12, "options": {"x264-params": "tff=1"}},
    "two-slices.mp4": {"gop": 12, "options": {"x264-params": "slices=2"}},
    "as-x264-makes-them.mp4": {"options": {"preset": "medium"}},
    "delimiters-and-slices.mkv": {"gop": 30, "b_frames": 3, "options": {"x264-params": "aud=1:slices=4"}},
    "fragmented.mp4": {"gop": 12, "container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "late-start.mp4": {"gop": 12, "start_seconds": 3.2},
    "late-start.mkv": {"gop": 12, "start_seconds": 3.2},
    "sound.mov": {"gop": 12, "audio_seconds": 4.0},
    "stream.ts": {"gop": 12},
    "flash.flv": {"gop": 12},
    "hevc-open.mp4": {
        "codec": "libx265",
        "options": {**X265, "x265-params": "keyint=10:bframes=3:open-gop=1:log-level=none"},
    },
    "hevc-closed.mkv": {
        "codec": "libx265",
        "options": {**X265, "x265-params": "keyint=10:open-gop=0:log-level=none"},
    },
    "hevc-layers-in-time.mp4": {
        "codec": "libx265",
        "options": {**X265, "x265-params": "keyint=30:bframes=4:temporal-layers=3:log-level=none"},
    },
    "vp8-hidden-frames.webm": {
        "codec": "libvpx",
        "gop": 20,
        "options": {"auto-alt-ref": "1", "lag-in-frames": "16"},
    },
    "vp9-hidden-frames.webm": {
        "codec": "libvpx-vp9",
        "gop": 20,
        "options": {"auto-alt-ref": "1", "lag-in-frames": "16", "deadline": "good", "cpu-used": "5"},
    },
    "av1.mp4": {"codec": "libsvtav1", "gop": 20},
    "mpeg4.mp4": {"codec": "mpeg4", "gop": 12, "b_frames": 2},
    "mpeg4.avi": {"codec": "mpeg4", "gop": 12, "b_frames": 2},
    "mpeg2.mkv": {"codec": "mpeg2video", "gop": 12, "b_frames": 2},
    "mpeg2.mpg": {"codec": "mpeg2video", "gop": 12, "b_frames": 2},
    "mjpeg.mov": {"codec": "mjpeg"},
    "animation.mov": {"codec": "qtrle", "gop": 12},
    "animation.gif": {"codec": "gif"},
    "lossless.mkv": {"codec": "ffv1"},
}

PLANS = (
    SamplingPlan(fps=1),
    SamplingPlan(fps=0.5, start_seconds=0.9),
    SamplingPlan(fps=7, start_seconds=0.5, end_seconds=2.2),
    SamplingPlan(fps=25),
    SamplingPlan(fps=60),
    SamplingPlan(max_frames=3),
)


@pytest.mark.parametrize("name", CLIPS)
def test_same_pictures_as_decoding_everything(name: str, tmp_path: Path) -> None:
    path = write_video(tmp_path / name, _moving, num_frames=100, **CLIPS[name])
    _assert_same_as_everything(path, PLANS)


def test_same_pictures_at_a_changing_frame_rate(tmp_path: Path) -> None:
    times = np.cumsum([0.0, *(0.02 + 0.2 * (number % 7 == 0) + 0.05 * (number % 3) for number in range(79))])
    path = write_video(
        tmp_path / "changing.mp4", _moving, num_frames=80, times=times.tolist(), gop=9, b_frames=2
    )
    _assert_same_as_everything(path, PLANS)


@pytest.mark.parametrize("name", ["long.mp4", "long.mkv", "long.webm", "long.flv"])
def test_same_pictures_where_it_pays_to_seek(name: str, tmp_path: Path) -> None:
    codec = "libvpx" if name.endswith("webm") else "libx264"
    path = write_video(
        tmp_path / name, _moving, num_frames=450, frame_rate=5, gop=20, b_frames=2, codec=codec
    )
    plans = (
        SamplingPlan(fps=0.04),
        SamplingPlan(max_frames=4),
        SamplingPlan(fps=0.05, start_seconds=61.0),
        SamplingPlan(fps=1.0, start_seconds=83.5),
    )
    _assert_same_as_everything(path, plans)


@pytest.mark.parametrize("start_seconds", [0.0, 3.2])
def test_same_pictures_around_every_key_frame(start_seconds: float, tmp_path: Path) -> None:
    """Guards against the wrong GOP at an edge, where leading pictures of an open GOP are on screen."""
    path = write_video(
        tmp_path / "open.mp4",
        _moving,
        num_frames=60,
        start_seconds=start_seconds,
        gop=10,
        b_frames=3,
        options={"x264-params": "open-gop=1:b-pyramid=normal"},
    )
    plans = [SamplingPlan(fps=25, start_seconds=n / 25, end_seconds=n / 25 + 0.01) for n in range(60)]
    _assert_same_as_everything(path, plans)


@pytest.mark.parametrize("b_frames", [0, 3])
@pytest.mark.parametrize(
    ("name", "container_options"),
    [
        ("silent.mp4", {}),
        ("silent.mkv", {}),
        ("silent-fragments.mp4", {"movflags": "frag_keyframe+empty_moov"}),
    ],
)
def test_same_pictures_where_no_header_says_how_long_to_hold_them_back(
    name: str, container_options: dict[str, str], b_frames: int, tmp_path: Path
) -> None:
    """Such a stream's first pictures have to be decoded to learn that: else a decoder drops B-frames."""
    full = write_video(
        tmp_path / "full.mp4",
        _moving,
        num_frames=60,
        gop=20,
        b_frames=b_frames,
        options={"x264-params": "b-pyramid=normal"},
    )
    path = tmp_path / name
    with av.open(str(full)) as source, av.open(str(path), "w", options=container_options) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        stream.codec_context.extradata = _without_usability_information(
            source.streams.video[0].codec_context.extradata or b""
        )
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    _assert_same_as_everything(path, PLANS)


def test_real_videos(real_videos: Path) -> None:
    """Camera files and web files, as their makers' encoders left them."""
    for name in ("media_chaplin.mp4", "nasa_13013.mp4", "classroom.gif"):
        _assert_same_as_everything(real_videos / name, [SamplingPlan(fps=1), SamplingPlan(max_frames=4)])


def _moving(number: int) -> UInt8Image:
    """A number, over stripes that move: so that pictures are made from others, with nothing to spare."""
    image = numbered(number)
    stripes = (np.arange(96) * 4 + number * 9) % 256
    image[::2] = (image[::2] // 2 + stripes[None, :, None] // 2).astype(np.uint8)
    return image


def _without_usability_information(avcc: bytes) -> bytes:
    """An avcC whose SPS ends before the VUI, in which the depth of reordering stands."""
    size = int.from_bytes(avcc[6:8], "big")
    bits = "".join(f"{byte:08b}" for byte in avcc[8 : 8 + size].replace(b"\0\0\3", b"\0\0"))
    place = 32  # after the NAL header, profile, constraints and level

    def code() -> int:
        nonlocal place
        num_zeros = bits.index("1", place) - place
        place += 2 * num_zeros + 1
        return int(bits[place - num_zeros - 1 : place], 2) - 1

    _ = code()  # id
    if avcc[9] == 100:  # High: chroma format, bit depths; no transform bypass, no scaling matrix
        _ = [code() for _ in range(3)]
        place += 2
    _ = code()  # frame numbers
    if code() == 0:
        _ = code()  # picture order counts
    _ = code()  # reference frames
    place += 1  # no gaps
    _ = [code() for _ in range(2)]  # width, height
    place += 2  # frames only; direct inference
    place += 1
    if bits[place - 1] == "1":
        _ = [code() for _ in range(4)]  # cropping
    assert bits[place] == "1", "it has usability information"
    bits = f"{bits[:place]}01"
    bits += "0" * (-len(bits) % 8)
    sps = int(bits, 2).to_bytes(len(bits) // 8, "big")
    assert not any(bytes([0, 0, end]) in sps for end in range(4))
    return avcc[:6] + len(sps).to_bytes(2, "big") + sps + avcc[8 + size :]


def _assert_same_as_everything(path: Path, plans: tuple[SamplingPlan, ...] | list[SamplingPlan]) -> None:
    pictures, end_seconds = _everything(path)
    for plan in plans:
        expected: list[tuple[float, float, UInt8Image]] = []
        for instant in instants(plan, end_seconds):
            shown = [picture for picture in pictures if picture[0] <= instant + 1e-6] or pictures[:1]
            time_seconds, image = shown[-1]
            if not expected or time_seconds > expected[-1][0]:
                expected.append((time_seconds, instant, image))
        got = list(frames(path, plan))
        assert [frame.time_seconds for frame in got] == pytest.approx(
            [time_seconds for time_seconds, _, _ in expected], abs=2e-6
        ), plan
        assert [frame.sample_time_seconds for frame in got] == [instant for _, instant, _ in expected], plan
        assert all(
            np.array_equal(frame.image, image) for frame, (_, _, image) in zip(got, expected, strict=True)
        ), plan


def _everything(path: Path) -> tuple[list[tuple[float, UInt8Image]], float]:
    """Every picture with its time, and when the last one ends."""
    with av.open(str(path)) as container:
        stream = container.streams.best("video")
        assert isinstance(stream, av.VideoStream)
        time_base = stream.time_base or Fraction(1)
        start = Fraction(container.start_time or 0, av.time_base)
        decoded = list(container.decode(stream))
        times = [float((picture.pts or 0) * time_base - start) for picture in decoded]
        if path.suffix == ".avi":  # it stores no presentation times
            times = [number / 25 for number in range(len(decoded))]
        images = [to_image(picture) for picture in decoded]
        usual_ticks = 1 / ((stream.average_rate or 25) * time_base)
        index = stream.index
    with av.open(str(path)) as container:
        ends = [
            (packet.pts if packet.pts is not None else packet.dts or 0) + (packet.duration or usual_ticks)
            for packet in container.demux(container.streams[index])
            if packet.size
        ]
    end_seconds = len(decoded) / 25 if path.suffix == ".avi" else float(max(ends) * time_base - start)
    return list(zip(times, images, strict=True)), end_seconds


def test_packets_falsely_marked_as_key_frames_do_not_give_green_pictures(real_videos):
    """The cockatoo's file marks packets at 3.8 s and 7.25 s as key frames that do not decode alone."""
    path = real_videos / "cockatoo.mp4"
    every = {
        frame.time_seconds: frame.image for frame in frames(path, SamplingPlan(fps=20), short_side_pixels=45)
    }

    for frame in frames(path, SamplingPlan(fps=1), short_side_pixels=45):
        np.testing.assert_array_equal(frame.image, every[frame.time_seconds])
    np.testing.assert_array_equal(frame_at(path, 6.0, short_side_pixels=45).image, every[6.0])
