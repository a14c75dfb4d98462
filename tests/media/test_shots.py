"""Cuts are found where they are, and each shot is stood for by its middle."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.synthetic import BLUE, GREEN, RED, WHITE, colours_video, numbered, write_video
from vidsearch.media.decode import frames
from vidsearch.media.shots import mark_cuts, pick_from_shots
from vidsearch.types import SamplingPlan, Shot

if TYPE_CHECKING:
    from vidsearch.types import UInt8Image

SHOTS = SamplingPlan(sampling="shots")


def scene(number: int, *, shift: int = 0, noise: float = 0.0) -> UInt8Image:
    """A rough texture of its own colours, moved to the side."""
    random = np.random.default_rng(number)
    texture = random.uniform(0, 255, (6, 9, 3)).repeat(8, axis=0).repeat(12, axis=1)
    moved = np.roll(texture, shift, axis=1) + np.random.default_rng(shift).normal(0, noise, texture.shape)
    return np.clip(moved, 0, 255).astype(np.uint8)


def cuts(pictures: list[UInt8Image], *, frame_rate: float = 25.0) -> list[int]:
    """The numbers of the pictures with which shots start."""
    marked = list(mark_cuts((n / frame_rate, picture, n) for n, picture in enumerate(pictures)))
    assert [one.picture for one in marked] == list(range(len(pictures)))
    return [one.picture for one in marked if one.starts_shot]


def test_hard_cuts() -> None:
    pictures = [scene(number, shift=n, noise=5) for number in range(4) for n in range(30)]
    assert cuts(pictures) == [0, 30, 60, 90]


def test_a_moving_camera_is_no_cut() -> None:
    assert cuts([scene(1, shift=4 * n, noise=5) for n in range(100)]) == [0]


def test_a_flash_is_no_cut() -> None:
    pictures = [scene(1, shift=n) for n in range(50)]
    pictures[20] = np.full_like(pictures[20], 250)
    assert cuts(pictures) == [0]


def test_a_cut_near_either_end() -> None:
    assert cuts([scene(1)] * 12 + [scene(2)] * 40 + [scene(3)] * 12) == [0, 12, 52]


@pytest.mark.parametrize("num_pictures", [0, 1, 2, 3])
def test_very_few_pictures(num_pictures: int) -> None:
    assert cuts([scene(1)] * num_pictures) == [0][:num_pictures]


def test_a_change_of_size_is_survived() -> None:
    assert cuts([scene(1)] * 20 + [scene(1)[:20, :30]] * 20) == [0, 20]


def test_shots_of_a_clip(tmp_path: Path) -> None:
    path = colours_video(tmp_path / "cuts.mp4", [RED, GREEN, BLUE, WHITE], seconds_each=2.0)
    found = list(frames(path, SHOTS))
    assert [frame.shot for frame in found] == [Shot(0.0, 2.0), Shot(2.0, 4.0), Shot(4.0, 6.0), Shot(6.0, 8.0)]
    assert [frame.time_seconds for frame in found] == pytest.approx([1.0, 3.0, 5.0, 7.0], abs=0.3)
    assert [frame.sample_time_seconds for frame in found] == [frame.time_seconds for frame in found]
    assert np.array([frame.image.mean(axis=(0, 1)) for frame in found]) == pytest.approx(
        np.array([RED, GREEN, BLUE, WHITE]), abs=6
    )


def test_a_span_of_a_clip(tmp_path: Path) -> None:
    path = colours_video(tmp_path / "cuts.mp4", [RED, GREEN, BLUE, WHITE], seconds_each=2.0)
    found = list(frames(path, SamplingPlan(sampling="shots", start_seconds=3.0, end_seconds=7.0)))
    assert [frame.shot for frame in found] == [Shot(3.0, 4.0), Shot(4.0, 6.0), Shot(6.0, 7.0)]


def test_at_most_so_many(tmp_path: Path) -> None:
    path = colours_video(tmp_path / "cuts.mp4", [RED, GREEN, BLUE, WHITE] * 2, seconds_each=1.0)
    everything = list(frames(path, SHOTS))
    found = list(frames(path, SamplingPlan(sampling="shots", max_frames=2)))
    assert [(frame.time_seconds, frame.shot) for frame in found] == [
        (frame.time_seconds, frame.shot) for frame in (everything[2], everything[6])
    ]


def test_a_resumed_run_gives_what_was_left(tmp_path: Path) -> None:
    path = colours_video(tmp_path / "cuts.mp4", [RED, GREEN, BLUE, WHITE], seconds_each=1.0)
    whole = [(frame.time_seconds, frame.shot) for frame in frames(path, SHOTS)]
    rest = [
        (frame.time_seconds, frame.shot) for frame in frames(path, SHOTS, resume_from_seconds=whole[2][0])
    ]
    assert rest == whole[2:]


def test_long_shots_are_looked_at_more_often() -> None:
    def pictures() -> Iterator[tuple[float, UInt8Image, int]]:
        for n in range(27 * 5):
            yield n / 5, scene(1), n

    (chosen,) = pick_from_shots(mark_cuts(pictures()), lambda seconds, _: seconds, lambda: 27.0)
    shot, times = chosen
    assert shot == Shot(0.0, 27.0)
    assert times == pytest.approx([5.0, 15.0, 23.5], abs=1.0)


def test_a_shot_of_an_hour_takes_bounded_memory() -> None:
    kept = 0

    def keep(seconds: float, _: int) -> float:
        nonlocal kept
        kept += 1
        return seconds

    still = scene(1)
    found = list(pick_from_shots(mark_cuts((n / 5, still, n) for n in range(3600 * 5)), keep, lambda: 3600.0))
    assert [shot.end_seconds - shot.start_seconds for shot, _ in found] == pytest.approx([60.0] * 60)
    assert all(len(times) == 6 for _, times in found)
    assert kept < 3600 * 3


def test_no_cut_in_numbers_that_change_all_the_time(tmp_path: Path) -> None:
    """Where everything changes with every picture, nothing stands out."""
    path = write_video(tmp_path / "busy.mp4", lambda n: numbered(n * 7919 % 65536), num_frames=50)
    assert len(list(frames(path, SHOTS))) <= 2


def test_cuts_of_the_sample_videos(sample_videos: Path) -> None:
    expected = json.loads((sample_videos / "expected.json").read_text())
    for video in expected["videos"]:
        found = list(frames(sample_videos / video["video"], SHOTS, short_side_pixels=64))
        starts = sorted({frame.shot.start_seconds for frame in found if frame.shot is not None})
        assert starts == [shot["start_seconds"] for shot in video["shots"]]
