"""Which videos a name means."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import get_type_hints

import pytest

from vidsearch.errors import VideoNotFound
from vidsearch.store.naming import find_video_named, find_videos_named
from vidsearch.types import SamplingPlan, Video, VideoInfo

INFO = VideoInfo(0, "mp4", "h264", 640, 360, 0, 25.0, 10.0, 0, None)


def video(number: int, *paths: str) -> Video:
    values = {
        "id": number,
        "content_hash": f"{number:064x}",
        "quick_key": "",
        "paths": tuple(map(Path, paths)),
        "info": INFO,
        "plan": SamplingPlan(),
        "is_complete": True,
        "indexed_until_seconds": 10.0,
        "indexed_at": datetime(2024, 5, 1, tzinfo=UTC),
        "num_frames": 10,
    }
    return Video(**{name: values[name] for name in get_type_hints(Video) if name in values})  # type: ignore[arg-type]


VIDEOS = [
    video(1, "/films/holiday/beach.mp4"),
    video(2, "/films/holiday/My talk [dQw4w9WgXcQ].mp4"),
    video(3, "/films/work/beach.mkv"),
    video(4, "/films/work/M.mp4", "/backup/copy of M.mp4"),
    video(5, "/films/Cafe\u0301/scene.mp4"),
    video(12, "/films/#1.mp4"),
]


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("#1", [1]),
        ("#012", [12]),
        ("/films/holiday/beach.mp4", [1]),
        ("/films/work/../holiday/beach.mp4", [1]),
        ("beach.mp4", [1]),
        ("BEACH.MP4", [1]),
        ("beach", [1, 3]),
        ("My talk [dQw4w9WgXcQ].mp4", [2]),
        ("/films/holiday/My talk [dQw4w9WgXcQ].mp4", [2]),
        ("[dQw4w9WgXcQ]", [2]),
        ("M.mp4", [4]),
        ("copy of m", [4]),
        ("/films/holiday", [1, 2]),
        ("/films/holiday/", [1, 2]),
        ("/films", [1, 2, 3, 4, 5, 12]),
        ("*.mkv", [3]),
        ("*.MKV", [3]),
        ("/films/work/*", [3, 4]),
        ("*/work/*", [3, 4]),
        ("holiday/bea", [1]),
        ("scene", [5]),
        ("Caf\u00e9", [5]),
        ("CAFE\u0301/scene.mp4", [5]),
        ("*.avi", []),
    ],
)
def test_a_name_means_the_videos_that_the_first_rule_fits(name, ids):
    assert [each.id for each in find_videos_named(name, VIDEOS)] == ids


def test_a_path_from_the_working_folder_is_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here = video(7, str(tmp_path / "a.mp4"))

    assert find_video_named("./a.mp4", [here, video(8, "/x/a.mp4")]) == here
    assert find_videos_named(".", [here, video(8, "/x/a.mp4")]) == [here]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("#99", "no video #99"),
        ("#99999999999999999999", "no video #99999999999999999999"),
        ("#" + "9" * 5000, "no video #"),
        ("bech.mp4", r"Did you mean beach\.mp4"),
        ("zzz", "vidsearch list"),
        ("", "name is empty"),
        ("a\x00b", "no video"),
    ],
)
def test_a_name_that_fits_none_says_what_is_near(name, words):
    with pytest.raises(VideoNotFound, match=words):
        find_videos_named(name, VIDEOS)


def test_where_one_is_wanted_several_are_listed():
    with pytest.raises(VideoNotFound) as raised:
        find_video_named("beach", VIDEOS)

    assert "fits 2 videos" in str(raised.value)
    assert "#1 /films/holiday/beach.mp4" in str(raised.value)
    assert "#3 /films/work/beach.mkv" in str(raised.value)
    with pytest.raises(VideoNotFound, match=r"'\*\.avi'"):
        find_video_named("*.avi", VIDEOS)


def test_an_empty_library_says_so():
    with pytest.raises(VideoNotFound, match="library is empty"):
        find_videos_named("cat.mp4", [])
