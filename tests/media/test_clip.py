"""Clips cut out of videos: the right pictures at the right times, with sound and the right way up."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.synthetic import numbered, quadrants, read_number, write_video
from vidsearch.errors import ExportError, QueryError
from vidsearch.media.clip import cut_clip
from vidsearch.media.decode import frame_at, frames, measured_duration
from vidsearch.outputs import OutputRule
from vidsearch.types import SamplingPlan


def numbers(path: Path) -> list[int]:
    """The numbers on screen at each tenth of a second."""
    return [read_number(frame.image) for frame in frames(path, SamplingPlan(fps=10.0))]


@pytest.fixture
def counting(tmp_path):
    """Five seconds at ten pictures a second, each showing its number; a key frame each second."""
    path = tmp_path / "counting.mp4"
    return write_video(path, numbered, num_frames=50, frame_rate=10, gop=10, b_frames=0, audio_seconds=5.0)


def test_a_span_between_key_frames_is_copied_as_it_is(counting, tmp_path):
    clip = cut_clip(counting, tmp_path / "clip.mp4", start_seconds=1.0, end_seconds=3.0)
    assert (clip.start_seconds, clip.end_seconds, clip.is_copy) == (1.0, 3.0, True)
    assert numbers(clip.path) == list(range(10, 30))
    assert measured_duration(clip.path) == pytest.approx(2.0, abs=0.05)


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv", ".webm"])
def test_a_span_that_starts_anywhere_is_encoded_exactly(counting, tmp_path, ending):
    clip = cut_clip(counting, tmp_path / f"clip{ending}", start_seconds=1.25, end_seconds=2.55)
    assert (clip.start_seconds, clip.end_seconds, clip.is_copy) == (1.25, 2.55, False)
    assert read_number(frame_at(clip.path, 0.0).image) == 12
    assert read_number(frame_at(clip.path, 0.06).image) == 13
    assert read_number(frame_at(clip.path, 1.27).image) == 25
    assert measured_duration(clip.path) == pytest.approx(1.3, abs=0.03)


def test_without_exactness_the_key_frame_before_starts_the_clip(counting, tmp_path):
    clip = cut_clip(counting, tmp_path / "clip.mp4", start_seconds=1.25, end_seconds=2.0, exact=False)
    assert (clip.start_seconds, clip.is_copy) == (1.0, True)
    assert numbers(clip.path) == list(range(10, 20))


def test_pictures_that_refer_to_later_ones_decode(tmp_path):
    path = write_video(tmp_path / "b.mp4", numbered, num_frames=40, frame_rate=10, gop=20, b_frames=3)
    for end in (1.1, 1.2, 1.3, 1.5):
        expected = list(range(round(end * 10)))
        clip = cut_clip(
            path, tmp_path / "clip.mp4", start_seconds=0, end_seconds=end, rule=OutputRule(overwrite=True)
        )
        assert numbers(clip.path) == expected
        quick = cut_clip(
            path,
            tmp_path / "quick.mp4",
            start_seconds=0,
            end_seconds=end,
            exact=False,
            rule=OutputRule(overwrite=True),
        )
        assert numbers(quick.path)[: len(expected)] == expected


@pytest.mark.parametrize("start", [1.0, 1.25])
@pytest.mark.parametrize("ending", [".mp4", ".webm"])
def test_sound_is_kept_and_as_long(counting, tmp_path, start, ending):
    clip = cut_clip(counting, tmp_path / f"clip{ending}", start_seconds=start, end_seconds=3.0)
    with av.open(str(clip.path)) as file:
        (sound,) = file.streams.audio
        seconds = sum(frame.samples / frame.sample_rate for frame in file.decode(sound))
    assert seconds == pytest.approx(3.0 - start, abs=0.08)


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv", ".webm"])
@pytest.mark.parametrize("start", [0.0, 0.5])
@pytest.mark.parametrize("is_mirrored", [False, True])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_clip_is_the_right_way_up(tmp_path, rotation, is_mirrored, start, ending):
    path = write_video(
        tmp_path / "turned.mp4",
        lambda _: quadrants(width=96, height=66),
        num_frames=20,
        frame_rate=10,
        rotation_degrees=rotation,
        is_mirrored=is_mirrored,
        sample_aspect_ratio=Fraction(4, 3),
    )
    clip = cut_clip(path, tmp_path / f"clip{ending}", start_seconds=start, end_seconds=2.0)
    expected, found = frame_at(path, 1.0).image, frame_at(clip.path, 0.5).image
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).mean() < 6


def test_colours_are_kept(tmp_path):
    path = write_video(
        tmp_path / "colours.mp4", lambda _: quadrants(), num_frames=20, matrix="bt709", full_range=True
    )
    clip = cut_clip(path, tmp_path / "clip.mp4", start_seconds=0.1, end_seconds=0.6)
    assert np.abs(frame_at(clip.path, 0.2).image.astype(int) - frame_at(path, 0.2).image).mean() < 4


def test_times_start_where_the_video_does(tmp_path):
    path = write_video(
        tmp_path / "late.mkv", numbered, num_frames=30, frame_rate=10, start_seconds=7.0, gop=10
    )
    clip = cut_clip(path, tmp_path / "clip.mp4", start_seconds=1.5, end_seconds=2.5)
    assert numbers(clip.path) == list(range(15, 25))


def test_a_false_key_frame_starts_no_clip(real_videos, tmp_path):
    """The file marks a picture at 3.8 s as a key frame that does not decode by itself."""
    path = real_videos / "cockatoo.mp4"
    clip = cut_clip(path, tmp_path / "clip.mp4", start_seconds=3.8, end_seconds=4.4)
    assert not clip.is_copy
    image = frame_at(clip.path, 0.2, short_side_pixels=90).image
    assert image[:, :, 1].mean() < image[:, :, 0].mean() + 10, "a picture decoded from nothing is green"


def test_what_cannot_be_cut_is_said(counting, tmp_path):
    with pytest.raises(QueryError, match=r"0:05(\.\d)? long; there is nothing to cut at 0:09"):
        cut_clip(counting, tmp_path / "clip.mp4", start_seconds=9, end_seconds=10)
    with pytest.raises(QueryError, match="no span of time"):
        cut_clip(counting, tmp_path / "clip.mp4", start_seconds=2, end_seconds=2)
    with pytest.raises(ExportError, match="endings"):
        cut_clip(counting, tmp_path / "clip.txt", start_seconds=1, end_seconds=2)
    with pytest.raises(ExportError, match="which is read and never written"):
        cut_clip(counting, counting, start_seconds=1, end_seconds=2, rule=OutputRule(overwrite=True))
    (tmp_path / "there.mp4").write_text("mine")
    with pytest.raises(ExportError, match="exists"):
        cut_clip(counting, tmp_path / "there.mp4", start_seconds=1, end_seconds=2)
    assert (tmp_path / "there.mp4").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["counting.mp4", "there.mp4"]
