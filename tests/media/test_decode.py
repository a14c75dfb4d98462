"""Frames: their times, their looks, each once, and the same after a resume."""

from __future__ import annotations

import gc
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import av
import numpy as np
import psutil
import pytest

from tests.synthetic import (
    BLUE,
    GREEN,
    RED,
    WHITE,
    colours_video,
    numbered,
    quadrants,
    read_number,
    solid,
    write_video,
)
from vidsearch.media.container import open_video
from vidsearch.media.decode import frame_at, frames, measured_duration
from vidsearch.media.decoder import PictureDecoder
from vidsearch.media.images import decode_jpeg, thumbnail
from vidsearch.media.orientation import Orientation, orientation_of_matrix
from vidsearch.media.picture import to_image
from vidsearch.media.probe import probe
from vidsearch.types import Frame, SamplingPlan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidsearch.types import UInt8Image


def numbers(found: list[Frame]) -> list[int]:
    return [read_number(frame.image) for frame in found]


def times(found: list[Frame]) -> list[float]:
    return [round(frame.time_seconds, 3) for frame in found]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Picture n is shown from n / 25: 100 of them, 4 seconds."""
    return write_video(tmp_path / "clip.mp4", numbered, num_frames=100, gop=12, b_frames=2)


# --- which pictures ---------------------------------------------------------------------------------


def test_pictures_are_freed_as_soon_as_they_are_converted(tmp_path: Path) -> None:
    """Guards against reference cycles, which keep decoded pictures of some megabytes until gc runs."""
    path = write_video(tmp_path / "turned.mp4", numbered, num_frames=50, rotation_degrees=90)
    gc.collect()
    before = {id(each) for each in gc.get_objects()}
    gc.disable()
    try:
        num_frames = sum(1 for _ in frames(path, SamplingPlan(fps=25), short_side_pixels=32))
        _ = probe(path)
        # The type itself: torch has objects that warn when they are asked for their class.
        left = [each for each in gc.get_objects() if type(each) is av.VideoFrame and id(each) not in before]
    finally:
        gc.enable()
    assert (num_frames, left) == (50, [])


def test_each_instant_gets_the_picture_on_screen(clip: Path) -> None:
    found = list(frames(clip, SamplingPlan(fps=2)))
    assert numbers(found) == [0, 12, 25, 37, 50, 62, 75, 87]
    assert times(found) == [0.0, 0.48, 1.0, 1.48, 2.0, 2.48, 3.0, 3.48]
    assert [frame.sample_time_seconds for frame in found] == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5]


def test_a_picture_that_stays_is_given_once(tmp_path: Path) -> None:
    path = write_video(tmp_path / "slides.mp4", numbered, num_frames=4, times=[0.0, 2.5, 2.6, 7.0])
    found = list(frames(path, SamplingPlan(fps=1)))
    assert list(zip(numbers(found), times(found), strict=True)) == [(0, 0.0), (2, 2.6), (3, 7.0)]
    assert [frame.sample_time_seconds for frame in found] == [0.0, 3.0, 7.0]


def test_start_and_end_are_a_half_open_span(clip: Path) -> None:
    found = list(frames(clip, SamplingPlan(fps=1, start_seconds=1.0, end_seconds=3.0)))
    assert numbers(found) == [25, 50]


def test_max_frames_are_the_middles_of_equal_parts(clip: Path) -> None:
    found = list(frames(clip, SamplingPlan(fps=25, max_frames=4)))
    assert [frame.sample_time_seconds for frame in found] == [0.5, 1.5, 2.5, 3.5]
    assert numbers(found) == [12, 37, 62, 87]


def test_max_frames_changes_nothing_where_it_is_enough(clip: Path) -> None:
    assert numbers(list(frames(clip, SamplingPlan(fps=1, max_frames=4)))) == [0, 25, 50, 75]


def test_start_after_the_end_gives_nothing(clip: Path) -> None:
    assert list(frames(clip, SamplingPlan(start_seconds=100.0))) == []


def test_a_video_of_one_picture(tmp_path: Path) -> None:
    path = write_video(tmp_path / "one.mp4", [numbered(7)])
    assert numbers(list(frames(path, SamplingPlan(fps=1)))) == [7]
    assert numbers(list(frames(path, SamplingPlan(max_frames=5)))) == [7]
    assert read_number(frame_at(path, 12.0).image) == 7


@pytest.mark.parametrize(
    "name", ["clip.mp4", "clip.mkv", "clip.mov", "clip.avi", "clip.ts", "clip.flv", "clip.mpg"]
)
def test_times_count_from_the_start_of_the_container(name: str, tmp_path: Path) -> None:
    codec = {".avi": "mpeg4", ".mpg": "mpeg2video"}.get(Path(name).suffix, "libx264")
    start_seconds = 0.0 if name == "clip.avi" else 5.0
    path = write_video(
        tmp_path / name, numbered, num_frames=50, codec=codec, b_frames=2, start_seconds=start_seconds
    )
    found = list(frames(path, SamplingPlan(fps=2)))
    assert numbers(found) == [0, 12, 25, 37]
    assert times(found) == [0.0, 0.48, 1.0, 1.48]


def test_pictures_that_start_after_the_sound_keep_their_distance(tmp_path: Path) -> None:
    path = write_video(
        tmp_path / "late.mkv", numbered, num_frames=50, times=[1 + n / 25 for n in range(50)], audio_seconds=3
    )
    found = list(frames(path, SamplingPlan(fps=1)))
    assert list(zip(numbers(found), times(found), strict=True)) == [(0, 1.0), (25, 2.0)]
    assert found[0].sample_time_seconds == 0.0


def test_a_stream_without_any_times_runs_at_its_frame_rate(tmp_path: Path) -> None:
    path = write_video(tmp_path / "raw.h264", numbered, num_frames=50, container="h264")
    found = list(frames(path, SamplingPlan(fps=2)))
    assert list(zip(numbers(found), times(found), strict=True)) == [
        (0, 0.0),
        (12, 0.48),
        (25, 1.0),
        (37, 1.48),
    ]


def test_a_live_recording_without_a_duration(tmp_path: Path) -> None:
    path = write_video(tmp_path / "live.mkv", numbered, num_frames=100, container_options={"live": "1"})
    assert numbers(list(frames(path, SamplingPlan(fps=1)))) == [0, 25, 50, 75]
    assert numbers(list(frames(path, SamplingPlan(max_frames=2)))) == [25, 75]
    assert measured_duration(path) == 4.0


def test_key_frames(clip: Path) -> None:
    found = list(frames(clip, SamplingPlan(sampling="keyframes", fps=25)))
    assert numbers(found) == [0, 12, 24, 36, 48, 60, 72, 84, 96]
    assert [frame.sample_time_seconds for frame in found] == [frame.time_seconds for frame in found]


def test_key_frames_no_closer_than_asked_for(clip: Path) -> None:
    plan = SamplingPlan(sampling="keyframes", fps=1, start_seconds=0.5, end_seconds=3.0)
    assert numbers(list(frames(clip, plan))) == [24, 60]


def test_key_frames_at_most(clip: Path) -> None:
    assert numbers(list(frames(clip, SamplingPlan(sampling="keyframes", max_frames=3)))) == [12, 48, 84]


def test_key_frames_where_the_container_does_not_mark_them(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.ts", numbered, num_frames=50, gop=20)
    assert numbers(list(frames(path, SamplingPlan(sampling="keyframes", fps=25)))) == [0, 20, 40]


def test_a_clock_that_jumps_by_years(tmp_path: Path) -> None:
    """Guards against a step for each of the billion instants that a broken clock passes over."""
    jump = 80_000.0
    path = write_video(tmp_path / "jump.mkv", numbered, num_frames=4, times=[0.0, 0.5, jump, jump + 0.5])
    found = list(frames(path, SamplingPlan(fps=50_000)))
    assert list(zip(numbers(found), times(found), strict=True)) == [
        (0, 0.0),
        (1, 0.5),
        (2, jump),
        (3, jump + 0.5),
    ]


# --- going on ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "plan",
    [
        SamplingPlan(fps=3),
        SamplingPlan(fps=25),
        SamplingPlan(fps=60),
        SamplingPlan(max_frames=7),
        SamplingPlan(fps=2, start_seconds=0.7, end_seconds=3.3),
        SamplingPlan(sampling="keyframes"),
    ],
)
def test_a_resumed_run_gives_what_was_left(clip: Path, plan: SamplingPlan) -> None:
    whole = list(frames(clip, plan))
    for resume_from in (0.0, 0.31, 1.0, 2.04, 3.9):
        rest = list(frames(clip, plan, resume_from_seconds=resume_from))
        assert numbers(rest) == numbers(
            [frame for frame in whole if frame.sample_time_seconds >= resume_from]
        )


def test_a_resumed_run_does_not_repeat_a_picture_that_stays(tmp_path: Path) -> None:
    path = write_video(tmp_path / "slides.mp4", numbered, num_frames=3, times=[0.0, 4.0, 8.0])
    assert numbers(list(frames(path, SamplingPlan(fps=1), resume_from_seconds=2.0))) == [1, 2]


# --- frame_at ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "number"), [(-1.0, 0), (0.0, 0), (1.99, 49), (2.0, 50), (3.99, 99), (60.0, 99)]
)
def test_frame_at(clip: Path, seconds: float, number: int) -> None:
    frame = frame_at(clip, seconds)
    assert read_number(frame.image) == number
    assert frame.time_seconds == pytest.approx(number / 25)
    assert frame.sample_time_seconds == seconds


# --- looks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pixel_format", "codec", "name"),
    [
        ("yuv420p", "libx264", "clip.mp4"),
        ("yuv422p", "libx264", "clip.mp4"),
        ("yuv444p", "libx264", "clip.mp4"),
        ("yuv420p10le", "libx264", "clip.mp4"),
        ("yuvj420p", "mjpeg", "clip.mov"),
        ("yuv444p12le", "ffv1", "clip.mkv"),
        ("yuva420p", "libvpx-vp9", "clip.webm"),
        ("bgra", "ffv1", "clip.mkv"),
        ("gbrp", "libx264rgb", "clip.mkv"),
        ("rgb24", "qtrle", "clip.mov"),
        ("bgr24", "rawvideo", "clip.avi"),
        ("uyvy422", "rawvideo", "clip.mov"),
        ("rgb48be", "png", "clip.mov"),
        ("rgb8", "gif", "clip.gif"),
    ],
)
def test_colours_in_every_pixel_format(pixel_format: str, codec: str, name: str, tmp_path: Path) -> None:
    pixel_format = "bgr0" if codec == "libx264rgb" else pixel_format
    path = write_video(tmp_path / name, [quadrants()] * 3, codec=codec, pixel_format=pixel_format)
    tolerance = 70 if codec == "gif" else 6
    assert corners(frame_at(path, 0.0).image) == pytest.approx(
        np.array([RED, GREEN, BLUE, WHITE]), abs=tolerance
    )


def test_grey_pictures_become_rgb(tmp_path: Path) -> None:
    path = write_video(
        tmp_path / "grey.mkv", [solid((90, 90, 90))] * 3, codec="ffv1", pixel_format="gray16le"
    )
    assert frame_at(path, 0.0).image.mean(axis=(0, 1)) == pytest.approx([90, 90, 90], abs=1)


@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("short_side_pixels", [None, 32])
def test_colours_by_every_matrix_and_range(
    matrix: Literal["bt601", "bt709"], full_range: bool, short_side_pixels: int | None, tmp_path: Path
) -> None:
    """Guards against washed-out or greenish frames: a player's colours are what the models know."""
    path = write_video(tmp_path / "clip.mp4", [quadrants()] * 3, matrix=matrix, full_range=full_range)
    image = frame_at(path, 0.0, short_side_pixels=short_side_pixels).image
    assert corners(image) == pytest.approx(np.array([RED, GREEN, BLUE, WHITE]), abs=6)


