"""Files that are not what they seem: one clear error each, never a hang, never a crash, and nothing lost."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.synthetic import RED, numbered, read_number, solid, write_audio, write_video
from vidsearch.errors import DamagedVideo, MediaError, NotAVideo
from vidsearch.media.clip import cut_clip
from vidsearch.media.completeness import DecodeReport
from vidsearch.media.decode import frame_at, frames, measured_duration
from vidsearch.media.probe import probe
from vidsearch.types import Frame, SamplingPlan


def drain(found: Iterator[Frame]) -> tuple[list[int], str]:
    """All that decodes, and what the DamagedVideo after it says."""
    numbers: list[int] = []
    with pytest.raises(DamagedVideo) as raised:
        numbers.extend(read_number(frame.image) for frame in found)
    return numbers, str(raised.value)


def assert_refused(path: Path, kind: type[MediaError], words: str) -> None:
    for attempt in (
        lambda: probe(path),
        lambda: list(frames(path, SamplingPlan())),
        lambda: frame_at(path, 0.0),
    ):
        with pytest.raises(kind, match=words) as raised:
            attempt()
        assert str(raised.value) == f"{path}: {raised.value.reason}"
        assert str(path) not in raised.value.reason, "a report that names the path would name it twice"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Ten seconds at ten pictures a second, with its index in front."""
    return write_video(
        tmp_path / "clip.mp4",
        numbered,
        num_frames=100,
        frame_rate=10,
        gop=10,
        container_options={"movflags": "faststart"},
    )


def cut(path: Path, share: float, name: str) -> Path:
    data = path.read_bytes()
    shorter = path.with_name(name)
    shorter.write_bytes(data[: int(len(data) * share)])
    return shorter


# --- no video at all --------------------------------------------------------------------------------


