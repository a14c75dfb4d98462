from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.fakes import COLOURS, ColourEmbedder
from tests.ingest.clips import striped
from vidsearch.ingest.analyzers import Finding
from vidsearch.ingest.chunks import VideoInWork
from vidsearch.ingest.policy import LookMemory, LookPolicy
from vidsearch.ingest.report import Counts
from vidsearch.ingest.work import Analysis, Picture, VideoJob
from vidsearch.tracks import Chunk, SegmentRecord
from vidsearch.types import SamplingPlan

EMBEDDER = ColourEmbedder()
NOVEL = LookPolicy(rule="novel", min_distance=0.5)
FRAMES, CAPTIONS = 1, 2
RED, BLUE = (Finding("a red picture"),), (Finding("a blue picture"),)


def video_in_work(
    policy: LookPolicy = NOVEL, *, analyses: Sequence[Analysis] | None = None, **job
) -> VideoInWork:
    asked = (Analysis(0, CAPTIONS),) if analyses is None else tuple(analyses)
    return VideoInWork(
        VideoJob(
            key=0,
            path=Path("a.mp4"),
            plan=SamplingPlan(),
            frames_track_id=FRAMES,
            spaces=(EMBEDDER.space,),
            analyses=asked,
            **job,
        ),
        policies=[policy] * len(asked),
        space=EMBEDDER.space,
        chunk_frames=4,
    )


def give(video: VideoInWork, index: int, colour: str) -> Any:
    """Add the frame of a second: a colour, "black", or "same" for a repeat of the one before."""
    image = striped(colour) if colour in COLOURS else None
    picture = Picture(
        video.job,
        index,
        float(index),
        float(index),
        b"jpeg",
        image,
        is_blank=colour == "black",
        is_repeat=colour == "same",
    )
    vectors = {EMBEDDER.space: EMBEDDER.embed_images([image])[0]} if image is not None else None
    looks = video.add(picture, vectors)
    return looks[0][1] if looks else None


def captions(chunk: Chunk) -> list[tuple[float, float, str | None, bool]]:
    return [
        (made.start_seconds, made.end_seconds, made.text, made.continues) for made in chunk.tracks[CAPTIONS]
    ]


def test_a_chunk_is_ready_once_the_next_one_begins_and_its_captions_are_there():
    video = video_in_work()
    looks = [give(video, index, "red") for index in range(4)]
    assert [look is not None for look in looks] == [True, False, False, False]
    assert list(video.finished_chunks()) == []
    blue = give(video, 4, "blue")
    assert list(video.finished_chunks()) == []  # red still waits for its caption
    looks[0].findings = RED
    (done,) = video.finished_chunks()
    assert captions(done.chunk) == [(0.0, 4.0, "a red picture", False)]
    assert [(f.start_seconds, f.end_seconds) for f in done.chunk.tracks[FRAMES]] == [
        (0.0, 1.0),
        (1.0, 2.0),
        (2.0, 3.0),
        (3.0, 4.0),
    ]
    assert (done.chunk.until_seconds, done.chunk.spaces) == (4.0, (EMBEDDER.space,))
    assert done.counts == Counts(num_frames=4, num_captions_written=1, num_captions_carried_over=3)
    blue.findings = BLUE
    assert not video.is_finished
    video.end()
    (last,) = video.finished_chunks()
    assert [text for _, _, text, _ in captions(last.chunk)] == ["a blue picture"]
    assert 4.0 < last.chunk.until_seconds < 4.01
    assert video.is_finished


def test_a_caption_that_goes_on_in_the_next_chunk_is_the_same_segment():
    video = video_in_work()
    give(video, 0, "red").findings = RED
    for index in range(1, 6):
        give(video, index, "red")
    video.end()
    first, second = video.finished_chunks()
    assert captions(first.chunk) == [(0.0, 4.0, "a red picture", False)]
    ((start, _, text, continues),) = captions(second.chunk)
    assert (start, text, continues) == (4.0, "a red picture", True)
    assert second.counts.num_captions_written == 0


