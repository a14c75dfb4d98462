"""A library keeps what it is given, and gives it back as it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from tests.store.examples import (
    NOON,
    OTHER_SPACE,
    PLAN,
    SPACE,
    Frame,
    append,
    axis,
    begin,
    caption,
    finish,
    four_frames,
    info,
    put,
    record,
    specs,
    unit,
    write_file,
)
from vidsearch.errors import LibraryNotFound, NotAVideo, TrackNotFound, VideoNotFound
from vidsearch.store import segment_ids
from vidsearch.store.fingerprint import fingerprint
from vidsearch.store.records import HIGHLIGHT_END, HIGHLIGHT_START, SubtitleTrack
from vidsearch.store.sqlite.catalog import SqliteCatalog
from vidsearch.store.store import Store
from vidsearch.tracks import (
    FILE,
    Chunk,
    Segment,
    SegmentMatch,
    SegmentRecord,
    Track,
    TrackKind,
    TrackSpec,
    WordKind,
)
from vidsearch.types import FrameFilter, IndexedFrame, LibraryModels, SamplingPlan, Shot, TimedText, Video

CAPTIONS = (WordKind("caption"), WordKind("caption", is_human=True))
SUBTITLES = (WordKind("subtitle"),)
TWICE_A_SECOND = SamplingPlan(fps=2.0)


def test_a_library_is_there_only_after_it_is_made(tmp_path: Path):
    with pytest.raises(LibraryNotFound, match="There is no library in"):
        Store.open(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_what_goes_in_comes_out(library: Store, place: str, tmp_path: Path):
    path = write_file(tmp_path / "a.mp4", "a")
    about = info(duration_seconds=5.0, created_at=NOON)
    opened = library.begin_video(path, fingerprint(path), about, specs(shots=True), [SPACE, OTHER_SPACE])
    first, second = unit([1, 2, 3, 4]), unit([4, 3, 2, 1])
    frames = (
        Frame(0.5, {SPACE: first, OTHER_SPACE: axis(1, 3)}, "a red car", thumbnail_jpeg=b"first"),
        Frame(1.5, {SPACE: second}, "a red car", thumbnail_jpeg=b"second"),
        Frame(2.5, {}, is_blank=True, thumbnail_jpeg=b"black"),
    )
    append(library, opened, frames, until_seconds=3.0, shots=(Shot(0.0, 2.0), Shot(2.0, 5.0)))
    done = finish(library, opened, duration_seconds=5.5)
    library.close()

    with Store.open(place) as again:
        (kept,) = again.videos()
        assert kept == done
        assert kept.paths == (path,)
        assert kept.content_hash == fingerprint(path).content_hash
        assert kept.info == replace(info(duration_seconds=5.5, created_at=NOON), size_bytes=1)
        assert (kept.plan, kept.is_complete, kept.indexed_until_seconds, kept.num_frames) == (
            PLAN,
            True,
            5.5,
            3,
        )
        carried = replace(caption("a red car"), carried_over=True)
        assert again.frames(kept.id) == [
            IndexedFrame(1, kept.id, 0.5, 1.5, caption("a red car")),
            IndexedFrame(2, kept.id, 1.5, 2.5, carried),
            IndexedFrame(3, kept.id, 2.5, 5.5, None, is_blank=True),
        ]
        assert [again.thumbnail(frame_id) for frame_id in (1, 2, 3)] == [b"first", b"second", b"black"]
        assert again.shots(kept.id) == [Shot(0.0, 2.0), Shot(2.0, 5.0)]
        assert again.spaces() == (SPACE, OTHER_SPACE)
        ids, rows = again.vectors(SPACE, [3, 2, 1, 99])
        assert ids.tolist() == [2, 1]
        assert np.array_equal(rows, [second, first])
        ids, rows = again.vectors(OTHER_SPACE, [1, 2])
        assert (ids.tolist(), rows.tolist()) == ([1], [[0.0, 1.0, 0.0]])


def test_frames_by_id_come_in_the_order_asked_for(library: Store, tmp_path: Path):
    four_frames(library, tmp_path / "a.mp4")
    assert [frame.id for frame in library.frames_by_id([3, 99, 1, 3])] == [3, 1, 3]
    assert library.frames_by_id([]) == []


def test_the_last_frame_of_unfinished_work_ends_where_the_work_does(library: Store, tmp_path: Path):
    opened = begin(library, write_file(tmp_path / "a.mp4", "a"), duration_seconds=100.0)
    append(library, opened, [record(0.0, axis(0)), record(1.0, axis(1))], until_seconds=2.0)
    assert [frame.end_seconds for frame in library.frames(opened.video.id)] == [1.0, 2.0]


def test_the_last_frame_ends_with_the_part_that_was_asked_for(library: Store, tmp_path: Path):
    opened = begin(library, write_file(tmp_path / "a.mp4", "a"), plan=SamplingPlan(end_seconds=2.5))
    append(library, opened, [record(0.0, axis(0)), record(2.0, axis(1))], until_seconds=2.5)
    finish(library, opened)
    assert library.frames(opened.video.id)[-1].end_seconds == 2.5


def test_a_second_run_goes_on_where_the_first_one_stopped(library: Store, tmp_path: Path):
    path = write_file(tmp_path / "a.mp4", "a")
    opened = begin(library, path)
    append(library, opened, [record(0.0, axis(0))], until_seconds=1.0)
    assert library.lookup(path).state == "partial"
    again = begin(library, path)
    assert (again.video.id, again.video.indexed_until_seconds, again.video.num_frames) == (
        opened.video.id,
        1.0,
        1,
    )
    assert [(track.id, track.done_until_seconds, track.is_complete) for track in again.tracks] == [
        (track.id, 1.0, False) for track in opened.tracks
    ]
    assert again.space_until_seconds == {SPACE: 1.0}


def test_a_frame_that_is_there_is_not_added_twice(library: Store, tmp_path: Path):
    opened = begin(library, write_file(tmp_path / "a.mp4", "a"))
    append(library, opened, [record(0.0, axis(0), "first")], until_seconds=1.0)
    append(library, opened, [record(0.0, axis(1), "second"), record(1.0, axis(2))], until_seconds=2.0)
    assert [
        (frame.time_seconds, frame.end_seconds, frame.caption and frame.caption.text)
        for frame in library.frames(opened.video.id)
    ] == [(0.0, 1.0, "first"), (1.0, 2.0, None)]
    assert np.array_equal(library.vectors(SPACE, [1, 2])[1], [axis(0), axis(2)])
    (segment,) = library.segments(opened.tracks[1].id)
    assert (segment.start_seconds, segment.end_seconds, segment.text) == (0.0, 1.0, "first")


def test_a_chunk_that_is_in_already_changes_nothing(library: Store, tmp_path: Path):
    """A run that was killed after a chunk was kept makes it once more."""
    opened = begin(library, write_file(tmp_path / "a.mp4", "a"))
    frames, shot = opened.tracks[0].id, TrackSpec("ocr", "reader")
    lines = library.begin_video(tmp_path / "a.mp4", fingerprint(tmp_path / "a.mp4"), info(), [shot])
    chunks = [
        Chunk(
            float(start + 2),
            {
                frames: tuple(
                    SegmentRecord(t, t + 1, vectors={SPACE: axis(start)}, thumbnail_jpeg=b"jpeg")
                    for t in (float(start), start + 1.0)
                ),
                opened.tracks[1].id: (
                    SegmentRecord(float(start), start + 2.0, "a dog", continues=start > 0),
                ),
                # Two lines on the screen at once.
                lines.tracks[0].id: (
                    SegmentRecord(float(start), start + 2.0, f"line {start}"),
                    SegmentRecord(float(start), start + 2.0, "EXIT"),
                ),
            },
            (SPACE,),
        )
        for start in (0, 2)
    ]
    for chunk in chunks:
        library.append(opened.video.id, chunk)
    tracks = library.tracks(opened.video.id)
    before = [library.segments(track.id) for track in tracks]
    for chunk in (chunks[1], chunks[0], chunks[1]):
        library.append(opened.video.id, chunk)
    assert library.tracks(opened.video.id) == tracks
    assert [library.segments(track.id) for track in tracks] == before
    assert [
        [(segment.start_seconds, segment.end_seconds, segment.text) for segment in segments]
        for segments in before
    ] == [
        [(0.0, 1.0, None), (1.0, 2.0, None), (2.0, 3.0, None), (3.0, 4.0, None)],
        [(0.0, 4.0, "a dog")],
        [(0.0, 2.0, "line 0"), (0.0, 2.0, "EXIT"), (2.0, 4.0, "line 2"), (2.0, 4.0, "EXIT")],
    ]
    assert [(track.num_segments, track.done_until_seconds) for track in tracks] == [
        (4, 4.0),
        (1, 4.0),
        (4, 4.0),
    ]
    assert library.nearest(SPACE, axis(2), 4)[0].tolist() == [[3, 4, 1, 2]]


def test_a_chunk_that_is_in_in_part_is_completed(library: Store, tmp_path: Path):
    opened = begin(library, write_file(tmp_path / "a.mp4", "a"))
    append(library, opened, [record(float(i), axis(i)) for i in range(3)], until_seconds=3.0)
    append(library, opened, [record(at, axis(3)) for at in (1.0, 2.0, 3.5)], until_seconds=5.0)
    spans = [(frame.time_seconds, frame.end_seconds) for frame in library.frames(opened.video.id)]
    assert spans == [(0.0, 1.0), (1.0, 2.0), (2.0, 3.5), (3.5, 5.0)]


# --- another plan, other models -----------------------------------------------------------------------


def texts_of(library: Store, video: Video) -> list[tuple[float, str | None]]:
    """When each of a video's frames is, and what is shown of it."""
    return [
        (frame.time_seconds, frame.caption.text if frame.caption else None)
        for frame in library.frames(video.id)
    ]


