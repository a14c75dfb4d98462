"""What a file says of itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, get_args

import av
import pytest
from av.stream import Disposition

from tests.synthetic import RED, numbered, read_number, solid, write_video
from vidsearch.media.container import Learns, open_video
from vidsearch.media.decode import frame_at, frames
from vidsearch.media.probe import probe
from vidsearch.types import SamplingPlan, VideoInfo


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


@pytest.mark.parametrize(
    "said",
    [{"sample_aspect_ratio": Fraction(4, 3)}, {"options": {"x264-params": "sar=4/3"}}],
    ids=["by the container", "by the stream alone"],
)
def test_square_pixels(said: dict[str, Any], tmp_path: Path) -> None:
    path = write_video(tmp_path / "dv.mp4", numbered, num_frames=5, **said)
    info = probe(path)
    assert (info.width, info.height) == (128, 64)
    (frame,) = frames(path, SamplingPlan())
    assert frame.image.shape == (64, 128, 3)


@pytest.mark.parametrize("b_frames", [0, 2])
def test_the_first_pictures_are_decoded_only_for_what_the_header_does_not_say(
    b_frames: int, tmp_path: Path
) -> None:
    """A decoded picture tells the pixel format."""

    def formats(container_options: dict[str, str]) -> dict[Learns, str | None]:
        path = write_video(
            tmp_path / "clip.mp4",
            numbered,
            num_frames=25,
            b_frames=b_frames,
            container_options=container_options,
        )
        found: dict[Learns, str | None] = {}
        for learns in get_args(Learns):
            with open_video(path, learns=learns) as video:
                found[learns] = video.stream.codec_context.pix_fmt
        return found

    assert formats({}) == {"header": None, "order": None, "pictures": "yuv420p"}
    in_fragments = formats({"movflags": "frag_keyframe+empty_moov"})
    assert in_fragments == {"header": None, "order": "yuv420p", "pictures": "yuv420p"}


def test_real_videos(real_videos: Path) -> None:
    found = {
        path.name: probe(path) for path in real_videos.iterdir() if path.suffix in {".mp4", ".webm", ".gif"}
    }
    assert len(found) == 15
    assert all(info.duration_seconds and info.width >= 320 for info in found.values())
    car = found["car-detection.mp4"]
    assert (car.width, car.height, car.frame_rate, car.num_audio_tracks) == (768, 432, 12.5, 1)
    assert car.created_at == datetime(2018, 4, 19, 22, 46, tzinfo=UTC)


# --- when it was recorded -------------------------------------------------------------------------


@pytest.fixture
def in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"com.apple.quicktime.creationdate": "2023-07-01T23:30:00-0700"}, "2023-07-01T23:30:00-07:00"),
        ({"com.apple.quicktime.creationdate": "2023-07-01T23:30:00+0000"}, "2023-07-01T23:30:00+00:00"),
        ({"creation_time": "2023-07-01T23:30:00Z"}, "2023-07-02T08:30:00+09:00"),
        (
            {
                "creation_time": "2023-07-02T06:30:00Z",
                "com.apple.quicktime.creationdate": "2023-07-01T23:30:00-0700",
            },
            "2023-07-01T23:30:00-07:00",
        ),
    ],
)
@pytest.mark.usefixtures("in_tokyo")
def test_the_day_of_recording_is_that_of_the_place(
    metadata: dict[str, str], expected: str, tmp_path: Path
) -> None:
    """As UTC, an evening in California is a moment of the day after."""
    path = write_video(
        tmp_path / "a.mov",
        [solid(RED)] * 3,
        metadata=metadata,
        container_options={"movflags": "use_metadata_tags"},
    )
    created_at = probe(path).created_at
    assert created_at is not None
    assert created_at.isoformat() == expected


@pytest.mark.usefixtures("in_tokyo")
def test_a_time_without_a_zone_is_local(tmp_path: Path) -> None:
    path = write_video(
        tmp_path / "a.mkv", [solid(RED)] * 3, metadata={"DATE_RECORDED": "2023-07-01 23:30:00"}
    )
    created_at = probe(path).created_at
    assert created_at is not None
    assert created_at.isoformat() == "2023-07-01T23:30:00+09:00"


# --- which of several picture streams ---------------------------------------------------------------


@pytest.mark.parametrize(("codec", "suffix"), [("mjpeg", ".mkv"), ("mjpeg", ".mp4"), ("png", ".mov")])
def test_a_large_still_is_not_the_film(codec: str, suffix: str, tmp_path: Path) -> None:
    """A poster as the first and largest video stream, by default, and not marked as a cover."""
    film = write_video(tmp_path / f"film{suffix}", [numbered(7)] * 50)
    path = tmp_path / f"both{suffix}"
    with av.open(str(film)) as source, av.open(str(path), "w") as target:
        poster = target.add_stream(codec, rate=25)
        assert isinstance(poster, av.VideoStream)
        poster.width, poster.height = 640, 480
        poster.pix_fmt = "yuvj420p" if codec == "mjpeg" else "rgb24"
        poster.disposition = Disposition.default
        pictures = target.add_stream_from_template(source.streams.video[0])
        pictures.disposition = Disposition(0)
        picture = av.VideoFrame.from_ndarray(solid(RED, width=640, height=480))
        picture.pts, picture.time_base = 0, Fraction(1, 25)
        target.mux(poster.encode(picture.reformat(format=poster.pix_fmt)))
        target.mux(poster.encode(None))
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.stream = pictures
                target.mux(packet)
    info = probe(path)
    assert (info.codec, info.width, info.height) == ("h264", 96, 64)
    assert read_number(frame_at(path, 1.0).image) == 7
    assert len(list(frames(path, SamplingPlan(fps=25)))) == 50


def test_a_film_of_jpegs_is_a_film(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", numbered, num_frames=25, codec="mjpeg")
    assert probe(path).codec == "mjpeg"