def test_blank_frames_have_neither_vectors_nor_a_caption_and_do_not_end_what_is_carried_over():
    video = video_in_work()
    give(video, 0, "red").findings = RED
    assert give(video, 1, "black") is None
    assert give(video, 2, "red") is None
    video.end()
    (done,) = video.finished_chunks()
    assert captions(done.chunk)[0] == (0.0, 1.0, "a red picture", False)
    assert [(start, text, continues) for start, _, text, continues in captions(done.chunk)[1:]] == [
        (2.0, "a red picture", True)
    ]
    assert [dict(frame.attributes) for frame in done.chunk.tracks[FRAMES]] == [{}, {"is_blank": True}, {}]
    assert done.chunk.tracks[FRAMES][1].vectors == {}
    assert done.counts.num_blank == 1


def test_a_repeat_shares_vectors_and_caption_of_the_frame_it_repeats():
    video = video_in_work(LookPolicy(rule="frame"))
    give(video, 0, "red").findings = RED
    assert give(video, 1, "same") is None
    video.end()
    (done,) = video.finished_chunks()
    first, second = done.chunk.tracks[FRAMES]
    assert np.array_equal(first.vectors[EMBEDDER.space], second.vectors[EMBEDDER.space])
    assert [(start, text) for start, _, text, _ in captions(done.chunk)] == [(0.0, "a red picture")]
    assert done.counts == Counts(
        num_frames=2, num_near_duplicates=1, num_captions_written=1, num_captions_carried_over=1
    )


def test_without_an_analyzer_a_chunk_has_frames_alone():
    video = video_in_work(analyses=[])
    assert give(video, 0, "red") is None
    video.end()
    (done,) = video.finished_chunks()
    assert list(done.chunk.tracks) == [FRAMES]


def test_a_resumed_video_carries_over_what_was_said_before():
    # Without its memory the first frame of every resumed run would be captioned again.
    red = EMBEDDER.embed_images([striped("red")])[0]
    video = video_in_work(
        num_frames_before=4,
        resume_from_seconds=4.0,
        analyses=[Analysis(0, CAPTIONS, LookMemory(2, 2.0, red), RED)],
    )
    assert give(video, 4, "red") is None
    give(video, 5, "blue").findings = BLUE
    video.end()
    (done,) = video.finished_chunks()
    assert [(text, continues) for _, _, text, continues in captions(done.chunk)] == [
        ("a red picture", True),
        ("a blue picture", False),
    ]


def test_times_that_are_known_beforehand_decide_what_is_looked_at():
    """Captioning again needs no vectors: which frames differ is known from the first time."""
    video = video_in_work(analyses=[Analysis(0, CAPTIONS, look_at_seconds=frozenset([0.0, 2.0]))])
    looks = [give(video, index, "red") for index in range(4)]
    assert [look is not None for look in looks] == [True, False, True, False]


def test_chunks_end_at_the_same_places_wherever_a_run_begins():
    video = video_in_work(num_frames_before=4, analyses=[])
    for index in range(4, 10):
        give(video, index, "red")
    assert [len(done.chunk.tracks[FRAMES]) for done in video.finished_chunks()] == [4]


def test_a_frame_without_a_vector_that_it_should_have_says_so():
    video = video_in_work(analyses=[])
    picture = Picture(video.job, 0, 0.0, 0.0, b"jpeg", striped("red"))
    video.add(picture, {})
    video.end()
    (done,) = video.finished_chunks()
    (frame,) = done.chunk.tracks[FRAMES]
    assert frame == SegmentRecord(
        0.0, done.chunk.until_seconds, None, {"without_vectors": ["colour"]}, {}, b"jpeg"
    )


def test_a_picture_is_let_go_as_soon_as_nothing_waits_for_it():
    video = video_in_work()
    look = give(video, 0, "red")
    give(video, 1, "red")
    held = [frame.picture.image for frame in video._frames]
    assert held == [None, None]
    assert look.image is not None