def resample(library: Store, path: Path, *, until_seconds: float = 4.0) -> None:
    """Index a file with two frames a second and another captioner, without showing it."""
    opened = begin(library, path, plan=TWICE_A_SECOND, captioner="other")
    frames = [record(i / 2, axis(1), "a wolf") for i in range(int(2 * until_seconds))]
    append(library, opened, frames, until_seconds=until_seconds)


OLD_TEXTS = [(0.0, "a dog 0"), (1.0, "a dog 1"), (2.0, "a dog 2"), (3.0, "a dog 3")]
NEW_TEXTS = [(i / 2, "a wolf") for i in range(8)]


def test_another_plan_is_built_beside_the_one_that_is_shown(library: Store, tmp_path: Path):
    path = tmp_path / "a.mp4"
    video = four_frames(library, path)
    before = library.frames(video.id)
    opened = begin(library, path, plan=TWICE_A_SECOND, captioner="other")
    assert [
        (track.state, track.is_complete, track.num_segments, track.done_until_seconds)
        for track in opened.tracks
    ] == [("building", False, 0, 0.0)] * 2
    assert opened.space_until_seconds == {SPACE: 0.0}
    resample(library, path)

    assert library.video(video.id) == replace(video, indexed_at=library.video(video.id).indexed_at)
    assert library.lookup(path).state == "complete"
    assert library.frames(video.id) == before
    assert [frame.time_seconds for frame in library.track_frames(opened.tracks[0].id)] == [
        i / 2 for i in range(8)
    ]
    assert library.nearest(SPACE, axis(1), 5)[0].tolist() == [[2, 1, 3, 4, -1]]
    assert library.match("wolf", 9, kinds=CAPTIONS) == []
    assert [match.start_seconds for match in library.match("dog", 9, kinds=CAPTIONS)] == [0.0, 1.0, 2.0, 3.0]
    assert library.frame_ids(FrameFilter(after_seconds=0.0)) == pytest.approx([1, 2, 3, 4])
    assert library.frame_ids(FrameFilter(caption_words="wolf")) == pytest.approx([])
    assert library.verify() == []

    done = finish(library, begin(library, path, plan=TWICE_A_SECOND, captioner="other"))
    assert (done.id, done.plan, done.num_frames, done.is_complete) == (video.id, TWICE_A_SECOND, 8, True)
    assert texts_of(library, done) == NEW_TEXTS
    assert library.frames_by_id([1, 2, 3, 4]) == []
    assert library.nearest(SPACE, axis(1), 9)[0].tolist() == [[*range(5, 13), -1]]
    assert library.match("dog", 9, kinds=CAPTIONS) == []
    assert [
        (match.start_seconds, match.end_seconds) for match in library.match("wolf", 9, kinds=CAPTIONS)
    ] == [(0.0, 4.0)]
    assert [(track.kind, track.spec.producer, track.state) for track in library.tracks(video.id)] == [
        ("caption", "captioner", "superseded"),
        ("frames", "sampling", "active"),
        ("caption", "other", "active"),
    ]
    assert library.verify() == []


