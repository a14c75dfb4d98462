"""What a file says of itself."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest

from tests.synthetic import numbered, write_video
from vidsearch.media.probe import probe
from vidsearch.types import VideoInfo


def test_everything_of_a_phone_video(tmp_path: Path) -> None:
    path = write_video(
        tmp_path / "phone.mov",
        numbered,
        num_frames=60,
        frame_rate=Fraction(30_000, 1001),
        rotation_degrees=90,
        audio_seconds=2.0,
        metadata={"creation_time": "2024-03-05T17:08:09.000000Z"},
        container_options={"movflags": "use_metadata_tags"},
    )
    info = probe(path)
    assert info == VideoInfo(
        size_bytes=path.stat().st_size,
        container="mov",
        codec="h264",
        width=64,
        height=96,
        rotation_degrees=90,
        frame_rate=30_000 / 1001,
        duration_seconds=2.002,
        num_audio_tracks=1,
        created_at=datetime(2024, 3, 5, 17, 8, 9, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("name", "codec", "container", "codec_name"),
    [
        ("a.mp4", "libx264", "mov", "h264"),
        ("a.mkv", "libx265", "matroska", "hevc"),
        ("a.webm", "libvpx-vp9", "matroska", "vp9"),
        ("a.mp4", "libsvtav1", "mov", "av1"),
        ("a.avi", "mpeg4", "avi", "mpeg4"),
        ("a.gif", "gif", "gif", "gif"),
    ],
)
def test_names(name: str, codec: str, container: str, codec_name: str, tmp_path: Path) -> None:
    info = probe(write_video(tmp_path / name, numbered, num_frames=25, codec=codec))
    assert (info.container, info.codec, info.width, info.height) == (container, codec_name, 96, 64)
    assert info.duration_seconds == pytest.approx(1.0, abs=0.05)
    assert info.frame_rate == pytest.approx(25.0)
    assert (info.num_audio_tracks, info.created_at, info.rotation_degrees) == (0, None, 0)


def test_a_duration_that_the_header_does_not_say(tmp_path: Path) -> None:
    path = write_video(tmp_path / "live.mkv", numbered, num_frames=25, container_options={"live": "1"})
    assert probe(path).duration_seconds is None


@pytest.mark.parametrize("start_seconds", [2.0, 30.0])
def test_a_duration_does_not_count_from_the_start_of_the_clock(start_seconds: float, tmp_path: Path) -> None:
    """Guards against Matroska's duration, which some writers count from 0 and not from the first picture."""
    path = write_video(tmp_path / "late.mkv", numbered, num_frames=50, start_seconds=start_seconds)
    assert probe(path).duration_seconds == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize("date", ["1904-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "yesterday"])
def test_a_clock_that_was_never_set(date: str, tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", numbered, num_frames=5, metadata={"creation_time": date})
    assert probe(path).created_at is None


def test_square_pixels(tmp_path: Path) -> None:
    path = write_video(tmp_path / "dv.mp4", numbered, num_frames=5, sample_aspect_ratio=Fraction(4, 3))
    info = probe(path)
    assert (info.width, info.height) == (128, 64)


def test_real_videos(real_videos: Path) -> None:
    found = {
        path.name: probe(path) for path in real_videos.iterdir() if path.suffix in {".mp4", ".webm", ".gif"}
    }
    assert len(found) == 15
    assert all(info.duration_seconds and info.width >= 320 for info in found.values())
    car = found["car-detection.mp4"]
    assert (car.width, car.height, car.frame_rate, car.num_audio_tracks) == (768, 432, 12.5, 1)
    assert car.created_at == datetime(2018, 4, 19, 22, 46, tzinfo=UTC)
