"""Spaces whose vectors belong to windows of sound or moving pictures, or to lines of words, beside frames."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.store.examples import SPACE, append, axis, info, record, specs, write_file
from vidsearch.store.fingerprint import fingerprint
from vidsearch.store.records import OpenedVideo
from vidsearch.store.store import Store
from vidsearch.tracks import FILE, Chunk, SegmentRecord, TrackSpec
from vidsearch.types import EmbeddingSpace, FrameFilter, LibraryModels

CLIPS = EmbeddingSpace(model="mover", weights_digest="1", preprocessing="none", dim=4, kind="clip")
SOUNDS = EmbeddingSpace(model="listener", weights_digest="1", preprocessing="none", dim=3, kind="sound")
LINES = SPACE.of("subtitle")
CLIP_TRACK = TrackSpec("clip", "mover", {"window_seconds": 2.0})


def begin(library: Store, path: Path, *, track: TrackSpec = CLIP_TRACK) -> OpenedVideo:
    """Begin a video of four frames with two windows of moving pictures."""
    write_file(path, f"content of {path.name}")
    wanted = [*specs(), track]
    return library.begin_video(path, fingerprint(path), info(), wanted, [SPACE])


def append_frames(library: Store, opened: OpenedVideo, *, num_frames: int) -> None:
    frames = [record(float(i), axis(i)) for i in range(num_frames)]
    append(library, replace(opened, tracks=opened.tracks[:2]), frames, until_seconds=float(num_frames))


def window(number: int) -> SegmentRecord:
    return SegmentRecord(2.0 * number, 2.0 * number + 2, vectors={CLIPS: axis(number)})


def put(library: Store, path: Path, *, first_axis: int = 0, track: TrackSpec = CLIP_TRACK) -> OpenedVideo:
    opened = begin(library, path, track=track)
    append_frames(library, opened, num_frames=4)
    windows = [
        SegmentRecord(2.0 * number, 2.0 * number + 2, vectors={CLIPS: axis(first_axis + number)})
        for number in range(2)
    ]
    library.append(opened.video.id, Chunk(4.0, {opened.tracks[2].id: tuple(windows)}, (CLIPS,)))
    return finish(library, opened)


def finish(library: Store, opened: OpenedVideo) -> OpenedVideo:
    ids = [track.id for track in opened.tracks]
    library.finish_video(opened.video.id, ids, frames_track_id=ids[0], spaces=(SPACE,))
    return opened


def places(library: Store, space: EmbeddingSpace) -> list[tuple[int, float, list[float]]]:
    """What a space holds, by segment: video, start, vector."""
    held = library.matrix(space)
    columns = (held.video_ids.tolist(), held.times.tolist(), held.vectors[:].tolist())
    return list(zip(*columns, strict=True))


def found(library: Store, space: EmbeddingSpace, vector: np.ndarray, *, k: int = 1) -> list[int]:
    ids, _ = library.nearest(space, vector[None], k)
    return [int(each) for each in ids[0]]


def test_the_key_of_a_space_of_frames_is_what_it_was():
    """Guards libraries of earlier formats, whose vector files are named by it."""
    assert SPACE.key == "72f8c37881e796d8"
    assert len({SPACE.key, *(SPACE.of(kind).key for kind in ("clip", "sound", "caption"))}) == 4
    assert SPACE.of("clip").of("frames") == SPACE


def test_windows_are_found_by_their_vectors_and_frames_by_theirs(library: Store, tmp_path: Path):
    opened = put(library, tmp_path / "a.mp4")
    assert library.spaces() == (SPACE,)
    assert library.spaces("clip") == (CLIPS,)
    assert library.spaces("sound") == ()
    assert library.info().spaces == (SPACE, CLIPS)
    assert places(library, CLIPS) == [
        (1, 0.0, [1.0, 0.0, 0.0, 0.0]),
        (1, 2.0, [0.0, 1.0, 0.0, 0.0]),
    ]
    assert len(places(library, SPACE)) == 4
    first, second = (segment.id for segment in library.segments(opened.tracks[2].id))
    assert found(library, CLIPS, axis(1), k=2) == [second, first]
    left = library.segment_ids(FrameFilter(after_seconds=2.5), "clip")
    assert left is not None
    assert left.tolist() == [second]
    assert library.segment_ids(FrameFilter(), "clip") is None


def test_resuming_windows_goes_on_where_they_end(library: Store, tmp_path: Path):
    opened = begin(library, tmp_path / "a.mp4")
    clip_track = opened.tracks[2].id
    append_frames(library, opened, num_frames=2)
    library.append(opened.video.id, Chunk(2.0, {clip_track: (window(0),)}, (CLIPS,)))
    again = begin(library, tmp_path / "a.mp4")
    assert again.space_until_seconds == {SPACE: 2.0}
    assert [(track.id, track.done_until_seconds) for track in again.tracks][2] == (clip_track, 2.0)
    library.append(opened.video.id, Chunk(2.0, {clip_track: (window(0),)}, (CLIPS,)))  # once more: no harm
    library.append(opened.video.id, Chunk(4.0, {clip_track: (window(1),)}, (CLIPS,)))
    finish(library, again)
    assert [time for _, time, _ in places(library, CLIPS)] == [0.0, 2.0]
    done = begin(library, tmp_path / "a.mp4")
    assert done.tracks[2].is_complete


def test_what_is_taken_back_goes_from_searches(library: Store, tmp_path: Path):
    opened = begin(library, tmp_path / "a.mp4")
    clip_track = opened.tracks[2].id
    library.append(opened.video.id, Chunk(4.0, {clip_track: (window(0), window(1))}, (CLIPS,)))
    assert len(places(library, CLIPS)) == 2
    library.take_back(
        opened.video.id,
        [clip_track],
        frames_track_id=opened.tracks[0].id,
        spaces=(SPACE,),
        from_seconds=2.0,
    )
    assert [time for _, time, _ in places(library, CLIPS)] == [0.0]
    track = begin(library, tmp_path / "a.mp4").tracks[2]
    assert (track.done_until_seconds, track.is_complete) == (2.0, False)


def test_windows_cut_anew_take_the_place_of_those_before_once_they_are_whole(library: Store, tmp_path: Path):
    put(library, tmp_path / "a.mp4")
    other_cut = TrackSpec("clip", "mover", {"window_seconds": 1.0})
    opened = begin(library, tmp_path / "a.mp4", track=other_cut)
    library.append(
        opened.video.id,
        Chunk(4.0, {opened.tracks[2].id: (SegmentRecord(0.0, 4.0, vectors={CLIPS: axis(3)}),)}, (CLIPS,)),
    )
    assert [time for _, time, _ in places(library, CLIPS)] == [0.0, 2.0]
    finish(library, opened)
    assert places(library, CLIPS) == [(1, 0.0, [0.0, 0.0, 0.0, 1.0])]


def test_windows_of_two_models_stand_side_by_side(library: Store, tmp_path: Path):
    opened = put(library, tmp_path / "a.mp4")
    other = TrackSpec("clip", "another mover")
    again = library.begin_video(
        tmp_path / "a.mp4", fingerprint(tmp_path / "a.mp4"), info(), [*specs(), other], [SPACE]
    )
    finish(library, again)
    assert [track.state for track in library.tracks(opened.video.id) if track.kind == "clip"] == [
        "active",
        "active",
    ]
    assert len(places(library, CLIPS)) == 2


def test_removal_takes_windows_away(library: Store, tmp_path: Path):
    first = put(library, tmp_path / "a.mp4")
    second = put(library, tmp_path / "b.mp4", first_axis=2)
    assert len(places(library, CLIPS)) == 4
    library.remove_track(first.tracks[2].id)
    assert [video_id for video_id, *_ in places(library, CLIPS)] == [second.video.id] * 2
    library.remove(second.video.id)
    assert places(library, CLIPS) == []
    assert len(places(library, SPACE)) == 4


def test_verify_mends_a_window_without_its_vector(library: Store, tmp_path: Path):
    opened = put(library, tmp_path / "a.mp4")
    assert library.verify() == []
    with library._catalog.write() as connection:
        connection.execute(
            "UPDATE vectors SET vector = ? WHERE segment_id >> 40 = 8 AND segment_id % 2 = 1", (bytes(16),)
        )
    (problem,) = library.verify(repair=True)
    assert problem.what.endswith("1 clip windows have no sound vector of mover.")
    assert library.verify() == []
    again = begin(library, tmp_path / "a.mp4")
    assert [track.is_complete for track in again.tracks] == [True, True, False]
    assert again.space_until_seconds == {SPACE: float("inf")}
    assert opened.video.id == 1


def test_verify_mends_the_kind_of_a_space(library: Store, tmp_path: Path):
    put(library, tmp_path / "a.mp4")
    with library._catalog.write() as connection:
        connection.execute("UPDATE spaces SET kind = 'clup' WHERE kind = 'clip'")
    assert [problem.kind for problem in library.verify(repair=True)] == ["value"]
    assert library.spaces("clip") == (CLIPS,)


def test_an_upgrade_of_frames_leaves_windows_alone_and_one_of_windows_removes_them(
    library: Store, tmp_path: Path
):
    put(library, tmp_path / "a.mp4")
    other = EmbeddingSpace("other", "1", "none", 4)
    library.prepare_upgrade([other])
    library.switch_models(LibraryModels(("other",), None), [other])
    assert library.spaces(None) == (CLIPS, other)
    other_clips = EmbeddingSpace("other mover", "1", "none", 4, "clip")
    library.prepare_upgrade([other_clips])
    assert library.spaces("clip") == (CLIPS,)
    library.switch_models(LibraryModels(("other",), None), [other, other_clips])
    assert library.spaces("clip") == (other_clips,)
    assert places(library, CLIPS) == []
    library.prune_superseded()
    assert [track.kind for track in library.tracks(1)] == ["frames", "caption"]


# --- lines of words ---------------------------------------------------------------------------------


def subtitles(library: Store, video_id: int, *lines: str, name: str = "en") -> None:
    cues = [SegmentRecord(float(i), i + 1.0, line) for i, line in enumerate(lines)]
    library.put_track(video_id, TrackSpec("subtitle", FILE, {"name": name}), cues)


def embed_lines(library: Store) -> int:
    """Give each line that lacks one a vector: the axis of its number."""
    lines = library.lines_lacking(LINES, 100)
    if lines:
        rows = np.stack([axis(int(text.split()[-1])) for _, text in lines])
        library.add_line_vectors(LINES, [line_id for line_id, _ in lines], rows)
    return len(lines)


def test_lines_are_given_vectors_once_and_found_by_them(library: Store, tmp_path: Path):
    video_id = put(library, tmp_path / "a.mp4").video.id
    subtitles(library, video_id, "line 0", "line 1")
    assert [text for _, text in library.lines_lacking(LINES, 1)] == ["line 0"]
    assert (embed_lines(library), embed_lines(library)) == (2, 0)
    assert [time for _, time, _ in places(library, LINES)] == [0.0, 1.0]
    subtitles(library, video_id, "line 2", name="fr")
    assert embed_lines(library) == 1
    assert [vector for _, _, vector in places(library, LINES)] == [axis(i).tolist() for i in range(3)]
    assert len(places(library, SPACE)) == 4
    assert library.verify() == []


def test_lines_that_lack_a_vector_are_looked_for_from_where_the_last_call_ended(
    library: Store, tmp_path: Path
):
    video_id = put(library, tmp_path / "a.mp4").video.id
    subtitles(library, video_id, *(f"line {n}" for n in range(5)))
    found: list[str] = []
    last = 0
    while lines := library.lines_lacking(LINES, 2, after=last):
        found += [text for _, text in lines]
        last = lines[-1][0]
    assert found == [f"line {n}" for n in range(5)]
    library.add_human_caption(video_id, 0.0, 1.0, "by hand")
    library.put_track(video_id, TrackSpec("caption", "model"), [SegmentRecord(0.0, 1.0, "by a model")])
    captions = LINES.of("caption")
    assert [text for _, text in library.lines_lacking(captions, 9)] == ["by a model", "by hand"]
    assert [text for _, text in library.lines_lacking(captions, 9, by_models=False)] == ["by hand"]
    (only,) = library.lines_lacking(captions, 9, by_models=False)
    assert library.lines_lacking(captions, 9, after=only[0]) == []


def test_lines_that_are_replaced_or_gone_are_found_no_more(library: Store, tmp_path: Path):
    """Guards against vector files that still hold the lines of a track that another took the place of."""
    video_id = put(library, tmp_path / "a.mp4").video.id
    subtitles(library, video_id, "line 0", "line 1")
    embed_lines(library)
    assert len(places(library, LINES)) == 2
    gone, _ = library.lines_lacking(LINES.of("subtitle"), 9) or ((0, ""), None)
    subtitles(library, video_id, "line 3")
    assert places(library, LINES) == []
    embed_lines(library)
    assert [vector for _, _, vector in places(library, LINES)] == [axis(3).tolist()]
    library.add_line_vectors(LINES, [gone[0]], axis(0)[None])  # a line that went meanwhile
    assert len(places(library, LINES)) == 1


def test_words_of_people_come_after_those_of_models(library: Store, tmp_path: Path):
    """Guards against rows that are added behind those of greater ids: a file's ids must ascend."""
    space = SPACE.of("caption")
    opened = put(library, tmp_path / "a.mp4")
    human = library.add_human_caption(opened.video.id, 0.0, 1.0, "by hand")
    library.add_line_vectors(space, [human], axis(0)[None])
    assert len(places(library, space)) == 1
    caption = library.put_track(
        opened.video.id, TrackSpec("caption", "new"), [SegmentRecord(1.0, 2.0, "by a model")]
    )
    (line,) = library.segments(caption.id)
    library.add_line_vectors(space, [line.id], axis(1)[None])
    assert library.matrix(space).segment_ids.tolist() == [line.id, human]
    library.add_human_caption(opened.video.id, 0.0, 1.0, "by hand, again")
    assert library.matrix(space).segment_ids.tolist() == [line.id]


def test_verify_removes_an_unsound_vector_of_a_line(library: Store, tmp_path: Path):
    video_id = put(library, tmp_path / "a.mp4").video.id
    subtitles(library, video_id, "line 0", "line 1")
    embed_lines(library)
    with library._catalog.write() as connection:
        connection.execute(
            "UPDATE vectors SET vector = ? WHERE segment_id = (SELECT max(segment_id) FROM vectors"
            " WHERE space_id = (SELECT id FROM spaces WHERE kind = 'subtitle'))",
            (bytes(16),),
        )
    (problem,) = library.verify(repair=True)
    assert problem.what == "1 subtitle lines have an unsound vector of made-up."
    assert [text for _, text in library.lines_lacking(LINES, 9)] == ["line 1"]
    assert library.verify() == []