def test_another_plan_that_is_not_finished_is_continued(library: Store, tmp_path: Path):
    path = tmp_path / "a.mp4"
    video = four_frames(library, path)
    resample(library, path, until_seconds=2.0)
    assert texts_of(library, video) == OLD_TEXTS
    again = begin(library, path, plan=TWICE_A_SECOND, captioner="other")
    assert [(track.num_segments, track.done_until_seconds) for track in again.tracks] == [(4, 2.0), (1, 2.0)]
    append(library, again, [record(i / 2, axis(1), "a wolf") for i in range(4, 8)], until_seconds=4.0)
    assert texts_of(library, finish(library, again)) == NEW_TEXTS


def test_a_new_space_is_added_to_the_frames_that_are_there(library: Store, tmp_path: Path):
    path = tmp_path / "a.mp4"
    video = four_frames(library, path)
    both = [SPACE, OTHER_SPACE]
    opened = begin(library, path, spaces=both)
    assert (opened.video.num_frames, opened.video.is_complete) == (4, True)
    assert opened.space_until_seconds == {SPACE: np.inf, OTHER_SPACE: 0.0}
    assert library.lookup(path).spaces == (SPACE,), "it has not all of its vectors yet"
    frames = [Frame(float(i), {OTHER_SPACE: axis(i, 3)}) for i in range(4)]
    append(library, opened, frames[:2], until_seconds=2.0, spaces=[OTHER_SPACE])
    again = begin(library, path, spaces=both)
    assert again.space_until_seconds == {SPACE: np.inf, OTHER_SPACE: 2.0}
    append(library, again, frames[2:], until_seconds=4.0, spaces=[OTHER_SPACE])
    finish(library, again, spaces=[OTHER_SPACE])

    assert library.lookup(path).spaces == (SPACE, OTHER_SPACE)
    assert [frame.id for frame in library.frames(video.id)] == [1, 2, 3, 4]
    assert texts_of(library, video) == OLD_TEXTS
    assert library.nearest(SPACE, axis(3), 1)[0].tolist() == [[4]]
    assert library.nearest(OTHER_SPACE, axis(2, 3), 1)[0].tolist() == [[3]]
    assert library.verify() == []


def test_other_models_are_unseen_until_the_switch(library: Store, tmp_path: Path):
    path = tmp_path / "a.mp4"
    library.set_models(LibraryModels(("made-up",), "captioner"))
    video = four_frames(library, path)
    library.add_human_caption(video.id, 1.0, 2.0, "my dog Rex")
    library.refresh_vectors()
    library.prepare_upgrade([OTHER_SPACE])
    opened = begin(library, path, spaces=[OTHER_SPACE], captioner="other")
    assert [track.state for track in opened.tracks] == ["active", "building"]
    frames = [Frame(float(i), {OTHER_SPACE: axis(i, 3)}, f"a wolf {i}") for i in range(4)]
    append(library, opened, frames, until_seconds=4.0, spaces=[OTHER_SPACE])
    library.finish_video(
        video.id,
        [track.id for track in opened.tracks],
        frames_track_id=opened.tracks[0].id,
        spaces=[OTHER_SPACE],
        shows=False,
    )
    before = [(0.0, "a dog 0"), (1.0, "my dog Rex"), (2.0, "a dog 2"), (3.0, "a dog 3")]
    assert library.spaces() == library.info().spaces == (SPACE,)
    assert library.nearest(OTHER_SPACE, axis(2, 3), 1)[0].tolist() == [[-1]]
    assert library.matrix(OTHER_SPACE).vectors.shape == (0, 3)
    assert library.nearest(SPACE, axis(3), 1)[0].tolist() == [[4]]
    assert texts_of(library, video) == before
    assert library.match("wolf", 9, kinds=CAPTIONS) == []
    assert library.verify() == []

    models = LibraryModels(("another",), "other")
    library.switch_models(models, [OTHER_SPACE])
    after = [(0.0, "a wolf 0"), (1.0, "my dog Rex"), (2.0, "a wolf 2"), (3.0, "a wolf 3")]

    def is_switched() -> None:
        assert library.models == models
        assert library.spaces() == (OTHER_SPACE,)
        assert library.nearest(OTHER_SPACE, axis(2, 3), 1)[0].tolist() == [[3]]
        assert library.nearest(SPACE, axis(3), 1)[0].tolist() == [[-1]]
        assert texts_of(library, video) == after
        assert [m.text for m in library.match("dog wolf rex", 9, kinds=CAPTIONS)] == [
            "my dog Rex",
            "a wolf 0",
            "a wolf 2",
            "a wolf 3",
        ]
        assert library.verify() == []

    is_switched()
    assert library.vectors(SPACE, [1, 2, 3, 4])[0].tolist() == [1, 2, 3, 4], "kept until they are pruned"
    assert library.prune_superseded() > 0
    is_switched()
    assert library.vectors(SPACE, [1, 2, 3, 4])[0].tolist() == []
    assert [(track.kind, track.spec.producer, track.state) for track in library.tracks(video.id)] == [
        ("frames", "sampling", "active"),
        ("caption", "human", "active"),
        ("caption", "other", "active"),
    ]
    assert library.prune_superseded() == 0


