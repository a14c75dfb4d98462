"""Windows of moving pictures and of sound: the right frames, in the right order, at the right times."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.fakes import ColourEmbedder, MotionEmbedder, PitchEmbedder
from tests.sounds import beeps, with_sound
from tests.synthetic import numbered, read_number, write_video
from vidsearch.ingest import IngestReport, ingest
from vidsearch.ingest.windows import ClipAnalyzer, SoundAnalyzer, clip_windows, sound_windows
from vidsearch.media.decode import frames
from vidsearch.store.store import Store
from vidsearch.types import AudioBlock, Frame, SamplingPlan

if TYPE_CHECKING:
    from vidsearch.types import UInt8Image


def square(*, left: int, size: int = 16) -> UInt8Image:
    """A bright square on grey stripes, 96 x 64."""
    image = np.full((64, 96, 3), 40, np.uint8)
    image[:, ::12] = 80
    image[32 - size // 2 : 32 + size // 2, left : left + size] = 240
    return image


def moving(path: Path, picture: Callable[[float], UInt8Image], *, seconds: int = 4) -> Path:
    """A video at 10 pictures a second, each drawn for its share of the time, in [0, 1)."""
    num_frames = 10 * seconds
    return write_video(path, lambda n: picture(n / num_frames), num_frames=num_frames, frame_rate=10)


MOTIONS: dict[str, Callable[[float], UInt8Image]] = {
    "right": lambda share: square(left=int(4 + 72 * share)),
    "left": lambda share: square(left=int(76 - 72 * share)),
    "nearer": lambda share: square(left=40 - int(12 * share), size=8 + 2 * int(16 * share)),
    "farther": lambda share: square(left=28 + int(12 * share), size=40 - 2 * int(16 * share)),
}


def index(library: Store, *paths: Path, **options: Any) -> IngestReport:
    how: dict[str, Any] = {"embedders": [ColourEmbedder()], "plan": SamplingPlan(fps=1), **options}
    return ingest(library, paths, **how)


def windows(library: Store, kind: str, video_id: int = 1) -> list[tuple[float, float]]:
    return [
        (segment.start_seconds, round(segment.end_seconds, 3))
        for track in library.tracks(video_id)
        if track.kind == kind and track.state == "active"
        for segment in library.segments(track.id)
    ]


# --- which frames -----------------------------------------------------------------------------------


def test_a_window_holds_frames_spread_evenly_over_it_in_order(library: Store, tmp_path: Path):
    path = write_video(tmp_path / "a.mp4", numbered, num_frames=100, frame_rate=25, gop=12, b_frames=2)
    embedder = MotionEmbedder()
    report = index(library, path, stream_analyzers=[ClipAnalyzer(embedder)])
    assert (report.num_indexed, report.failures, report.warnings) == (1, (), ())
    assert [[read_number(image) for image in clip] for clip in embedder.clips] == [
        [0, 12, 25, 37],
        [50, 62, 75, 87],
    ]
    assert windows(library, "clip") == [(0.0, 2.0), (2.0, 4.0)]
    assert len(library.frames(1)) == 4
    assert library.verify() == []


@pytest.mark.parametrize("motion", MOTIONS)
def test_order_alone_tells_clips_apart(library: Store, tmp_path: Path, motion: str):
    """The same pictures, in another order: what moves right backwards moves left."""
    path = moving(tmp_path / f"{motion}.mp4", MOTIONS[motion])
    embedder = MotionEmbedder()
    index(library, path, stream_analyzers=[ClipAnalyzer(embedder)])
    (asked,) = embedder.embed_texts([motion])
    assert library.matrix(embedder.space).vectors[:] @ asked == pytest.approx([1.0, 1.0], abs=0.02)


def test_the_last_window_reaches_back_and_a_short_video_is_spread(library: Store, tmp_path: Path):
    path = write_video(tmp_path / "a.mp4", numbered, num_frames=30, frame_rate=10)
    short = write_video(tmp_path / "b.mp4", lambda n: numbered(n + 1000), num_frames=10, frame_rate=10)
    embedder = MotionEmbedder()
    index(library, path, stream_analyzers=[ClipAnalyzer(embedder)])
    index(library, short, stream_analyzers=[ClipAnalyzer(embedder)])
    assert [[read_number(image) for image in clip] for clip in embedder.clips] == [
        [0, 5, 10, 15],
        [10, 15, 20, 25],
        [1000, 1000, 1005, 1005],
    ]
    assert windows(library, "clip") == [(0.0, 2.0), (1.0, 3.0)]
    assert windows(library, "clip", 2) == [(0.0, 1.0)]


def test_a_part_of_a_video_has_the_windows_of_that_part(library: Store, tmp_path: Path):
    path = write_video(tmp_path / "a.mp4", numbered, num_frames=80, frame_rate=10)
    embedder = MotionEmbedder()
    plan = SamplingPlan(start_seconds=3.0, end_seconds=7.0)
    index(library, path, plan=plan, stream_analyzers=[ClipAnalyzer(embedder)])
    assert [[read_number(image) for image in clip] for clip in embedder.clips] == [
        [30, 35, 40, 45],
        [50, 55, 60, 65],
    ]
    assert windows(library, "clip") == [(3.0, 5.0), (5.0, 7.0)]


def cut(stream: list[Frame]) -> list[tuple[float, float, list[int] | None]]:
    return [
        (
            window.start_seconds,
            window.end_seconds,
            None if window.content is None else [read_number(image) for image in window.content],
        )
        for window in clip_windows(iter(stream), num_frames=4, fps=Fraction(2))
    ]


def shown(number: int, sample_time_seconds: float) -> Frame:
    return Frame(sample_time_seconds - 0.01, sample_time_seconds, numbered(number))


def test_where_nothing_moves_there_is_no_clip():
    """A slide that stays for minutes, and a clock that jumps by a year, cost no steps and make no clips."""
    still = [shown(1, 0.0), shown(2, 100.5), shown(3, 101.0), shown(4, 4e7)]
    assert cut(still) == [
        (0.0, 2.0, None),
        (100.0, 102.0, [1, 2, 3, 3]),
        (4e7 - 1.5, 4e7 + 0.5, [3, 3, 3, 4]),
    ]
    assert cut([shown(1, 0.0), shown(2, 0.5), shown(3, 5.5)]) == [
        (0.0, 2.0, [1, 2, 2, 2]),
        (4.0, 6.0, [2, 2, 2, 3]),
    ]


def test_a_run_that_goes_on_makes_the_same_windows(tmp_path: Path):
    path = write_video(tmp_path / "a.mp4", numbered, num_frames=70, frame_rate=10)
    analyzer = ClipAnalyzer(MotionEmbedder())
    plan = SamplingPlan()

    def made(from_seconds: float) -> list[tuple[float, float, list[int] | None]]:
        read = analyzer.read(path, plan, from_seconds=from_seconds, timeout_seconds=None)
        return cut(list(read()))

    whole = made(0.0)
    assert [start for start, _, _ in whole] == [0.0, 2.0, 4.0, 5.0]
    for number, from_seconds in ((0, 2.0), (1, 4.0), (2, 6.0)):
        assert made(from_seconds) == whole[number:]


@pytest.mark.parametrize("num_batches", [1, 2])
def test_a_run_that_is_stopped_goes_on_where_it_was(library: Store, tmp_path: Path, num_batches: int):
    path = write_video(tmp_path / "a.mp4", numbered, num_frames=150, frame_rate=10)
    stop = threading.Event()

    class Stopping(MotionEmbedder):
        def embed_clips(self, clips: Any) -> Any:
            if len(self.clips) >= 2 * num_batches:
                stop.set()
                time.sleep(0.5)  # what was made before is on its way into the library
            return super().embed_clips(clips)

    interrupted = index(library, path, stream_analyzers=[ClipAnalyzer(Stopping())], stop=stop)
    assert interrupted.interrupted
    kept = windows(library, "clip")
    assert len(kept) <= 2 * (num_batches + 1)
    assert library.verify() == []
    embedder = MotionEmbedder()
    again = index(library, path, stream_analyzers=[ClipAnalyzer(embedder)])
    assert (again.interrupted, again.failures) == (False, ())
    assert windows(library, "clip") == [*((2.0 * n, 2.0 * n + 2) for n in range(7)), (13.0, 15.0)]
    assert len(embedder.clips) == 8 - len(kept)
    assert library.verify() == []


def test_other_weights_are_another_track_and_the_same_are_not_made_twice(library: Store, tmp_path: Path):
    path = moving(tmp_path / "a.mp4", MOTIONS["right"])
    for digest, num_clips in (("motion-1", 2), ("motion-1", 0), ("motion-2", 2)):
        embedder = MotionEmbedder()
        embedder.space = type(embedder.space)("motion", digest, "", 4, "clip")
        index(library, path, stream_analyzers=[ClipAnalyzer(embedder)])
        assert len(embedder.clips) == num_clips
    assert [track.state for track in library.tracks(1) if track.kind == "clip"] == ["superseded", "active"]
    assert [len(library.matrix(space)) for space in library.spaces("clip")] == [0, 2]


def test_memory_is_that_of_two_windows(tmp_path: Path):
    """Guards against a cutter that keeps what it has given."""
    path = write_video(tmp_path / "a.mp4", numbered, num_frames=400, frame_rate=10)
    plan = SamplingPlan(fps=2.0)
    for window in clip_windows(frames(path, plan), num_frames=4, fps=Fraction(2)):
        assert window.content is not None
        assert len(window.content) == 4


# --- sound ------------------------------------------------------------------------------------------


def test_sound_is_cut_into_windows_that_have_vectors(library: Store, tmp_path: Path):
    high = beeps(*np.arange(0, 4, 0.2), seconds=4, pitch=3000.0)
    low = beeps(*np.arange(0, 3.5, 0.2), seconds=3.5, pitch=300.0)
    path = with_sound(tmp_path / "a.mkv", np.concatenate([high, low]), codec="flac")
    embedder = PitchEmbedder()
    report = index(library, path, stream_analyzers=[SoundAnalyzer(embedder)])
    assert (report.failures, report.warnings) == ((), ())
    assert windows(library, "sound") == [(0.0, 2.0), (2.0, 4.0), (4.0, 6.0), (6.0, 7.5)]
    assert library.matrix(embedder.space).vectors[:].argmax(axis=1).tolist() == [0, 0, 1, 1]
    assert [round(length / 8000, 1) for length in embedder.lengths] == [2.0, 2.0, 2.0, 1.5]
    assert library.verify() == []


def test_silence_has_no_windows_and_a_video_without_sound_is_no_failure(library: Store, tmp_path: Path):
    silent = with_sound(tmp_path / "silent.mkv", beeps(seconds=6), codec="flac")
    mute = moving(tmp_path / "mute.mp4", MOTIONS["left"])
    report = index(library, silent, mute, stream_analyzers=[SoundAnalyzer(PitchEmbedder())])
    assert (report.num_indexed, report.failures) == (2, ())
    assert [windows(library, "sound", video) for video in (1, 2)] == [[], []]


def test_what_is_left_of_sound_is_a_window_where_it_says_something():
    def cut_sound(*seconds: float) -> list[tuple[float, float]]:
        blocks, start = [], 1.0
        for each in seconds:
            blocks.append(AudioBlock(start, np.ones(round(each * 100), np.float32)))
            start += each
        made = sound_windows(iter(blocks), sample_rate=100, window_seconds=10.0)
        return [(window.start_seconds, window.end_seconds) for window in made]

    assert cut_sound(5.0, 5.0, 12.0) == [(1.0, 11.0), (11.0, 21.0), (21.0, 23.0)]
    assert cut_sound(10.5) == [(1.0, 11.0)]
    assert cut_sound(0.5) == [(1.0, 1.5)]
    assert cut_sound() == []
