from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import ColourCaptioner, ColourEmbedder
from tests.ingest.clips import colour_clip
from tests.ingest.states import integrity, state_of, threads_at_work
from vidsearch.errors import DamagedVideo, LibraryNotWritable, ModelOutOfMemory, ModelUnavailable, QueryError
from vidsearch.ingest import IngestReport, LookPolicy, PipelineOptions, ProgressState, ingest
from vidsearch.ingest import pictures as pictures_module
from vidsearch.media.decode import frames
from vidsearch.store.fingerprint import fingerprint
from vidsearch.store.records import Lease
from vidsearch.store.store import Store
from vidsearch.types import Frame, SamplingPlan, Shot

TWICE_A_SECOND = SamplingPlan(fps=2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three clips of a few seconds: red then blue, green, and yellow with a cyan end."""
    folder = tmp_path / "videos"
    folder.mkdir()
    colour_clip(folder / "a.mp4", ["red", "red", "blue"])
    colour_clip(folder / "b.mp4", ["green", "green"])
    colour_clip(folder / "c.mp4", ["yellow", "yellow", "yellow", "cyan"])
    return folder


class Models:
    """The colour fakes, and what a run with them gives."""

    def __init__(self) -> None:
        self.embedder = ColourEmbedder()
        self.captioner = ColourCaptioner()

    def index(self, library: Store, *paths: Path, **options: Any) -> IngestReport:
        options = {"plan": TWICE_A_SECOND, "options": PipelineOptions(chunk_frames=2), **options}
        return ingest(library, paths, embedders=[self.embedder], captioner=self.captioner, **options)

    @property
    def num_images(self) -> int:
        return self.embedder.num_images


@pytest.fixture
def models() -> Models:
    return Models()


def captions(library: Store, name: str) -> list[tuple[float, str | None, bool]]:
    frames = library.frames(library.video(name).id)
    return [
        (frame.time_seconds, None, False)
        if frame.caption is None
        else (frame.time_seconds, frame.caption.text, frame.caption.carried_over)
        for frame in frames
    ]


def test_a_folder_is_indexed_with_true_times_and_captions_carried_over(library, folder, models):
    report = models.index(library, folder)
    assert (report.num_indexed, report.failures, report.interrupted) == (3, (), False)
    assert report.counts.num_frames == 18
    assert report.counts.num_captions_written == 5
    assert report.counts.num_captions_carried_over == 13
    assert report.video_seconds == pytest.approx(9.0)
    assert captions(library, "a.mp4") == [
        (0.0, "a red picture", False),
        (0.5, "a red picture", True),
        (1.0, "a red picture", True),
        (1.5, "a red picture", True),
        (2.0, "a blue picture", False),
        (2.5, "a blue picture", True),
    ]
    assert all(video.is_complete for video in library.videos())
    assert integrity(library.path) == "ok"


def test_a_second_run_runs_no_model(library, folder, models):
    models.index(library, folder)
    before = models.num_images
    report = models.index(library, folder)
    assert (report.num_indexed, report.num_skipped, models.num_images) == (0, 3, before)


def test_batches_are_filled_across_videos(library, tmp_path, models):
    folder = tmp_path / "clips"
    folder.mkdir()
    for number in range(12):
        colour_clip(
            folder / f"{number:02}.mp4", ["red", "green", "blue", "white"][: 1 + number % 4], start=number
        )
    models.index(library, folder, options=PipelineOptions(batch_size=10, num_decode_threads=1))
    assert models.num_images == 60
    # One call a clip would be 12 calls.
    assert models.embedder.num_image_calls == 6


@pytest.mark.parametrize(
    ("policy", "written"),
    [
        (LookPolicy(rule="frame"), 8),
        (LookPolicy(rule="every", every=3), 3),
        (LookPolicy(rule="novel"), 2),
        (LookPolicy(rule="novel", min_distance=2.5), 1),
    ],
)
def test_caption_policies(library, folder, models, policy, written):
    report = models.index(library, folder / "c.mp4", caption_policy=policy)
    assert report.counts.num_captions_written == written
    assert models.captioner.num_images == written
    assert report.counts.num_captions_carried_over == 8 - written


def test_captions_per_shot(library, tmp_path, models):
    clip = colour_clip(tmp_path / "cuts.mp4", ["red", "blue", "red"], frame_rate=10, is_moving=False)
    plan = SamplingPlan(sampling="shots")
    report = models.index(library, clip, plan=plan, caption_policy=LookPolicy(rule="shot"))
    (video,) = library.videos()
    assert library.shots(video.id) == [Shot(0.0, 1.0), Shot(1.0, 2.0), Shot(2.0, 3.0)]
    assert [text for _, text, _ in captions(library, "cuts.mp4")] == [
        "a red picture",
        "a blue picture",
        "a red picture",
    ]
    assert report.counts.num_captions_written == 3
    with pytest.raises(QueryError, match="--sampling shots"):
        models.index(library, clip, caption_policy=LookPolicy(rule="shot"))


def test_still_pictures_are_looked_at_once_a_stretch(library, tmp_path, models):
    clip = colour_clip(tmp_path / "still.mp4", ["red"] * 6, is_moving=False)
    report = models.index(library, clip, options=PipelineOptions(chunk_frames=4))
    assert report.counts.num_near_duplicates == 9
    assert models.num_images == 3
    assert report.counts.num_captions_written == 1


# --- known files -------------------------------------------------------------------------------------


def test_moved_copied_renamed_and_touched_files_need_no_model(library, folder, models):
    models.index(library, folder)
    before, state = models.num_images, state_of(library)
    (folder / "a.mp4").rename(folder / "renamed.mp4")
    shutil.copy(folder / "b.mp4", folder / "copy.mp4")
    (folder / "sub").mkdir()
    (folder / "c.mp4").rename(folder / "sub" / "c.mp4")
    os.utime(folder / "b.mp4", (1, 1))
    report = models.index(library, folder)
    assert (report.num_indexed, report.num_skipped, models.num_images) == (0, 4, before)
    assert len(library.videos()) == 3
    assert library.video("renamed.mp4").path == folder / "renamed.mp4"
    assert {path.name for path in library.video("copy.mp4").paths} == {"b.mp4", "copy.mp4"}
    assert state_of(library)["renamed.mp4"] == state["a.mp4"]


def test_new_content_under_an_old_name_and_time_is_indexed(library, folder, models):
    # librephotos#2040: a replaced file that keeps its modification time must not pass for the old one.
    models.index(library, folder)
    stat = (folder / "a.mp4").stat()
    colour_clip(folder / "a.mp4", ["magenta"])
    os.utime(folder / "a.mp4", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    report = models.index(library, folder)
    assert (report.num_indexed, report.num_skipped, report.num_replaced) == (1, 2, 1)
    assert captions(library, "a.mp4")[0] == (0.0, "a magenta picture", False)


def test_names_that_were_passed_on_need_a_model_for_new_content_alone(library, folder, models):
    # a.mp4 made way for something new, and lives on under a name that is looked at later.
    models.index(library, folder)
    before, state = models.num_images, state_of(library)
    (folder / "a.mp4").rename(folder / "z.mp4")
    colour_clip(folder / "a.mp4", ["magenta"])
    report = models.index(library, folder)
    assert (report.num_indexed, report.num_skipped, report.num_replaced) == (1, 3, 0)
    assert models.num_images == before + 2
    assert state_of(library)["z.mp4"] == state["a.mp4"]


def test_two_files_of_one_content_are_indexed_once(library, folder, models):
    (folder / "b.mp4").unlink()
    (folder / "c.mp4").unlink()
    for number in range(3):
        shutil.copy(folder / "a.mp4", folder / f"copy {number}.mp4")
    report = models.index(library, folder)
    assert (report.num_indexed, report.num_skipped, models.num_images) == (1, 3, 6)
    (video,) = library.videos()
    assert len(video.paths) == 4


def test_another_plan_does_not_touch_what_is_there_unless_asked(library, folder, models):
    models.index(library, folder)
    other = SamplingPlan(fps=1)
    report = models.index(library, folder, plan=other)
    assert (report.num_indexed, report.num_skipped, report.num_skipped_as_other) == (0, 3, 3)
    report = models.index(library, folder, plan=other, reindex=True)
    assert (report.num_indexed, report.num_skipped) == (3, 0)
    assert [time for time, *_ in captions(library, "a.mp4")] == [0.0, 1.0, 2.0]


# --- failures ----------------------------------------------------------------------------------------


def test_a_bad_file_is_reported_recorded_and_passed_over_until_it_changes(library, folder, models):
    (folder / "a.mp4").write_text("not a video")
    report = models.index(library, folder)
    assert report.num_indexed == 2
    (failure,) = report.failures
    assert (failure.path, failure.error, failure.known_before) == (folder / "a.mp4", "NotAVideo", False)
    (known,) = library.failures()
    assert (known.path, known.reason) == (folder / "a.mp4", failure.reason)

    (again,) = models.index(library, folder).failures
    assert (again.reason, again.known_before) == (failure.reason, True)
    (retried,) = models.index(library, folder, retry_failed=True).failures
    assert not retried.known_before

    colour_clip(folder / "a.mp4", ["red"])
    assert models.index(library, folder).num_indexed == 1
    assert library.failures() == []


def test_what_decodes_of_a_damaged_video_is_kept(library, tmp_path, models):
    clip = colour_clip(tmp_path / "whole.mkv", ["red", "blue", "green", "white"] * 8)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(clip.read_bytes()[: clip.stat().st_size * 3 // 4])
    report = models.index(library, cut)
    (failure,) = report.failures
    assert failure.error == "DamagedVideo"
    assert 16 < failure.seconds_kept < 28
    assert report.num_indexed == 1
    assert captions(library, "cut.mkv")[:2] == [(0.0, "a red picture", False), (0.5, "a red picture", True)]
    assert library.failures()[0].path == cut
    # Known now: no later run decodes it again.
    before = models.num_images
    assert models.index(library, cut).failures[0].known_before
    assert models.num_images == before


def test_a_path_that_is_not_there_is_reported(library, tmp_path, models):
    report = models.index(library, tmp_path / "nowhere.mp4")
    assert [failure.path for failure in report.failures] == [tmp_path / "nowhere.mp4"]
    assert library.failures() == []


class FailsOnColour(ColourEmbedder):
    """Cannot embed pictures of one colour."""

    def __init__(self, index: int, error: Exception) -> None:
        super().__init__()
        self._index = index
        self._error = error

    def embed_images(self, images):
        rows = super().embed_images(images)
        if any(row.argmax() == self._index and row.max() > 0.9 for row in rows):
            raise self._error
        return rows


@pytest.mark.parametrize(
    ("error", "is_remembered"),
    [(ModelOutOfMemory("one image does not fit"), True), (RuntimeError("a kernel failed"), False)],
)
def test_a_model_that_fails_on_one_video_fails_that_one_alone(library, folder, models, error, is_remembered):
    models.embedder = FailsOnColour(1, error)  # green: b.mp4
    report = models.index(library, folder)
    assert report.num_indexed == 2
    (failure,) = report.failures
    assert failure.path == folder / "b.mp4"
    assert str(error) in failure.reason
    assert len(library.failures()) == is_remembered
    assert {video.path.name for video in library.videos()} == {"a.mp4", "c.mp4"}


def test_a_captioner_that_fails_on_one_video_fails_that_one_alone(library, folder, models):
    class NoBlue(ColourCaptioner):
        def captions(self, images):
            made = super().captions(images)
            if any("blue" in caption.text for caption in made):
                raise ModelOutOfMemory("one image does not fit")
            return made

    models.captioner = NoBlue()
    report = models.index(library, folder)
    assert [failure.path.name for failure in report.failures] == ["a.mp4"]
    assert report.num_indexed == 2


def test_a_missing_model_ends_the_run(library, folder, models):
    models.embedder = FailsOnColour(1, ModelUnavailable("no weights"))
    with pytest.raises(ModelUnavailable, match="no weights"):
        models.index(library, folder)
    assert threads_at_work() == []


def test_a_file_that_changes_while_it_is_read_is_reported_and_not_kept(library, folder, models):
    class Replaces(ColourEmbedder):
        def embed_images(self, images):
            colour_clip(folder / "a.mp4", ["white", "magenta"])
            return super().embed_images(images)

    models.embedder = Replaces()
    report = models.index(library, folder / "a.mp4")
    (failure,) = report.failures
    assert "changed while it was being read" in failure.reason
    assert library.videos() == []
    assert library.failures() == []  # it may be tried again at once
    models.embedder = ColourEmbedder()
    assert models.index(library, folder / "a.mp4").num_indexed == 1


def test_a_file_that_goes_away_is_taken_up_again_when_it_is_back(library, folder, models, monkeypatch):
    # A network folder that is unmounted looks like a damaged file: it must not be remembered as one.
    clip, away = folder / "c.mp4", folder.parent / "away.mp4"

    def goes_away(path: Path, *arguments: Any, **options: Any) -> Iterator[Frame]:
        for frame in frames(path, *arguments, **options):
            if frame.sample_time_seconds >= 3 and path.exists():
                path.rename(away)
                raise DamagedVideo(f"{path}: breaks off at 0:03.0")
            yield frame

    monkeypatch.setattr(pictures_module, "frames", goes_away)
    (failure,) = models.index(library, clip).failures
    assert "went away while it was being read" in failure.reason
    assert failure.seconds_kept >= 2.0
    assert library.failures() == []
    away.rename(clip)
    monkeypatch.undo()
    report = models.index(library, clip)
    assert (report.num_indexed, report.num_resumed) == (1, 1)
    assert len(captions(library, "c.mp4")) == 8


def test_a_video_removed_meanwhile_is_reported(library, folder, models):
    class Removes(ColourEmbedder):
        def embed_images(self, images):
            library.remove(library.video("a.mp4").id)
            return super().embed_images(images)

    models.embedder = Removes()
    (failure,) = models.index(library, folder / "a.mp4").failures
    assert "was removed from the library" in failure.reason


def test_a_library_that_cannot_be_written_is_a_clean_error(library, folder, models):
    library.close()
    with Store.open(library.path, read_only=True) as read_only, pytest.raises(LibraryNotWritable):
        models.index(read_only, folder)
    assert models.num_images == 0
    assert threads_at_work() == []


def test_a_file_in_work_elsewhere_is_left_there(library, folder, models):
    content = fingerprint(folder / "b.mp4").content_hash
    with Store.open(library.path) as other:
        lease = other.take_lease(content)
        assert lease is not None
        report = models.index(library, folder)
        other.give_back(lease)
    assert (report.num_indexed, report.num_left_to_others) == (2, 1)
    assert models.index(library, folder).num_indexed == 1


def test_a_run_that_comes_back_late_changes_nothing(library, folder, models):
    """As a machine that slept: by the time it goes on, another run has the video."""

    class Overtaken(ColourEmbedder):
        def embed_images(self, images):
            with library._catalog.write() as connection:
                connection.execute("UPDATE leases SET expires_unix_seconds = 0")
            overtaken.append(library.take_lease(content))
            return super().embed_images(images)

    content = fingerprint(folder / "b.mp4").content_hash
    overtaken: list[Lease | None] = []
    models.embedder = Overtaken()
    report = models.index(library, folder / "b.mp4")
    assert overtaken[0] is not None
    assert (report.num_indexed, report.num_left_to_others, report.failures) == (0, 1, ())
    (video,) = library.videos()
    assert (video.is_complete, video.num_frames) == (False, 0)


# --- stopping and going on ---------------------------------------------------------------------------


class StopsAfter(ColourEmbedder):
    """Does something after so many calls."""

    def __init__(self, num_calls: int, action) -> None:
        super().__init__()
        self._num_calls = num_calls
        self._action = action

    def embed_images(self, images):
        rows = super().embed_images(images)
        if self.num_image_calls == self._num_calls:
            self._action()
        return rows


def interrupt() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("num_calls", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("how", ["interrupt", "stop"])
def test_a_stopped_run_goes_on_and_ends_as_if_it_had_not_been(tmp_path, folder, models, num_calls, how):
    small = PipelineOptions(batch_size=2, chunk_frames=2, num_decode_threads=1)
    with Store.open(tmp_path / "whole", create=True) as library:
        models.index(library, folder, options=small)
        whole = state_of(library)
    first, second = Models(), Models()
    stop = threading.Event()
    first.embedder = StopsAfter(num_calls, interrupt if how == "interrupt" else stop.set)
    with Store.open(tmp_path / "stopped", create=True) as library:
        report = first.index(library, folder, options=small, stop=stop)
        assert report.interrupted
        committed = sum(video.num_frames for video in library.videos())
        assert committed == report.counts.num_frames
        report = second.index(library, folder, options=small)
        assert not report.interrupted
        assert state_of(library) == whole
        # No model looked again at a frame that was committed.
        assert second.num_images == 18 - committed
        assert report.counts.num_frames == 18 - committed
    assert threads_at_work() == []


def test_progress_counts_up_to_the_whole(library, folder, models):
    seen: list[ProgressState] = []
    models.index(library, folder, on_progress=seen.append)
    last = seen[-1]
    assert (last.files_done, last.files_total, last.num_frames) == (3, 3, 18)
    assert last.seconds_done == pytest.approx(9.0)
    assert last.seconds_total == pytest.approx(9.0)
    assert last.eta_seconds == 0.0
    for field in ("files_done", "num_frames"):
        values = [getattr(progress, field) for progress in seen]
        assert values == sorted(values)