@pytest.mark.parametrize(
    "bad",
    [
        np.ones(3, np.float32) / np.sqrt(3, dtype=np.float32),
        np.full(4, np.nan, np.float32),
        np.array([np.inf, 0, 0, 0], np.float32),
        np.zeros(4, np.float32),
        2 * axis(1),
        0.9 * axis(1),
    ],
    ids=["another size", "not a number", "infinite", "zero", "too long", "too short"],
)
def test_a_vector_that_does_not_fit_leaves_nothing_behind(library: Store, tmp_path: Path, bad: np.ndarray):
    """A chunk is one transaction: a bad frame must not let the good ones before it through."""
    opened = begin(library, write_file(tmp_path / "a.mp4", "a"))
    with pytest.raises(ValueError, match="is not 4 finite numbers of length one together"):
        append(library, opened, [record(0.0, axis(0)), record(1.0, bad)], until_seconds=2.0)
    assert library.frames(opened.video.id) == []
    assert library.video("#1").indexed_until_seconds == 0


def test_removing_a_video_leaves_nothing_of_it(library: Store, tmp_path: Path):
    video = four_frames(library, tmp_path / "a.mp4")
    other = four_frames(library, tmp_path / "b.mp4", word="cat")
    library.put_track(video.id, TrackSpec("subtitle", FILE), [SegmentRecord(0.0, 1.0, "hello")])
    library.add_human_caption(video.id, 0.0, 1.0, "my dog Rex")
    library.remove(video.id)
    assert library.videos() == [other]
    assert library.match("dog hello", 5, kinds=(*CAPTIONS, *SUBTITLES)) == []
    assert library.nearest(SPACE, axis(0), 8)[0].tolist() == [[5, 6, 7, 8, -1, -1, -1, -1]]
    assert library.verify() == []
    assert (tmp_path / "a.mp4").exists()
    with pytest.raises(VideoNotFound):
        library.remove(video.id)
    with pytest.raises(VideoNotFound):
        library.append(video.id, Chunk(0.0, {}))


def test_models_are_remembered(library: Store, place: str):
    assert library.models is None
    models = LibraryModels(embedders=("clip", "blip"), captioner=None)
    library.set_models(models)
    with Store.open(place, read_only=True) as again:
        assert again.models == models


def test_info_counts(library: Store, tmp_path: Path):
    four_frames(library, tmp_path / "a.mp4")
    begin(library, write_file(tmp_path / "b.mp4", "b"), duration_seconds=2.0)
    about = library.info()
    counts = (about.num_videos, about.num_complete, about.num_frames, about.num_captions, about.num_failures)
    assert counts == (2, 1, 4, 4, 0)
    assert about.duration_seconds == 6.0
    assert about.spaces == (SPACE,)
    assert about.size_bytes > 0


# --- naming a video -----------------------------------------------------------------------------------


