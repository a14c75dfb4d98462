"""What is heard is a track like any other: added, continued, replaced and found, beside the pictures."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.fakes import ColourCaptioner, ColourEmbedder
from tests.ingest import listening
from tests.ingest.clips import colour_clip
from tests.ingest.listening import BeepAnalyzer
from tests.ingest.states import integrity
from tests.sounds import beeps, with_sound
from vidsearch.errors import ModelOutOfMemory, ModelUnavailable
from vidsearch.ingest import IngestReport, add_tracks, ingest
from vidsearch.ingest.analyzers import AudioFindings
from vidsearch.store.store import Store
from vidsearch.tracks import SegmentRecord
from vidsearch.types import SamplingPlan

TIMES = (0.5, 3.0, 5.5, 8.0)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    pictures = colour_clip(tmp_path / "silent.mkv", ["red", "red", "blue", "blue"] * 2)
    folder = tmp_path / "films"
    folder.mkdir()
    return with_sound(folder / "a.mkv", beeps(*TIMES, seconds=9), codec="flac", still=pictures)


def index(library: Store, *paths: Path, **options: Any) -> IngestReport:
    how: dict[str, Any] = {"embedders": [ColourEmbedder()], "plan": SamplingPlan(fps=1), **options}
    return ingest(library, paths, **how)


def heard(library: Store, video_id: int = 1) -> list[tuple[str, str, list[tuple[float, float]]]]:
    """Producer, state and spans of each transcript."""
    return [
        (
            track.spec.producer,
            track.state if track.is_complete else f"{track.state} until {track.done_until_seconds:g}",
            [
                (segment.start_seconds, round(segment.end_seconds, 3))
                for segment in library.segments(track.id)
            ],
        )
        for track in library.tracks(video_id)
        if track.kind == "transcript"
    ]


def spans(*times: float) -> list[tuple[float, float]]:
    return [(time, round(time + 0.1, 3)) for time in times]


def test_what_is_heard_is_kept_beside_the_pictures(library, clip):
    report = index(library, clip, stream_analyzers=[BeepAnalyzer()])

    assert (report.num_indexed, report.failures, report.warnings) == (1, (), ())
    assert heard(library) == [("beeps", "active", spans(*TIMES))]
    assert len(library.frames(1)) == 8
    assert library.videos()[0].is_complete
    assert library.verify() == []


def test_the_same_command_adds_the_track_to_what_is_indexed(library, clip):
    index(library, clip)
    embedder, analyzer = ColourEmbedder(), BeepAnalyzer()

    report = index(library, clip, embedders=[embedder], stream_analyzers=[analyzer])

    assert (report.num_indexed, report.num_resumed, report.failures) == (1, 0, ())
    assert report.video_seconds == pytest.approx(9, abs=1)
    assert embedder.num_images == 0
    assert heard(library) == [("beeps", "active", spans(*TIMES))]
    again = index(library, clip, stream_analyzers=[analyzer])
    assert (again.num_skipped, len(analyzer.heard)) == (1, 5)


def test_it_goes_on_where_it_was_stopped(library, clip):
    stop = threading.Event()
    first = BeepAnalyzer(on_window=lambda start: stop.set() if start == 4.0 else None)
    assert index(library, clip, stream_analyzers=[first], stop=stop).interrupted
    (before,) = heard(library)
    assert before == ("beeps", "active until 4", spans(0.5, 3.0))

    second = BeepAnalyzer()
    report = index(library, clip, stream_analyzers=[second])

    assert report.num_indexed == 1
    assert second.heard == [4.0, 6.0, 8.0]
    assert heard(library) == [("beeps", "active", spans(*TIMES))]
    assert library.verify() == []


def test_a_slow_analyzer_keeps_neither_the_pictures_nor_another_one_waiting(library, clip):
    are_pictures_done = threading.Event()
    one_is_done = threading.Event()

    def wait(start: float) -> None:
        assert are_pictures_done.wait(20), "the pictures waited for the sound"
        assert one_is_done.wait(20), "one analyzer waited for another"

    slow = BeepAnalyzer("slow", sample_rate=16_000, on_window=wait)
    quick = BeepAnalyzer("quick", on_window=lambda start: one_is_done.set() if start == 8.0 else None)

    class Noting(ColourCaptioner):
        def captions(self, images):
            are_pictures_done.set()
            return super().captions(images)

    report = index(library, clip, captioner=Noting(), stream_analyzers=[slow, quick])
    assert (report.num_indexed, report.failures) == (1, ())
    assert {(name, tuple(found)) for name, _, found in heard(library)} == {
        ("slow", tuple(spans(*TIMES))),
        ("quick", tuple(spans(*TIMES))),
    }


def test_many_videos_ahead_of_their_sound_wait_for_it(library, clip, monkeypatch):
    """Every video that is ahead is open, and claimed: ten thousand would be too many."""
    monkeypatch.setattr("vidsearch.ingest.listeners.MAX_VIDEOS_WAITING", 2)
    for number in range(6):
        with_sound(clip.parent / f"{number}.mkv", beeps(1.0, seconds=2 + number), codec="flac")
    report = index(
        library, clip.parent, stream_analyzers=[BeepAnalyzer(on_window=lambda _: time.sleep(0.02))]
    )
    assert (report.num_indexed, report.failures) == (7, ())


def test_no_sound_is_a_note_and_is_not_looked_for_again(library, clip):
    silent = [clip.parent.parent / "silent.mkv", colour_clip(clip.parent / "b.mp4", ["green"])]
    report = index(library, *silent, stream_analyzers=[BeepAnalyzer()])
    assert (report.num_indexed, report.failures) == (2, ())
    (warning,) = report.warnings
    assert warning.endswith(": has no sound (and 1 other file)")
    again = index(library, *silent, stream_analyzers=[BeepAnalyzer()])
    assert (again.num_skipped, again.warnings) == (2, ())


class BrokenAnalyzer(BeepAnalyzer):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def analyze(self, sound, before=()):
        for findings in super().analyze(sound):
            if findings.until_seconds > 4:
                raise self._error
            yield findings


def test_a_model_that_fails_fails_that_video_and_goes_on_where_it_failed(library, clip):
    other = with_sound(clip.parent / "b.mkv", beeps(1.0, seconds=2), codec="flac")
    report = index(library, clip, other, stream_analyzers=[BrokenAnalyzer(RuntimeError("the model broke"))])
    assert (report.num_indexed, [failure.reason for failure in report.failures]) == (
        1,
        ["RuntimeError: the model broke"],
    )
    video = library.video(str(clip))
    assert video.is_complete
    assert heard(library, video.id) == [("beeps", "active until 4", spans(0.5, 3.0))]

    assert index(library, clip, other, stream_analyzers=[BeepAnalyzer()]).failures == ()
    assert heard(library, video.id) == [("beeps", "active", spans(*TIMES))]


def test_a_model_that_is_not_there_ends_the_run(library, clip):
    with pytest.raises(ModelUnavailable, match="gone"):
        index(library, clip, stream_analyzers=[BrokenAnalyzer(ModelUnavailable("gone"))])


def test_a_sound_that_does_not_fit_is_passed_over_until_the_file_changes(library, clip):
    error = ModelOutOfMemory("one window does not fit")
    assert len(index(library, clip, stream_analyzers=[BrokenAnalyzer(error)]).failures) == 1
    (failure,) = index(library, clip, stream_analyzers=[BeepAnalyzer()]).failures
    assert failure.known_before
    index(library, clip, stream_analyzers=[BeepAnalyzer()], retry_failed=True)
    assert heard(library) == [("beeps", "active", spans(*TIMES))]


def test_a_video_whose_pictures_fail_is_none_for_its_sound(library, clip):
    class Broken(ColourEmbedder):
        def embed_images(self, images):
            raise RuntimeError("the model broke")

    report = index(library, clip, embedders=[Broken()], stream_analyzers=[BeepAnalyzer()])
    assert [failure.reason for failure in report.failures] == ["RuntimeError: the model broke"]
    assert library.videos() == []


def test_another_model_takes_the_place_of_a_transcript_when_asked_to(library, clip):
    index(library, clip, stream_analyzers=[BeepAnalyzer("old")])
    assert index(library, clip, stream_analyzers=[BeepAnalyzer("new")]).num_skipped == 1

    stop = threading.Event()
    halting = BeepAnalyzer("new", on_window=lambda start: stop.set() if start == 6.0 else None)
    index(library, clip, stream_analyzers=[halting], reindex=True, stop=stop)
    assert [(name, state.split()[0]) for name, state, _ in heard(library)] == [
        ("old", "active"),
        ("new", "building"),
    ]
    index(library, clip, stream_analyzers=[BeepAnalyzer("new")], reindex=True)
    assert heard(library) == [
        ("old", "superseded", spans(*TIMES)),
        ("new", "active", spans(*TIMES)),
    ]
    library.prune_superseded()
    assert heard(library) == [("new", "active", spans(*TIMES))]


def test_a_sound_track_that_is_not_there_takes_no_place(library, clip):
    """Asked for track 2 of a file that has one, a run put an empty transcript in place of the whole one."""

    class SecondTrack(BeepAnalyzer):
        audio_track = 2

        def track(self, plan):
            return replace(super().track(plan), params={"audio_track": 2})

    index(library, clip, stream_analyzers=[BeepAnalyzer()])
    report = index(library, clip, stream_analyzers=[SecondTrack()], reindex=True)
    assert (report.failures, report.warnings) == ((), (f"{clip}: has no sound track 2; it has 1",))
    assert heard(library) == [("beeps", "active", spans(*TIMES))]
    assert library.verify() == []


def test_another_sampling_plan_hears_nothing_again(library, clip):
    index(library, clip, stream_analyzers=[BeepAnalyzer()])
    again = BeepAnalyzer()
    index(library, clip, plan=SamplingPlan(fps=2), reindex=True, stream_analyzers=[again])
    assert (len(library.frames(1)), again.heard) == (16, [])
    assert heard(library) == [("beeps", "active", spans(*TIMES))]


def test_a_part_of_a_video_is_heard_in_part(library, clip):
    plan = SamplingPlan(fps=1, start_seconds=2.0, end_seconds=6.0)
    index(library, clip, plan=plan, stream_analyzers=[BeepAnalyzer()])
    assert heard(library) == [("beeps", "active", spans(3.0, 5.5))]


def test_tracks_are_added_to_videos_that_are_there(library, clip):
    index(library, clip)
    report = add_tracks(library, library.videos(), stream_analyzers=[BeepAnalyzer()])
    assert (report.num_indexed, report.failures) == (1, ())
    assert heard(library) == [("beeps", "active", spans(*TIMES))]


def test_a_file_that_changes_while_it_is_heard_leaves_nothing_of_either(library, clip):
    index(library, clip)

    def replace(start: float) -> None:
        if start == 4.0:
            colour_clip(clip, ["green"])

    report = index(library, clip, stream_analyzers=[BeepAnalyzer(on_window=replace)])
    assert [failure.reason.split(".")[0] for failure in report.failures] == [
        "changed while it was being read"
    ]
    assert heard(library) == [("beeps", "active until 0", [])]
    assert [problem.kind for problem in library.verify()] == ["file-changed"]


def test_an_isolated_file_is_heard_in_its_own_process(library, clip):
    report = index(library, clip, stream_analyzers=[BeepAnalyzer()], isolate=True)
    assert report.failures == ()
    assert heard(library) == [("beeps", "active", spans(*TIMES))]


def test_segments_end_where_they_were_heard_to_end(library, clip):
    """A caption lasts until the next one; a sentence that ends with its chunk does not."""

    class ToTheEnd(BeepAnalyzer):
        def analyze(self, sound, before=()):
            for findings in super().analyze(sound):
                end = findings.until_seconds
                yield AudioFindings(end, (SegmentRecord(end - 1.0, end, "words"),))

    index(library, clip, stream_analyzers=[ToTheEnd()])
    assert [end for _, _, found in heard(library) for _, end in found] == [2.0, 4.0, 6.0, 8.0, 10.0]


def test_progress_counts_the_slower_of_pictures_and_sound(library, clip):
    are_done = threading.Event()
    states = []

    def look(state):
        states.append((state.files_done, round(state.seconds_done)))
        if state.num_frames == 8:
            are_done.set()

    def wait(start: float) -> None:
        assert are_done.wait(20)

    analyzer = BeepAnalyzer(on_window=wait)
    index(library, clip, stream_analyzers=[analyzer], on_progress=look)
    assert states[0] == (0, 0)
    assert states[-1] == (1, 9)
    assert states == sorted(states)


def test_runs_killed_at_random_instants_end_as_if_they_had_not_been(clip, tmp_path):
    chance = random.Random(3)
    with_sound(clip.parent / "b.mkv", beeps(*np.arange(0.5, 40, 2), seconds=40), codec="flac")
    listening.index(tmp_path / "whole", clip.parent, tmp_path / "whole.log")
    with Store.open(tmp_path / "whole") as library:
        whole = [heard(library, video.id) for video in library.videos()]
    num_kills = 0
    while True:
        log = tmp_path / f"{num_kills}.log"
        before = _heard_until(tmp_path / "killed")
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.ingest.listening", tmp_path / "killed", clip.parent, log],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        process.stdout.readline()
        if num_kills < 3:
            time.sleep(chance.uniform(0.05, 0.5))
            process.kill()
        output, _ = process.communicate()
        if log.exists() and before:
            starts = sorted(float(line) for line in log.read_text().splitlines())
            assert not starts or starts[0] >= min(before), "what was kept was heard again"
        if (tmp_path / "killed" / "catalog.sqlite3").exists():
            assert integrity(tmp_path / "killed") == "ok"
        if process.returncode == 0:
            assert output == "()\n"
            break
        num_kills += 1
    with Store.open(tmp_path / "killed") as library:
        assert sorted(heard(library, video.id) for video in library.videos()) == sorted(whole)


def _heard_until(folder: Path) -> list[float]:
    if not (folder / "catalog.sqlite3").exists():
        return []
    with Store.open(folder) as library:
        return [
            track.done_until_seconds
            for video in library.videos()
            for track in library.tracks(video.id)
            if track.kind == "transcript" and not track.is_complete
        ]


def test_indexing_without_it_imports_none_of_it(tmp_path):
    clip = colour_clip(tmp_path / "a.mp4", ["red"])
    code = """
import sys
from pathlib import Path
from tests.fakes import ColourEmbedder
from vidsearch.ingest import ingest
from vidsearch.store.store import Store
with Store.open(sys.argv[1], create=True) as library:
    print(ingest(library, [Path(sys.argv[2])], embedders=[ColourEmbedder()]).num_indexed)
print({"vidsearch.media.audio", "vidsearch.ingest.listeners"} & set(sys.modules))
"""
    command = [sys.executable, "-c", code, tmp_path / "library", clip]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "1\nset()\n"
