"""A library keeps what it is given, and gives it back as it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.store.examples import (
    NOON,
    OTHER_SPACE,
    PLAN,
    SPACE,
    axis,
    begin,
    caption,
    four_frames,
    info,
    put,
    record,
    unit,
    write_file,
)
from vidsearch.errors import LibraryNotFound, VideoNotFound
from vidsearch.store.fingerprint import fingerprint
from vidsearch.store.library import Library
from vidsearch.store.records import HIGHLIGHT_END, HIGHLIGHT_START, CaptionMatch, Cue, CueMatch, SubtitleTrack
from vidsearch.types import (
    Caption,
    CaptionOrigin,
    Chunk,
    FrameFilter,
    FrameRecord,
    IndexedFrame,
    LibraryModels,
    SamplingPlan,
    Shot,
)


@pytest.fixture
def library(tmp_path: Path):
    with Library.open(tmp_path / "library", create=True) as library:
        yield library


def test_a_library_is_there_only_after_it_is_made(tmp_path: Path):
    with pytest.raises(LibraryNotFound, match="There is no library in"):
        Library.open(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_what_goes_in_comes_out(library: Library, tmp_path: Path):
    path = write_file(tmp_path / "a.mp4", "a")
    video = begin(library, path, duration_seconds=5.0, created_at=NOON)
    first, second = unit([1, 2, 3, 4]), unit([4, 3, 2, 1])
    frames = (
        FrameRecord(0.5, b"first", {SPACE: first, OTHER_SPACE: axis(1, 3)}, caption("a red car")),
        FrameRecord(1.5, b"second", {SPACE: second}, replace(caption("a red car"), carried_over=True)),
        FrameRecord(2.5, b"black", {}, is_blank=True),
    )
    library.add(video.id, Chunk(frames, until_seconds=3.0, shots=(Shot(0.0, 2.0), Shot(2.0, 5.0))))
    done = library.finish_video(video.id, duration_seconds=5.5)
    library.close()

    with Library.open(library.path) as again:
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


def test_frames_by_id_come_in_the_order_asked_for(library: Library, tmp_path: Path):
    four_frames(library, tmp_path / "a.mp4")
    assert [frame.id for frame in library.frames_by_id([3, 99, 1, 3])] == [3, 1, 3]
    assert library.frames_by_id([]) == []


def test_the_last_frame_of_unfinished_work_ends_where_the_work_does(library: Library, tmp_path: Path):
    video = begin(library, write_file(tmp_path / "a.mp4", "a"), duration_seconds=100.0)
    library.add(video.id, Chunk((record(0.0, axis(0)), record(1.0, axis(1))), until_seconds=2.0))
    assert [frame.end_seconds for frame in library.frames(video.id)] == [1.0, 2.0]


def test_the_last_frame_ends_with_the_part_that_was_asked_for(library: Library, tmp_path: Path):
    video = begin(library, write_file(tmp_path / "a.mp4", "a"), plan=SamplingPlan(end_seconds=2.5))
    library.add(video.id, Chunk((record(0.0, axis(0)), record(2.0, axis(1))), until_seconds=2.5))
    library.finish_video(video.id)
    assert library.frames(video.id)[-1].end_seconds == 2.5


def test_a_second_run_goes_on_where_the_first_one_stopped(library: Library, tmp_path: Path):
    path = write_file(tmp_path / "a.mp4", "a")
    video = begin(library, path)
    library.add(video.id, Chunk((record(0.0, axis(0)),), until_seconds=1.0))
    assert library.lookup(path).state == "partial"
    again = begin(library, path)
    assert (again.id, again.indexed_until_seconds, again.num_frames) == (video.id, 1.0, 1)


def test_a_frame_that_is_there_is_not_added_twice(library: Library, tmp_path: Path):
    video = begin(library, write_file(tmp_path / "a.mp4", "a"))
    chunk = Chunk((record(0.0, axis(0), "first"),), until_seconds=1.0)
    library.add(video.id, chunk)
    library.add(video.id, replace(chunk, frames=(record(0.0, axis(1), "second"), record(1.0, axis(2)))))
    texts = [(frame.time_seconds, frame.caption and frame.caption.text) for frame in library.frames(video.id)]
    assert texts == [(0.0, "first"), (1.0, None)]


def test_another_plan_begins_anew(library: Library, tmp_path: Path):
    video = four_frames(library, tmp_path / "a.mp4")
    again = begin(library, tmp_path / "a.mp4", plan=SamplingPlan(fps=2.0))
    assert (again.id, again.num_frames, again.is_complete, again.indexed_until_seconds) == (
        video.id,
        0,
        False,
        0,
    )
    assert library.nearest(SPACE, axis(0), 1)[0].tolist() == [[-1]]


def test_a_new_space_begins_anew(library: Library, tmp_path: Path):
    path = tmp_path / "a.mp4"
    four_frames(library, path)
    spaces = [SPACE, OTHER_SPACE]
    again = library.begin_video(path, fingerprint(path), info(), PLAN, spaces)
    assert (again.num_frames, again.is_complete) == (0, False)
    assert set(library.lookup(path).spaces) == set(spaces)


def test_a_vector_that_does_not_fit_leaves_nothing_behind(library: Library, tmp_path: Path):
    """A chunk is one transaction: a bad frame must not let the good ones before it through."""
    video = begin(library, write_file(tmp_path / "a.mp4", "a"))
    for bad in (np.ones(3, np.float32), np.full(4, np.nan, np.float32)):
        with pytest.raises(ValueError, match="is not 4 finite numbers"):
            library.add(video.id, Chunk((record(0.0, axis(0)), record(1.0, bad)), until_seconds=2.0))
    assert library.frames(video.id) == []
    assert library.video("#1").indexed_until_seconds == 0


def test_removing_a_video_leaves_nothing_of_it(library: Library, tmp_path: Path):
    video = four_frames(library, tmp_path / "a.mp4")
    other = four_frames(library, tmp_path / "b.mp4", word="cat")
    library.set_subtitles(video.id, "english", [Cue(0.0, 1.0, "hello")])
    library.remove(video.id)
    assert library.videos() == [other]
    assert library.caption_matches("dog", 5) == []
    assert library.subtitle_matches("hello", 5) == []
    assert library.nearest(SPACE, axis(0), 8)[0].tolist() == [[5, 6, 7, 8, -1, -1, -1, -1]]
    assert library.verify() == []
    assert (tmp_path / "a.mp4").exists()
    with pytest.raises(VideoNotFound):
        library.remove(video.id)
    with pytest.raises(VideoNotFound):
        library.add(video.id, Chunk((), until_seconds=0.0))


def test_models_are_remembered(library: Library):
    assert library.models is None
    models = LibraryModels(embedders=("clip", "blip"), captioner=None)
    library.set_models(models)
    with Library.open(library.path, read_only=True) as again:
        assert again.models == models


def test_info_counts(library: Library, tmp_path: Path):
    four_frames(library, tmp_path / "a.mp4")
    begin(library, write_file(tmp_path / "b.mp4", "b"), duration_seconds=2.0)
    about = library.info()
    counts = (about.num_videos, about.num_complete, about.num_frames, about.num_captions, about.num_failures)
    assert counts == (2, 1, 4, 4, 0)
    assert about.duration_seconds == 6.0
    assert about.spaces == (SPACE,)
    assert about.size_bytes > 0


# --- naming a video -----------------------------------------------------------------------------------


def test_a_video_has_many_names(library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    video = four_frames(library, tmp_path / "holiday" / "Beach day.mp4")
    four_frames(library, tmp_path / "holiday" / "hills.mp4")
    monkeypatch.chdir(tmp_path / "holiday")
    names = [str(tmp_path / "holiday" / "Beach day.mp4"), "Beach day.mp4", "./Beach day.mp4", "Beach day"]
    for name in [*names, "beach", "#1"]:
        assert library.video(name) == video, name
    assert library.video(1) == video


def test_an_id_never_means_part_of_a_path(library: Library, tmp_path: Path):
    """`video(7)` was answered with any video whose folder had a 7 in its name."""
    four_frames(library, tmp_path / "July 7" / "7.mp4")
    with pytest.raises(VideoNotFound, match="no video #7"):
        library.video(7)
    assert library.video("7").id == 1


def test_a_name_that_fits_none_brings_the_nearest(library: Library, tmp_path: Path):
    with pytest.raises(VideoNotFound, match="the library is empty"):
        library.video("x.mp4")
    four_frames(library, tmp_path / "beach.mp4")
    with pytest.raises(VideoNotFound, match=r"no video 'baech.mp4' .* Did you mean beach.mp4\?"):
        library.video("baech.mp4")


def test_a_name_that_fits_several_brings_them(library: Library, tmp_path: Path):
    four_frames(library, tmp_path / "one" / "x.mp4")
    four_frames(library, tmp_path / "two" / "x.mp4", word="cat")
    with pytest.raises(VideoNotFound, match=r"fits 2 videos; .*\n  #1 .*one/x.mp4\n  #2 .*two/x.mp4"):
        library.video("x.mp4")


# --- filters ------------------------------------------------------------------------------------------


def test_filters(library: Library, tmp_path: Path):
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


def shown(library: Library, frame_id: int = 1) -> str | None:
    (frame,) = library.frames_by_id([frame_id])
    return None if frame.caption is None else frame.caption.text


def test_a_new_caption_keeps_the_old_one_as_a_version(library: Library, tmp_path: Path):
    four_frames(library, tmp_path / "a.mp4")
    library.set_captions({1: caption("a wolf", model="better"), 2: caption("a fox", model="better")})
    assert (shown(library, 1), shown(library, 2), shown(library, 3)) == ("a wolf", "a fox", "a dog 2")
    versions = library.caption_versions(1)
    assert [(v.version, v.caption.text, v.is_active) for v in versions] == [
        (1, "a dog 0", False),
        (2, "a wolf", True),
    ]
    assert [match.frame_id for match in library.caption_matches("wolf", 5)] == [1]
    assert [match.frame_id for match in library.caption_matches("dog", 5)] == [3, 4]


def test_captioning_anew_never_overwrites_a_human(library: Library, tmp_path: Path):
    four_frames(library, tmp_path / "a.mp4")
    library.set_caption(1, Caption("my dog Rex", "my dog Rex", CaptionOrigin.HUMAN))
    library.set_captions({1: caption("a wolf"), 2: caption("a wolf")})
    assert (shown(library, 1), shown(library, 2)) == ("my dog Rex", "a wolf")
    assert [match.frame_id for match in library.caption_matches("rex", 5)] == [1]
    assert [v.caption.text for v in library.caption_versions(1)] == ["a dog 0", "my dog Rex", "a wolf"]
    library.set_caption(1, Caption("my dog Max", "my dog Max", CaptionOrigin.HUMAN))
    assert shown(library, 1) == "my dog Max"


def test_a_human_caption_outlives_sampling_anew(library: Library, tmp_path: Path):
    path = tmp_path / "a.mp4"
    four_frames(library, path)
    library.set_caption(2, Caption("my dog Rex", "my dog Rex", CaptionOrigin.HUMAN))
    again = begin(library, path, plan=SamplingPlan(fps=2.0))
    frames = tuple(record(i / 2, axis(i), "a dog") for i in range(4))
    library.add(again.id, Chunk(frames, until_seconds=2.0))
    assert [shown(library, frame.id) for frame in library.frames(again.id)] == [
        "a dog",
        "a dog",
        "my dog Rex",
        "a dog",
    ]


def test_captions_of_unknown_frames_change_nothing(library: Library, tmp_path: Path):
    four_frames(library, tmp_path / "a.mp4")
    with pytest.raises(VideoNotFound, match="no frame 99"):
        library.set_captions({1: caption("a wolf"), 99: caption("a wolf")})
    assert shown(library) == "a dog 0"


def test_caption_search_stems_ranks_and_highlights(library: Library, tmp_path: Path):
    path = write_file(tmp_path / "a.mp4", "a")
    texts = ["two dogs running on a beach", "a dog", "a boat on the sea", "sunflowers in the sun", "Café"]
    put(library, path, [record(float(i), axis(i), text) for i, text in enumerate(texts)])

    def found(words: str, k: int = 10, **options: object) -> list[tuple[int, str]]:
        matches = library.caption_matches(words, k, **options)  # type: ignore[arg-type]
        return [
            (match.frame_id, match.highlighted.replace(HIGHLIGHT_START, "[").replace(HIGHLIGHT_END, "]"))
            for match in matches
        ]

    assert found("run dog") == [(1, "two [dogs] [running] on a beach"), (2, "a [dog]")]
    assert found("the dog and the beach", 1) == [(1, "two [dogs] running on a [beach]")]
    assert found("dog", among=np.array([2, 3])) == [(2, "a [dog]")]
    assert found("sunf*") == [(4, "[sunflowers] in the sun")]
    assert found('"on the sea"') == [(3, "a boat [on the sea]")]
    assert found("cafe") == [(5, "[Café]")]
    assert found("the") == [(3, "a boat on [the] sea"), (4, "sunflowers in [the] sun")]
    assert found("dog", 0) == []
    assert found("") == []
    (match,) = library.caption_matches("boat", 1)
    assert isinstance(match, CaptionMatch)
    assert match.score > 0


def test_subtitles_are_kept_beside_captions(library: Library, tmp_path: Path):
    video = four_frames(library, tmp_path / "a.mp4")
    library.set_subtitles(video.id, "english", [Cue(0.0, 1.0, "nothing")])
    cues = (Cue(1.0, 2.0, "good morning"), Cue(2.0, 3.0, "good dogs"))
    library.set_subtitles(video.id, "english", cues)
    (track,) = library.subtitles(video.id)
    assert track == SubtitleTrack(track.id, video.id, "english", cues)
    (match,) = library.subtitle_matches("dog", 5)
    assert match == CueMatch(
        video.id, "english", cues[1], match.score, f"good {HIGHLIGHT_START}dogs{HIGHLIGHT_END}"
    )
    assert library.subtitle_matches("nothing", 5) == []
    assert library.remove_subtitles(video.id, "english")
    assert not library.remove_subtitles(video.id, "english")
    assert library.subtitles(video.id) == []
