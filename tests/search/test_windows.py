"""Windows of several frames, and of sound, found by their vectors and fused with the frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.fakes import MotionEmbedder, PitchEmbedder
from tests.search.libraries import COLOUR, add_video
from vidsearch.models.protocols import TextEncoder
from vidsearch.search.engine import search
from vidsearch.search.kinds import reason
from vidsearch.search.query import Query
from vidsearch.store.store import Store
from vidsearch.tracks import Chunk, SegmentRecord, TrackSpec
from vidsearch.types import EmbeddingSpace, Fingerprint, FrameFilter, SearchHit, Video

MOVING, HEARING = MotionEmbedder(), PitchEmbedder()
ENCODERS: dict[EmbeddingSpace, TextEncoder] = {
    COLOUR.space: COLOUR,
    MOVING.space: MOVING,
    HEARING.space: HEARING,
}


@pytest.fixture
def library(tmp_path: Path):
    """Two videos of the same blue frames: one moves right, then nearer; the other left, then farther, and
    is heard high, then low. A third is red, and nothing moves in it."""
    with Store.open(tmp_path / "library", create=True) as library:
        first = add_video(library, str(tmp_path / "one.mp4"), ["blue"] * 8)
        second = add_video(library, str(tmp_path / "two.mp4"), ["blue"] * 8)
        add_video(library, str(tmp_path / "red.mp4"), ["red"] * 4)
        add_windows(library, first, MOVING.space, MOVING.embed_texts(["right", "nearer"]))
        add_windows(library, second, MOVING.space, MOVING.embed_texts(["left", "farther"]))
        add_windows(library, second, HEARING.space, HEARING.embed_texts(["high", "low"]))
        yield library


def add_windows(library: Store, video: Video, space: EmbeddingSpace, rows: np.ndarray) -> None:
    """Give a video windows of four seconds each."""
    spec = TrackSpec(space.kind, space.model)
    known = Fingerprint(video.content_hash, video.quick_key, video.info.size_bytes, 1)
    opened = library.begin_video(video.path, known, video.info, [spec])
    windows = tuple(
        SegmentRecord(4.0 * number, 4.0 * number + 4, vectors={space: row}) for number, row in enumerate(rows)
    )
    library.append(video.id, Chunk(8.0, {opened.tracks[0].id: windows}))
    library.finish_video(video.id, [opened.tracks[0].id])


def found(library: Store, text: str, *kinds: str) -> list[SearchHit]:
    query = Query(text=text, kinds=kinds or None, dedupe=False)
    return list(search(library, query, encoders=ENCODERS).hits)


def places(hits: Sequence[SearchHit]) -> list[tuple[str, float, float]]:
    return [(hit.video.path.stem, hit.start_seconds, hit.end_seconds) for hit in hits]


@pytest.mark.parametrize(
    ("motion", "place"),
    [
        ("right", ("one", 0.0, 4.0)),
        ("nearer", ("one", 4.0, 8.0)),
        ("left", ("two", 0.0, 4.0)),
        ("farther", ("two", 4.0, 8.0)),
    ],
)
def test_what_moves_so_is_found_where_frames_cannot_tell(library: Store, motion: str, place):
    (best, *_) = found(library, motion)
    video, start, end = place
    assert best.video.path.stem == video
    assert start <= best.time_seconds < end
    evidence = {each.kind: each for each in best.evidence}
    assert (evidence["moving"].start_seconds, evidence["moving"].end_seconds) == (start, end)
    assert reason(evidence["moving"]) == "moves like it"
    assert evidence["moving"].text == ""


def test_windows_alone_are_moments_with_their_times_and_never_sure(library: Store):
    hits = found(library, "left", "moving")
    assert places(hits)[0] == ("two", 0.0, 4.0)
    assert [[each.kind for each in hit.evidence] for hit in hits] == [["moving"]] * len(hits)
    answer = search(library, Query(text="left", kinds=("moving",)), encoders=ENCODERS)
    assert answer.verdict != "found"
    assert 0.05 < (answer.hits[0].confidence or 0) < 0.35


def test_sounds_are_found_by_words(library: Store):
    (best, *_) = found(library, "a low note", "sounds")
    assert places([best]) == [("two", 4.0, 8.0)]
    assert reason(best.evidence[0]) == "sounds like it"
    assert places(found(library, "sounds:high"))[0] == ("two", 0.0, 4.0)


def test_pictures_are_found_as_before(library: Store):
    """Windows that say nothing must not outweigh a frame that shows what was asked for."""
    (best, *_) = found(library, "red")
    assert best.video.path.stem == "red"
    assert [each.kind for each in best.evidence] == ["pictures"]


def test_a_part_for_pictures_and_one_for_what_moves_meet_in_a_moment(library: Store):
    (best, *_) = found(library, "blue moving:left")
    assert places([best])[0][0] == "two"
    assert best.start_seconds < 4.0


def test_filters_hold_for_windows(library: Store):
    query = Query(text="left", kinds=("moving",), filter=FrameFilter(after_seconds=5.0))
    hits = search(library, query, encoders=ENCODERS).hits
    assert all(hit.end_seconds > 5.0 for hit in hits)
    assert all(hit.start_seconds >= 5.0 for hit in hits)


def test_without_the_model_pictures_answer_and_a_note_says_why(library: Store):
    answer = search(library, Query(text="red"), encoders={COLOUR.space: COLOUR})
    assert answer.hits[0].video.path.stem == "red"
    assert len(answer.notes) == 2
    assert "motion" in " ".join(answer.notes)


def test_steps_may_be_what_moves(library: Store):
    query = Query(text="moving:right", then=("moving:nearer",))
    (best, *_) = search(library, query, encoders=ENCODERS).hits
    assert best.video.path.stem == "one"
    assert [step.time_seconds < 4.0 for step in best.steps] == [True, False]