def test_text_named_mp4(tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("dear diary\n" * 500)
    assert_refused(path, NotAVideo, "not a video file")


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.mp4"
    path.touch()
    assert_refused(path, NotAVideo, "is empty")


def test_random_bytes(tmp_path: Path) -> None:
    path = tmp_path / "noise.mp4"
    path.write_bytes(os.urandom(100_000))
    assert_refused(path, MediaError, "noise.mp4")


def test_sound_alone(tmp_path: Path) -> None:
    assert_refused(write_audio(tmp_path / "song.mp4"), NotAVideo, "sound, but no pictures")
    assert_refused(write_audio(tmp_path / "song.mp3"), NotAVideo, "sound, but no pictures")


def test_the_cover_of_a_song_is_no_video(tmp_path: Path) -> None:
    song = write_audio(tmp_path / "song.mp3")
    path = tmp_path / "cover.mp3"
    with av.open(str(song)) as source, av.open(str(path), "w") as target:
        sound = target.add_stream_from_template(source.streams.audio[0])
        cover = target.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 96, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        for packet in cover.encode(av.VideoFrame.from_ndarray(solid(RED), format="rgb24")) + cover.encode(
            None
        ):
            target.mux(packet)
        for packet in source.demux(source.streams.audio[0]):
            if packet.size:
                packet.stream = sound
                target.mux(packet)
    with av.open(str(path)) as written:
        assert written.streams.video[0].disposition & av.stream.Disposition.attached_pic
    assert_refused(path, NotAVideo, "sound, but no pictures")


def test_a_still_picture(tmp_path: Path) -> None:
    path = write_video(
        tmp_path / "still.png",
        [solid(RED)],
        codec="png",
        container="image2",
        container_options={"update": "1"},
    )
    assert_refused(path.rename(tmp_path / "still.mp4"), NotAVideo, "not a video file")


@pytest.mark.parametrize("kind", ["AVIF", "HEIC", "JPEG", "PNG", "WebP", "BMP", "TIFF"])
@pytest.mark.parametrize("suffix", [None, ".mp4"])
def test_a_picture_is_said_to_be_one(kind: str, suffix: str | None, tmp_path: Path) -> None:
    """FFmpeg takes some of them for a video of one picture, or of the tiles of one."""
    path = tmp_path / f"holiday.{kind.lower()}"
    if kind in ("AVIF", "HEIC"):
        write_video(path.with_suffix(".avif"), [solid(RED)], codec="libsvtav1")
        data = path.with_suffix(".avif").read_bytes()
        path.write_bytes(data.replace(b"ftypavif", b"ftypheic") if kind == "HEIC" else data)
    else:
        cv2.imwrite(str(path), solid(RED))
    if suffix is not None:
        path = path.rename(path.with_suffix(suffix))
    assert_refused(path, NotAVideo, rf"not a video file: it is a picture \({kind}\)")


def test_a_broken_gif_is_no_matter_of_permission(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.gif", numbered, num_frames=10, codec="gif")
    data = bytearray(path.read_bytes())
    for place in range(len(data) // 3, len(data)):
        data[place] ^= 0x5A
    reasons = []
    for end in range(20, len(data), 97):
        path.write_bytes(data[:end])
        try:
            list(frames(path, SamplingPlan(fps=25)))
        except MediaError as error:
            reasons.append(error.reason)
    assert reasons
    assert not [reason for reason in reasons if re.search("permitted|argument|Errno", reason)]


def test_a_folder_named_mp4(tmp_path: Path) -> None:
    path = tmp_path / "folder.mp4"
    path.mkdir()
    assert_refused(path, NotAVideo, "is a folder")


def test_a_path_that_does_not_exist(tmp_path: Path) -> None:
    assert_refused(tmp_path / "nothing.mp4", MediaError, "No such file")


def test_a_link_to_itself(tmp_path: Path) -> None:
    path = tmp_path / "loop.mp4"
    path.symlink_to(path)
    assert_refused(path, MediaError, "symbolic links")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable for root")
def test_a_file_without_permission(clip: Path) -> None:
    clip.chmod(0)
    assert_refused(clip, MediaError, "Permission denied")


def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    """Guards against waiting for ever on a FIFO that nobody writes to."""
    path = tmp_path / "pipe.mp4"
    os.mkfifo(path)
    assert_refused(path, NotAVideo, "not a regular file")


def test_a_playlist_opens_no_other_file(clip: Path) -> None:
    """Guards against a file that makes the program read another, or an address."""
    for name, text in {
        "list.mp4": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{clip}\n#EXT-X-ENDLIST\n",
        "concat.mp4": f"ffconcat version 1.0\nfile {clip.name}\n",
        "session.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    }.items():
        path = clip.with_name(name)
        path.write_text(text)
        assert_refused(path, NotAVideo, "not a video file")


# --- names ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "with space.mp4",
        "quo'te\".mp4",
        "new\nline.mp4",
        "📼 émoji.mp4",
        "-dash.mp4",
        "concat:a|b.mp4",
        "http:x.mp4",
        "%03d.mp4",
    ],
)
def test_any_name(name: str, clip: Path) -> None:
    path = clip.rename(clip.with_name(name))
    assert probe(path).codec == "h264"
    assert len(list(frames(path, SamplingPlan()))) == 10


def test_a_name_that_is_no_utf8(clip: Path) -> None:
    path = clip.rename(clip.with_name(os.fsdecode(b"caf\xe9.mp4")))
    assert len(list(frames(path, SamplingPlan()))) == 10


def test_titles_that_are_no_utf8(tmp_path: Path) -> None:
    """Guards against a UnicodeDecodeError from old cameras' metadata."""
    path = write_video(
        tmp_path / "old.avi", numbered, num_frames=10, codec="mpeg4", metadata={"title": "PLACEHOLDER"}
    )
    path.write_bytes(path.read_bytes().replace(b"PLACEHOLDER", b"caf\xe9 \xff\xfe  xx"))
    assert probe(path).codec == "mpeg4"


# --- damaged ----------------------------------------------------------------------------------------


def test_index_missing(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.mp4", numbered, num_frames=100)  # its index comes last
    assert_refused(cut(whole, 0.7, "cut.mp4"), DamagedVideo, "index is missing")


def test_cut_in_the_middle_keeps_what_decodes(clip: Path) -> None:
    numbers, message = drain(frames(cut(clip, 0.6, "cut.mp4"), SamplingPlan(fps=2)))
    assert numbers == list(range(0, numbers[-1] + 1, 5))
    assert 20 <= numbers[-1] < 80
    assert "breaks off at 0:0" in message
    assert message.endswith("of 0:10")


@pytest.mark.parametrize("name", ["clip.mkv", "clip.avi", "clip.flv"])
def test_other_containers_cut_in_the_middle(name: str, tmp_path: Path) -> None:
    codec = "mpeg4" if name == "clip.avi" else "libx264"
    path = write_video(tmp_path / name, numbered, num_frames=100, frame_rate=10, gop=10, codec=codec)
    numbers, message = drain(frames(cut(path, 0.6, "cut" + path.suffix), SamplingPlan(fps=2)))
    assert numbers[:-1] == list(range(0, numbers[-2] + 1, 5))
    assert 20 <= numbers[-1] < 80
    assert "breaks off at" in message


def test_cut_with_instants_spread_over_what_is_there(clip: Path) -> None:
    numbers, _ = drain(frames(cut(clip, 0.6, "cut.mp4"), SamplingPlan(fps=10, max_frames=4)))
    assert len(numbers) == 4


def test_a_hole_in_the_middle(clip: Path) -> None:
    """Pictures before and after it are had, at their own times."""
    data = bytearray(clip.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 600] = bytes(600)
    clip.write_bytes(data)
    found = list(frames(clip, SamplingPlan(fps=1)))
    assert found[0].time_seconds == 0.0
    assert round(found[-1].time_seconds) == 9
    assert len(found) >= 7


def test_no_picture_decodes(clip: Path) -> None:
    data = clip.read_bytes()
    start = data.index(b"mdat") + 4
    clip.write_bytes(data[:start] + os.urandom(len(data) - start))
    assert_refused(clip, DamagedVideo, "decode")


def test_a_header_that_claims_a_million_hours(clip: Path, tmp_path: Path) -> None:
    claim(clip, b"mvhd", 4_000_000_000)
    claim(clip, b"tkhd", 4_000_000_000)
    claim(clip, b"mdhd", 4_000_000_000)
    assert [read_number(frame.image) for frame in frames(clip, SamplingPlan(max_frames=2))] == [25, 75]
    path = write_video(tmp_path / "clip.mkv", numbered, num_frames=100, frame_rate=10, gop=10)
    data = bytearray(path.read_bytes())
    at = data.index(b"\x44\x89\x88") + 3
    data[at : at + 8] = struct.pack(">d", 3.6e12)
    path.write_bytes(data)
    numbers, message = drain(frames(path, SamplingPlan(fps=1)))
    assert numbers == [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]
    assert "breaks off at 0:10 of" in message
    numbers, _ = drain(frames(path, SamplingPlan(max_frames=2)))
    assert numbers == [25, 75]


def test_a_picture_that_claims_to_be_huge(tmp_path: Path) -> None:
    """Guards against gigabytes for a header's word: 65,500 x 65,500 is refused unallocated."""
    path = write_video(tmp_path / "huge.avi", [solid(RED)] * 3, codec="rawvideo", pixel_format="bgr24")
    data = bytearray(path.read_bytes())
    at = data.index(b"strf") + 8
    data[at + 4 : at + 12] = struct.pack("<ii", 65_500, 65_500)
    path.write_bytes(data)
    assert_refused(path, MediaError, "huge.avi")


def test_a_file_that_changes_while_it_is_read(clip: Path) -> None:
    found = frames(clip, SamplingPlan(fps=1))
    next(found)
    with clip.open("ab") as file:
        file.write(b"more")
    with pytest.raises(DamagedVideo, match="changed while it was being read"):
        list(found)


def test_a_file_that_vanishes_while_it_is_read(clip: Path) -> None:
    found = frames(clip, SamplingPlan(fps=1))
    next(found)
    clip.unlink()
    with pytest.raises(MediaError, match="No such file"):
        list(found)


def test_a_device_that_is_not_there(clip: Path) -> None:
    with av.open(str(clip)):
        warnings: list[str] = []
        found = list(frames(clip, SamplingPlan(fps=1), decode_device="cuda", on_warning=warnings.append))
    assert len(found) == 10
    if warnings:
        assert "decoding on the CPU" in warnings[0]


def claim(path: Path, box: bytes, duration: int) -> None:
    """Write a duration into a version-0 MP4 header box."""
    offset = {b"mvhd": 16, b"mdhd": 16, b"tkhd": 20}[box]
    data = bytearray(path.read_bytes())
    at = data.index(box) + 4 + offset
    data[at : at + 4] = struct.pack(">I", duration)
    path.write_bytes(data)


# --- what is lost is said ---------------------------------------------------------------------------


def read_all(path: Path, plan: SamplingPlan) -> tuple[list[Frame], DecodeReport]:
    found: list[Frame] = []
    reading = frames(path, plan)
    while True:
        try:
            found.append(next(reading))
        except StopIteration as end:
            return found, end.value


NOISE = [np.random.default_rng(seed).integers(0, 255, (64, 96, 3), dtype=np.uint8) for seed in range(10)]


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("clip.mp4", "libx264"),
        ("clip.mkv", "libx264"),
        ("clip.webm", "libvpx-vp9"),
        ("clip.flv", "libx264"),
        ("clip.ts", "libx264"),
        ("clip.mpg", "mpeg2video"),
    ],
)
def test_a_stretch_of_zeros_is_no_whole_video(name: str, codec: str, tmp_path: Path) -> None:
    path = write_video(
        tmp_path / name,
        lambda number: NOISE[number % 10],
        num_frames=150,
        gop=25,
        codec=codec,
        audio_seconds=0 if name == "clip.mpg" else 6,
    )
    found, report = read_all(path, SamplingPlan(fps=5))
    assert (len(found), report.is_whole, report.remarks()) in [(30, True, ()), (31, True, ())]
    data = bytearray(path.read_bytes())
    first, last = int(len(data) * 0.4), int(len(data) * 0.6)
    data[first:last] = bytes(last - first)
    path.write_bytes(data)
    _, report = read_all(path, SamplingPlan(fps=5))
    ((start, end),) = report.lost_spans
    assert 1.5 < start < 3.2
    assert 3.0 < end < 5.0
    assert report.remarks()[0].startswith("nothing could be read from 0:0")


@pytest.mark.parametrize(("name", "codec"), [("dark.mkv", "libx264"), ("dark.webm", "libvpx-vp9")])
def test_a_stretch_of_zeros_in_a_film_of_few_bytes(name: str, codec: str, tmp_path: Path) -> None:
    """Four seconds of a dark room are smaller than what one picture takes elsewhere."""
    path = write_video(tmp_path / name, lambda number: NOISE[0] // 16, num_frames=500, gop=25, codec=codec)
    _, report = read_all(path, SamplingPlan(fps=5))
    assert report.is_whole
    data = bytearray(path.read_bytes())
    first, last = int(len(data) * 0.5), int(len(data) * 0.5) + 3000
    data[first:last] = bytes(last - first)
    path.write_bytes(data)
    _, report = read_all(path, SamplingPlan(fps=5))
    assert report.lost_spans, len(data)


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.flv"])
def test_the_last_second_is_missed(name: str, tmp_path: Path) -> None:
    """Also where another track is longer than the pictures, or the file has lost no more than a second."""
    path = write_video(
        tmp_path / name,
        lambda number: NOISE[number % 10],
        num_frames=150,
        gop=25,
        audio_seconds=6,
        container_options={"movflags": "faststart"} if name == "clip.mp4" else None,
    )
    with pytest.raises(DamagedVideo, match=r"breaks off at 0:0[45](\.\d)? of 0:06(\.1)?"):
        list(frames(cut(path, 0.83, f"cut{path.suffix}"), SamplingPlan(fps=5)))


def test_real_videos_are_whole(real_videos: Path) -> None:
    paths = [path for path in real_videos.iterdir() if path.suffix in (".mp4", ".webm", ".gif")]
    for path in paths:
        _, report = read_all(path, SamplingPlan(fps=1))
        assert report.is_whole, (path.name, report)


@pytest.mark.parametrize(
    ("suffix", "codec"), [(".ts", "libx264"), (".mpg", "mpeg2video"), (".vob", "mpeg2video")]
)
@pytest.mark.parametrize("starts", [(100.0, 0.0), (0.0, 100.0), (0.0, 0.0), (3.0, 90_000.0, 1.0)])
def test_joined_recordings_play_one_after_the_other(
    starts: tuple[float, ...], suffix: str, codec: str, tmp_path: Path
) -> None:
    """Their clocks start again or jump. Read as they are, what comes after goes back in time and is lost."""
    joined = tmp_path / f"joined{suffix}"
    data = b""
    for number, start in enumerate(starts):
        part = write_video(
            tmp_path / f"{number}{suffix}",
            [numbered(1000 * number + picture) for picture in range(50)],
            codec=codec,
            gop=12,
            start_seconds=start,
            audio_seconds=2 if suffix == ".ts" else 0,
        )
        data += part.read_bytes()
    joined.write_bytes(data)
    found, report = read_all(joined, SamplingPlan(fps=25))
    expected = [1000 * number + picture for number in range(len(starts)) for picture in range(50)]
    assert [read_number(frame.image) for frame in found] == expected
    times = np.diff([frame.time_seconds for frame in found])
    assert times.min() > 0
    assert times.max() < 0.3
    assert (report.num_pictures, report.num_dropped, report.is_whole) == (len(expected), 0, True)
    assert report.num_clock_jumps == len(starts) - 1
    seconds = probe(joined).duration_seconds
    assert seconds == pytest.approx(2 * len(starts), abs=0.3)
    assert measured_duration(joined) == seconds
    second = read_number(frame_at(joined, 3.0).image)
    assert 1020 <= second <= 1030


def test_a_clip_of_joined_recordings_is_of_the_time_that_plays(tmp_path: Path) -> None:
    parts = [
        write_video(
            tmp_path / f"{number}.ts",
            [numbered(1000 * number + picture) for picture in range(50)],
            gop=12,
            start_seconds=start,
            audio_seconds=2,
        )
        for number, start in enumerate((100.0, 0.0))
    ]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    clip = cut_clip(joined, tmp_path / "clip.mp4", start_seconds=1.0, end_seconds=3.0)
    found = [read_number(frame.image) for frame in frames(clip.path, SamplingPlan(fps=25))]
    played = [*range(50), *range(1000, 1050)]
    assert found[0] in (24, 25)  # sound starts a little before the pictures
    assert found == played[found[0] : found[0] + len(found)]
    assert 49 <= len(found) <= 51


def test_pictures_that_go_back_in_time_are_counted(tmp_path: Path) -> None:
    report = DecodeReport(num_pictures=10, num_dropped=3, num_corrupt=1, num_bad_packets=2)
    assert not report.is_whole
    assert report.remarks() == (
        "2 damaged packets were passed over",
        "1 pictures are damaged",
        "3 pictures go back in time and were left out",
    )