def test_a_video_has_many_names(library: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    video = four_frames(library, tmp_path / "holiday" / "Beach day.mp4")
    four_frames(library, tmp_path / "holiday" / "hills.mp4")
    monkeypatch.chdir(tmp_path / "holiday")
    names = [str(tmp_path / "holiday" / "Beach day.mp4"), "Beach day.mp4", "./Beach day.mp4", "Beach day"]
    for name in [*names, "beach", "#1"]:
        assert library.video(name) == video, name
    assert library.video(1) == video


def test_an_id_never_means_part_of_a_path(library: Store, tmp_path: Path):
    """`video(7)` was answered with any video whose folder had a 7 in its name."""
    four_frames(library, tmp_path / "July 7" / "7.mp4")
    with pytest.raises(VideoNotFound, match="no video #7"):
        library.video(7)
    assert library.video("7").id == 1


def test_a_name_that_fits_none_brings_the_nearest(library: Store, tmp_path: Path):
    with pytest.raises(VideoNotFound, match="the library is empty"):
        library.video("x.mp4")
    four_frames(library, tmp_path / "beach.mp4")
    with pytest.raises(VideoNotFound, match=r"no video 'baech.mp4' .* Did you mean beach.mp4\?"):
        library.video("baech.mp4")


def test_a_name_of_a_file_that_failed_brings_the_reason(library: Store, tmp_path: Path):
    """The nearest names of other videos were given."""
    four_frames(library, tmp_path / "talk 2.mp4")
    library.record_failure(tmp_path / "talk.mp4", NotAVideo("is an unfinished recording"))
    for name in ("talk.mp4", "TALK.mp4", str(tmp_path / "talk.mp4")):
        with pytest.raises(VideoNotFound, match=r"talk\.mp4 could not be indexed: is an unfinished rec"):
            library.video(name)
    with pytest.raises(VideoNotFound, match="Did you mean"):
        library.video("talks.mp4")


def test_a_name_that_fits_several_brings_them(library: Store, tmp_path: Path):
    four_frames(library, tmp_path / "one" / "x.mp4")
    four_frames(library, tmp_path / "two" / "x.mp4", word="cat")
    with pytest.raises(VideoNotFound, match=r"fits 2 videos; .*\n  #1 .*one/x.mp4\n  #2 .*two/x.mp4"):
        library.video("x.mp4")


# --- filters ------------------------------------------------------------------------------------------


def test_videos_are_filtered_by_any_name(library: Store, tmp_path: Path):
    """Also by one that is not Unicode, which a catalog keeps as bytes."""
    four_frames(library, tmp_path / "caf\udce9.mp4")
    four_frames(library, tmp_path / "two.mp4", word="cat")

    ids = library.frame_ids(FrameFilter(video_glob="caf\udce9*"))
    assert ids is not None
    assert ids.tolist() == [1, 2, 3, 4]


def test_filters(library: Store, tmp_path: Path):
    one = four_frames(library, tmp_path / "Trips" / "one.MP4")
    path = write_file(tmp_path / "two.mp4", "two")
    put(library, path, [record(0.0, axis(0), "a running dog")], duration_seconds=60.0, created_at=NOON)

    def left(**fields: object) -> list[int] | None:
        ids = library.frame_ids(FrameFilter(**fields))  # type: ignore[arg-type]
        return None if ids is None else ids.tolist()

    assert left() is None
    assert left(video_glob="*.mp4") == [1, 2, 3, 4, 5]
    assert left(video_glob="ONE*") == [1, 2, 3, 4]
    assert left(video_glob=f"{tmp_path}/trips/*") == [1, 2, 3, 4]
    assert left(video_glob="nothing") == []
    assert left(video_ids=(one.id,), after_seconds=1.0, before_seconds=3.0) == [2, 3]
    assert left(min_duration_seconds=10.0) == [5]
    assert left(max_duration_seconds=4.0) == [1, 2, 3, 4]
    assert left(recorded_after=NOON, recorded_before=NOON + timedelta(seconds=1)) == [5]
    assert left(caption_words="dogs run") == [5]
    assert left(caption_words="!?") == []


# --- captions -----------------------------------------------------------------------------------------


def shown(library: Store, frame_id: int = 1) -> str | None:
    (frame,) = library.frames_by_id([frame_id])
    return None if frame.caption is None else frame.caption.text


def caption_anew(library: Store, path: Path, texts: list[str], *, captioner: str = "captioner") -> None:
    """Make a video's captions a second time: the earlier ones are kept as versions."""
    wanted = [TrackSpec("caption", captioner)]
    opened = library.begin_video(path, fingerprint(path), info(), wanted, again=True)
    (track,) = opened.tracks
    records = tuple(SegmentRecord(float(i), i + 1.0, text) for i, text in enumerate(texts))
    library.append(opened.video.id, Chunk(float(len(texts)), {track.id: records}))
    library.finish_video(opened.video.id, [track.id])


def versions(library: Store, frame_id: int = 1) -> list[tuple[str, bool]]:
    """What a frame's captions said, and which is shown; by text, as those of one second have no order."""
    return sorted((each.caption.text, each.is_active) for each in library.caption_versions(frame_id))


@pytest.mark.parametrize("captioner", ["captioner", "better"])
def test_a_new_caption_keeps_the_old_one_as_a_version(library: Store, tmp_path: Path, captioner: str):
    path = tmp_path / "a.mp4"
    four_frames(library, path)
    caption_anew(library, path, ["a wolf", "a fox", "a dog 2", "a dog 3"], captioner=captioner)
    assert [shown(library, frame_id) for frame_id in (1, 2, 3, 4)] == [
        "a wolf",
        "a fox",
        "a dog 2",
        "a dog 3",
    ]
    assert [
        (version.version, version.caption.text, version.caption.model, version.is_active)
        for version in library.caption_versions(1)
    ] == [(1, "a dog 0", "captioner", False), (2, "a wolf", captioner, True)]
    assert [match.start_seconds for match in library.match("wolf", 5, kinds=CAPTIONS)] == [0.0]
    assert [match.start_seconds for match in library.match("dog", 5, kinds=CAPTIONS)] == [2.0, 3.0]
    assert [track.state for track in library.tracks(1)] == ["active", "superseded", "active"]


def test_captions_made_a_second_time_are_unseen_until_they_are_whole(library: Store, tmp_path: Path):
    path = tmp_path / "a.mp4"
    four_frames(library, path)
    wanted = [TrackSpec("caption", "captioner")]
    opened = library.begin_video(path, fingerprint(path), info(), wanted, again=True)
    library.append(1, Chunk(1.0, {opened.tracks[0].id: (SegmentRecord(0.0, 1.0, "a wolf"),)}))
    assert versions(library) == [("a dog 0", True)]
    assert library.match("wolf", 5, kinds=CAPTIONS) == []
    again = library.begin_video(path, fingerprint(path), info(), wanted, again=True)
    assert [(track.id, track.done_until_seconds) for track in again.tracks] == [(opened.tracks[0].id, 1.0)]


def test_captioning_anew_never_overwrites_a_human(library: Store, tmp_path: Path):
    path = tmp_path / "a.mp4"
    video = four_frames(library, path)
    library.add_human_caption(video.id, 0.0, 1.0, "my dog Rex")
    caption_anew(library, path, ["a wolf"] * 4)
    assert (shown(library, 1), shown(library, 2)) == ("my dog Rex", "a wolf")
    (match,) = library.match("rex", 5, kinds=CAPTIONS)
    assert (match.start_seconds, match.end_seconds, match.is_human) == (0.0, 1.0, True)
    assert versions(library) == [("a dog 0", False), ("a wolf", False), ("my dog Rex", True)]
    library.put_track(video.id, TrackSpec("caption", "better"), [SegmentRecord(0.0, 4.0, "a bear")])
    assert (shown(library, 1), shown(library, 2)) == ("my dog Rex", "a bear")
    library.add_human_caption(video.id, 0.0, 1.0, "my dog Max")
    assert shown(library, 1) == "my dog Max"
    assert library.match("rex", 5, kinds=CAPTIONS) == []
    assert versions(library) == [("a bear", False), ("my dog Max", True), ("my dog Rex", False)]


def test_a_human_caption_outlives_sampling_anew(library: Store, tmp_path: Path):
    path = tmp_path / "a.mp4"
    video = four_frames(library, path)
    library.add_human_caption(video.id, 1.0, 2.0, "my dog Rex")
    corrected = [(0.0, "a dog 0"), (1.0, "my dog Rex"), (2.0, "a dog 2"), (3.0, "a dog 3")]

    # Unfinished, then taken back, then finished.
    resample(library, path, until_seconds=2.0)
    assert texts_of(library, video) == corrected
    opened = begin(library, path, plan=TWICE_A_SECOND, captioner="other")
    frames_track, caption_track = (track.id for track in opened.tracks)
    library.take_back(video.id, [frames_track, caption_track], frames_track_id=frames_track, spaces=[SPACE])
    assert texts_of(library, video) == corrected
    assert library.segments(frames_track) == library.segments(caption_track) == []
    assert library.nearest(SPACE, axis(0), 5)[0].tolist() == [[1, 2, 3, 4, -1]]
    resample(library, path)
    done = finish(library, begin(library, path, plan=TWICE_A_SECOND, captioner="other"))
    assert texts_of(library, done) == [
        (time, "my dog Rex" if 1.0 <= time < 2.0 else "a wolf") for time, _ in NEW_TEXTS
    ]
    (match,) = library.match("rex", 5, kinds=CAPTIONS)
    assert (match.video_id, match.start_seconds, match.end_seconds, match.text, match.is_human) == (
        video.id,
        1.0,
        2.0,
        "my dog Rex",
        True,
    )
    assert library.verify() == []


def test_taking_back_leaves_what_was_there_before(library: Store, tmp_path: Path):
    path = write_file(tmp_path / "a.mp4", "a")
    opened = begin(library, path)
    append(library, opened, [record(float(i), axis(i), f"a dog {i}") for i in range(4)], until_seconds=4.0)
    track_ids = [track.id for track in opened.tracks]
    library.take_back(1, track_ids, frames_track_id=track_ids[0], spaces=[SPACE], from_seconds=2.0)
    assert texts_of(library, opened.video) == OLD_TEXTS[:2]
    assert [(track.num_segments, track.done_until_seconds) for track in library.tracks(1)] == [(2, 2.0)] * 2
    assert begin(library, path).space_until_seconds == {SPACE: 2.0}
    assert library.nearest(SPACE, axis(3), 3)[0].tolist() == [[1, 2, -1]]
    assert library.match("3", 5, kinds=CAPTIONS) == []
    assert library.verify() == []
    library.take_back(1, track_ids, frames_track_id=track_ids[0], spaces=[SPACE])
    assert library.videos() == [], "nothing is left of it"


def test_taking_back_a_space_leaves_the_frames(library: Store, tmp_path: Path):
    path = tmp_path / "a.mp4"
    four_frames(library, path)
    opened = begin(library, path, spaces=[OTHER_SPACE])
    frames = [Frame(float(i), {OTHER_SPACE: axis(i, 3)}) for i in range(4)]
    append(library, opened, frames, until_seconds=4.0, spaces=[OTHER_SPACE])
    library.take_back(1, [], frames_track_id=opened.tracks[0].id, spaces=[OTHER_SPACE])
    assert library.vectors(OTHER_SPACE, [1, 2, 3, 4])[0].tolist() == []
    assert library.nearest(OTHER_SPACE, axis(0, 3), 1)[0].tolist() == [[-1]]
    assert texts_of(library, opened.video) == OLD_TEXTS
    assert library.nearest(SPACE, axis(3), 1)[0].tolist() == [[4]]


@pytest.mark.parametrize("kept", ["human", "file", None])
def test_a_replaced_video_stays_with_what_people_made(library: Store, tmp_path: Path, kept: str | None):
    path = tmp_path / "a.mp4"
    old = four_frames(library, path)
    if kept == "human":
        library.add_human_caption(old.id, 1.0, 2.0, "my dog Rex")
    if kept == "file":
        library.put_track(old.id, TrackSpec("subtitle", FILE), [SegmentRecord(1.0, 2.0, "my dog Rex")])
    resample(library, path)
    new = begin(library, write_file(path, "other content")).video
    assert [(problem.kind, problem.repaired) for problem in library.verify()] == [("replaced", None)]
    old = library.video(old.id)
    assert library.prune() == [old]
    assert library.nearest(SPACE, axis(0), 1)[0].tolist() == [[-1]]
    assert library.match("dog wolf", 9, kinds=(WordKind("caption"),)) == []
    if kept is None:
        assert library.videos() == [new]
        assert library.verify() == []
        return
    assert library.videos() == [
        replace(old, plan=SamplingPlan(), is_complete=False, indexed_until_seconds=0.0, num_frames=0),
        new,
    ]
    assert library.frames(old.id) == []
    assert [(track.spec.producer, track.num_segments) for track in library.tracks(old.id)] == [(kept, 1)]
    (match,) = library.match("rex", 9, kinds=(*CAPTIONS, *SUBTITLES))
    assert (match.video_id, match.text) == (old.id, "my dog Rex")
    assert library.prune() == [], "there is nothing more to remove"
    assert [(problem.kind, problem.repaired) for problem in library.verify(repair=True)] == [
        ("replaced", None)
    ]
    library.remove(old.id)
    assert library.verify() == []


def test_what_people_say_of_no_video_changes_nothing(library: Store, tmp_path: Path):
    four_frames(library, tmp_path / "a.mp4")
    with pytest.raises(VideoNotFound, match="no video #99"):
        library.add_human_caption(99, 0.0, 1.0, "a wolf")
    with pytest.raises(VideoNotFound, match="no video #99"):
        library.put_track(99, TrackSpec("caption", "better"), [SegmentRecord(0.0, 1.0, "a wolf")])
    assert library.match("wolf", 5, kinds=CAPTIONS) == []
    assert shown(library) == "a dog 0"


def test_caption_search_stems_ranks_and_highlights(library: Store, tmp_path: Path):
    path = write_file(tmp_path / "a.mp4", "a")
    texts = ["two dogs running on a beach", "a dog", "a boat on the sea", "sunflowers in the sun", "Café"]
    put(library, path, [record(float(i), axis(i), text) for i, text in enumerate(texts)])

    def found(words: str, k: int = 10, where: FrameFilter = FrameFilter()) -> list[tuple[int, str]]:
        matches = library.match(words, k, kinds=CAPTIONS, where=where)
        return [
            (
                int(match.start_seconds) + 1,
                match.highlighted.replace(HIGHLIGHT_START, "[").replace(HIGHLIGHT_END, "]"),
            )
            for match in matches
        ]

    assert found("run dog") == [(1, "two [dogs] [running] on a beach"), (2, "a [dog]")]
    assert found("the dog and the beach", 1) == [(1, "two [dogs] running on a [beach]")]
    assert found("dog", where=FrameFilter(after_seconds=1.0, before_seconds=3.0)) == [(2, "a [dog]")]
    assert found("sunf*") == [(4, "[sunflowers] in the sun")]
    assert found('"on the sea"') == [(3, "a boat [on the sea]")]
    assert found("cafe") == [(5, "[Café]")]
    assert found("the") == [(3, "a boat on [the] sea"), (4, "sunflowers in [the] sun")]
    assert found("dog", 0) == []
    assert found("") == []
    (match,) = library.match("boat", 1, kinds=CAPTIONS)
    assert match == SegmentMatch(
        segment_id=match.segment_id,
        track_id=2,
        video_id=1,
        kind="caption",
        is_human=False,
        start_seconds=2.0,
        end_seconds=3.0,
        text="a boat on the sea",
        score=match.score,
        highlighted=f"a {HIGHLIGHT_START}boat{HIGHLIGHT_END} on the sea",
    )
    assert match.score > 0
    ids, scores, _ = library.match_scores("boat", 1, kinds=CAPTIONS)
    assert (ids.tolist(), scores.tolist()) == ([match.segment_id], [match.score])


# --- tracks -------------------------------------------------------------------------------------------


def test_subtitles_are_kept_beside_captions(library: Store, tmp_path: Path):
    video = four_frames(library, tmp_path / "a.mp4")
    english = TrackSpec("subtitle", FILE, {"name": "english"}, language="en")
    library.put_track(video.id, english, [SegmentRecord(0.0, 1.0, "nothing")])
    cues = (TimedText(1.0, 2.0, "good morning"), TimedText(2.0, 3.0, "good dogs"))
    track = library.put_track(
        video.id, english, [SegmentRecord(cue.start_seconds, cue.end_seconds, cue.text) for cue in cues]
    )
    assert library.subtitles(video.id) == [SubtitleTrack(track.id, video.id, "english", cues)]
    (match,) = library.match("dog", 5, kinds=SUBTITLES)
    assert match == SegmentMatch(
        segment_id=match.segment_id,
        track_id=track.id,
        video_id=video.id,
        kind="subtitle",
        is_human=False,
        start_seconds=2.0,
        end_seconds=3.0,
        text="good dogs",
        score=match.score,
        highlighted=f"good {HIGHLIGHT_START}dogs{HIGHLIGHT_END}",
    )
    assert library.match("nothing", 5, kinds=SUBTITLES) == []
    assert library.remove_track(track.id) == track
    with pytest.raises(TrackNotFound, match=f"no track {track.id}"):
        library.remove_track(track.id)
    assert library.subtitles(video.id) == []
    assert library.match("dog", 5, kinds=SUBTITLES) == []
    assert texts_of(library, video) == OLD_TEXTS


def test_a_track_comes_back_as_it_was_put(library: Store, tmp_path: Path):
    video = four_frames(library, tmp_path / "a.mp4")
    spec = TrackSpec("transcript", "whisper", {"beam": 5, "prompt": "Café"}, language="de")
    later = SegmentRecord(2.0, 3.5, "auf Wiedersehen", {"words": [[2.0, 2.5, "auf"]], "speaker": "B"})
    track = library.put_track(video.id, spec, [later, SegmentRecord(0.0, 1.5, "guten Morgen")])
    assert track == Track(
        id=track.id,
        video_id=video.id,
        spec=spec,
        state="active",
        is_complete=True,
        done_until_seconds=3.5,
        created_at=track.created_at,
        num_segments=2,
    )
    assert library.track(track.id) == track
    assert library.tracks(video.id)[2:] == [track]
    first, second = library.segments(track.id)
    assert first == Segment(first.id, track.id, 0.0, 1.5, "guten Morgen", {})
    assert second == Segment(second.id, track.id, 2.0, 3.5, "auf Wiedersehen", later.attributes)
    assert [segment_ids.kind_of(segment.id) for segment in (first, second)] == [("transcript", False)] * 2
    video_ids, starts, ends = library.positions([second.id, first.id])
    assert (video_ids.tolist(), starts.tolist(), ends.tolist()) == ([1, 1], [2.0, 0.0], [3.5, 1.5])
    library.put_track(video.id, spec, [])
    assert [track.num_segments for track in library.tracks(video.id)] == [4, 4, 0]


@pytest.mark.parametrize(
    ("spec", "leaves"),
    [
        (TrackSpec("subtitle", FILE, {"name": "english"}, language="en"), ["deutsch", "stream", "whisper"]),
        (TrackSpec("subtitle", FILE, {"name": "english"}), ["deutsch", "stream", "whisper"]),
        (TrackSpec("subtitle", FILE, {"name": "other"}), ["english", "deutsch", "stream", "whisper"]),
        (TrackSpec("transcript", "other"), ["english", "deutsch", "stream"]),
        (TrackSpec("chapter", "stream"), ["english", "deutsch", "stream", "whisper"]),
    ],
)
def test_which_track_takes_whose_place(library: Store, tmp_path: Path, spec: TrackSpec, leaves: list[str]):
    """Subtitles of other names stand beside one another; of the other kinds a video has one."""
    video = four_frames(library, tmp_path / "a.mp4")
    other_video = four_frames(library, tmp_path / "b.mp4", word="cat")
    others = {
        "english": TrackSpec("subtitle", FILE, {"name": "english"}, language="en"),
        "deutsch": TrackSpec("subtitle", FILE, {"name": "deutsch"}, language="de"),
        "stream": TrackSpec("subtitle", "stream", {"index": 2}),
        "whisper": TrackSpec("transcript", "whisper"),
    }
    for each in (video, other_video):
        for other in others.values():
            library.put_track(each.id, other, [SegmentRecord(0.0, 1.0, "hello")])
    untouched = library.tracks(other_video.id)
    new = library.put_track(video.id, spec, [SegmentRecord(0.0, 1.0, "good evening")])
    kept = [track.spec for track in library.tracks(video.id)[2:] if track.id != new.id]
    assert kept == [others[name] for name in leaves]
    assert library.tracks(other_video.id) == untouched
    every_kind = [WordKind(kind) for kind in get_args(TrackKind)]
    found = library.match("hello evening", 99, kinds=every_kind)
    assert sorted(match.track_id for match in found if match.video_id == video.id) == [
        track.id for track in library.tracks(video.id)[2:]
    ]


def test_a_recording_is_found_under_the_day_where_it_was_made(library: Store, tmp_path: Path):
    """An evening in California was found under the next day, which it was in Greenwich."""
    evening = datetime(2023, 7, 1, 23, 30, tzinfo=timezone(timedelta(hours=-7)))
    path = write_file(tmp_path / "a.mp4", "a")
    video = put(library, path, [record(0.0, axis(0))], created_at=evening)

    def found(day: int) -> bool:
        first = datetime(2023, 7, day)
        where = FrameFilter(recorded_after=first, recorded_before=first + timedelta(days=1))
        ids = library.frame_ids(where)
        return ids is not None and len(ids) == 1

    assert (found(1), found(2)) == (True, False)
    assert video.info.created_at == evening
    kept = library.videos()[0].info.created_at
    assert kept is not None
    assert kept.utcoffset() == timedelta(hours=-7)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE spaces SET dim = 0",
        "UPDATE spaces SET state = 'gone'",
        "UPDATE tracks SET state = 'gone'",
        "UPDATE tracks SET video_id = 99",
        "UPDATE segments SET start_seconds = NULL",
    ],
)
def test_the_database_itself_refuses_what_no_row_can_be(library: Store, tmp_path: Path, statement: str):
    four_frames(library, tmp_path / "a.mp4")

    def write() -> None:
        with library._catalog.write() as connection:
            connection.execute(statement)

    with pytest.raises(Exception) as caught:  # noqa: PT011  (each driver has a class of its own)
        write()
    assert "IntegrityError" in {kind.__name__ for kind in type(caught.value).__mro__}


def test_more_frames_take_no_more_questions(tmp_path: Path):
    """Each is a way to a server and back."""
    with Store.open(tmp_path / "library", create=True) as library:
        videos = [four_frames(library, tmp_path / f"{name}.mp4") for name in "abc"]
        library.add_human_caption(videos[0].id, 0.0, 2.0, "Bello")
        asked: list[str] = []
        assert isinstance(library._catalog, SqliteCatalog)
        library._catalog.connection.set_trace_callback(asked.append)
        (frame,) = library.frames_by_id([1])
        num_for_one = len(asked)
        asked.clear()
        frames = library.frames_by_id([1, 2, 3, 5, 9, 10])
    assert len(asked) == num_for_one
    assert frames[0] == frame
    texts = [each.caption and each.caption.text for each in frames]
    assert texts == ["Bello", "Bello", "a dog 2", "a dog 0", "a dog 0", "a dog 1"]