@pytest.mark.parametrize(
    ("width", "height", "matrix"),
    [
        (720, 576, "bt601"),
        (1278, 718, "bt601"),
        (1280, 534, "bt709"),
        (960, 720, "bt709"),
        (1920, 1080, "bt709"),
    ],
)
def test_an_unnamed_matrix_follows_from_the_size(width: int, height: int, matrix: str) -> None:
    """Standard definition is BT.601, high definition BT.709: taken for the other, reds turn orange."""
    luma, blue, red = 81, 90, 240  # red by BT.601, in studio range
    planes = np.full((height * 3 // 2, width), blue, dtype=np.uint8)
    planes[:height] = luma
    planes[height + height // 4 :] = red
    picture = av.VideoFrame.from_ndarray(planes, format="yuv420p")

    kr, kb = (0.299, 0.114) if matrix == "bt601" else (0.2126, 0.0722)
    y, u, v = (luma - 16) / 219, (blue - 128) / 224, (red - 128) / 224
    r, b = y + 2 * (1 - kr) * v, y + 2 * (1 - kb) * u
    g = (y - kr * r - kb * b) / (1 - kr - kb)
    expected = np.clip(np.array([r, g, b]) * 255, 0, 255)
    assert to_image(picture).mean(axis=(0, 1)) == pytest.approx(expected, abs=3)


def test_rgb_that_is_not_asked_for_is_never_scaled_up(clip: Path) -> None:
    assert frame_at(clip, 0.0, short_side_pixels=224).image.shape == (64, 96, 3)
    assert frame_at(clip, 0.0, short_side_pixels=32).image.shape == (32, 48, 3)
    assert frame_at(clip, 0.0).image.shape == (64, 96, 3)


ORIENTATIONS = {
    (0, False): (RED, GREEN, BLUE, WHITE),
    (90, False): (BLUE, RED, WHITE, GREEN),
    (180, False): (WHITE, BLUE, GREEN, RED),
    (270, False): (GREEN, WHITE, RED, BLUE),
    (0, True): (GREEN, RED, WHITE, BLUE),  # flipped left to right: a selfie camera
    (180, True): (BLUE, WHITE, RED, GREEN),  # flipped top to bottom
    (270, True): (RED, BLUE, GREEN, WHITE),  # transposed
    (90, True): (WHITE, GREEN, BLUE, RED),  # transposed along the other diagonal
}
"""Corners (top left, top right, bottom left, bottom right) by clockwise turn, and mirrored before it."""


@pytest.mark.parametrize(("rotation", "is_mirrored"), ORIENTATIONS)
def test_pictures_come_upright(rotation: int, is_mirrored: bool, tmp_path: Path) -> None:
    """A matrix with a mirror in it is no turn: read as one, the picture is upside down."""
    path = write_video(
        tmp_path / "phone.mp4", [quadrants()] * 3, rotation_degrees=rotation, is_mirrored=is_mirrored
    )
    expected = pytest.approx(np.array(ORIENTATIONS[rotation, is_mirrored]), abs=6)
    for plan in (SamplingPlan(fps=25), SamplingPlan(sampling="keyframes"), SamplingPlan(sampling="shots")):
        for frame in frames(path, plan):
            assert corners(frame.image) == expected
            assert corners(decode_jpeg(thumbnail(frame.image))) == pytest.approx(expected.expected, abs=20)
    image = frame_at(path, 0.0).image
    assert image.shape == ((96, 64, 3) if rotation in (90, 270) else (64, 96, 3))
    assert corners(image) == expected
    assert image.flags.c_contiguous
    info = probe(path)
    assert (info.height, info.width) == image.shape[:2]
    assert info.rotation_degrees == rotation


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ((65536, 0, 0, 65536), Orientation()),
        ((0, 0, 0, 0), Orientation()),
        ((64540, 11380, -11380, 64540), Orientation()),  # 10 degrees
        ((-11380, 64540, -64540, -11380), Orientation(clockwise_degrees=90)),  # 100 degrees
        ((32768, 0, 0, -131072), Orientation(is_mirrored=True, clockwise_degrees=180)),  # and scaled
        ((-2, 0, 0, 1), Orientation(is_mirrored=True)),
    ],
)
def test_an_odd_matrix_is_taken_for_the_nearest_orientation(
    matrix: tuple[int, int, int, int], expected: Orientation
) -> None:
    assert orientation_of_matrix(*matrix) == expected


def test_pixels_that_are_not_square_are_widened(tmp_path: Path) -> None:
    wide = write_video(tmp_path / "wide.mp4", [quadrants()] * 3, sample_aspect_ratio=Fraction(4, 3))
    high = write_video(tmp_path / "high.mp4", [quadrants()] * 3, sample_aspect_ratio=Fraction(1, 2))
    absurd = write_video(tmp_path / "absurd.mp4", [quadrants()] * 3, sample_aspect_ratio=Fraction(50, 1))
    assert frame_at(wide, 0.0).image.shape == (64, 128, 3)
    assert frame_at(high, 0.0).image.shape == (128, 96, 3)
    assert frame_at(absurd, 0.0).image.shape == (64, 96, 3)


def test_a_very_wide_picture(tmp_path: Path) -> None:
    path = write_video(tmp_path / "wide.mkv", [solid(RED, width=10_000, height=10)] * 3, codec="ffv1")
    assert frame_at(path, 0.0, short_side_pixels=224).image.shape == (10, 10_000, 3)
    assert frame_at(path, 0.0, short_side_pixels=5).image.shape == (5, 5_000, 3)


# --- work done --------------------------------------------------------------------------------------


def test_what_no_instant_needs_is_not_decoded(tmp_path: Path) -> None:
    path = write_video(tmp_path / "long.mp4", numbered, num_frames=600, frame_rate=10, gop=10, b_frames=0)
    with open_video(path) as video:
        decoder = PictureDecoder(video)
        pictures = list(decoder.pictures_at([0.0, 20.0, 40.0]))
        assert [video.seconds(ticks) for ticks, _ in pictures] == [0.0, 20.0, 40.0]
        assert decoder.num_packets == 3


def test_closing_early_closes_the_file(clip: Path) -> None:
    found = frames(clip, SamplingPlan(fps=5))
    next(found)
    assert str(clip) in [file.path for file in psutil.Process().open_files()]
    assert isinstance(found, Generator)
    found.close()
    assert str(clip) not in [file.path for file in psutil.Process().open_files()]


def test_many_threads_at_once(clip: Path) -> None:
    expected = numbers(list(frames(clip, SamplingPlan(fps=5))))
    with ThreadPoolExecutor(8) as pool:
        results = pool.map(
            lambda _: numbers(list(frames(clip, SamplingPlan(fps=5), num_threads=1))), range(16)
        )
    assert list(results) == [expected] * 16


def test_hard_cuts_fall_where_they_are(tmp_path: Path) -> None:
    path = colours_video(tmp_path / "cuts.mp4", [RED, GREEN, BLUE], seconds_each=1.0)
    found = list(frames(path, SamplingPlan(fps=2)))
    assert np.array([frame.image.mean(axis=(0, 1)) for frame in found]) == pytest.approx(
        np.array([RED, RED, GREEN, GREEN, BLUE, BLUE]), abs=6
    )


def test_the_time_code_in_the_picture_agrees(real_videos: Path) -> None:
    """The clip's progress bar has 16 cells, one a second, which light up as each second starts."""
    for frame in frames(real_videos / "long_examples_example.mp4", SamplingPlan(fps=2)):
        row = frame.image[398, :, :].min(axis=1)
        cells = [row[round(640 * (0.052 + 0.0565 * cell + 0.028))] > 200 for cell in range(16)]
        assert sum(cells) == int(frame.time_seconds) + 1


def corners(image: UInt8Image) -> NDArray[np.float64]:
    """The colours of the middles of the four quarters."""
    height, width = image.shape[:2]
    return np.array(
        [image[y, x] for y in (height // 4, 3 * height // 4) for x in (width // 4, 3 * width // 4)], float
    )
