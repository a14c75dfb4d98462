from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.fakes import COLOURS, ColourEmbedder
from tests.ingest.clips import striped
from vidsearch.ingest.chunks import VideoInWork
from vidsearch.ingest.policy import CaptionMemory, CaptionPolicy
from vidsearch.ingest.report import Counts
from vidsearch.ingest.work import Picture, VideoJob
from vidsearch.types import Caption, SamplingPlan

EMBEDDER = ColourEmbedder()
NOVEL = CaptionPolicy(rule="novel", min_distance=0.5)


def caption(text: str) -> Caption:
    return Caption(text=text, raw_text=text, model="colour")


def video_in_work(policy: CaptionPolicy = NOVEL, **job) -> VideoInWork:
    return VideoInWork(
        VideoJob(key=0, path=Path("a.mp4"), plan=SamplingPlan(), **job),
        policy=policy,
        space=EMBEDDER.space,
        chunk_frames=4,
    )


def give(video: VideoInWork, index: int, colour: str, *, is_captioned: bool = True):
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
    return video.add(picture, vectors, is_captioned=is_captioned)


def texts(chunk) -> list[tuple[str | None, bool]]:
    return [
        (None, False) if frame.caption is None else (frame.caption.text, frame.caption.carried_over)
        for frame in chunk.frames
    ]


def test_a_stretch_is_ready_once_the_next_one_begins_and_its_captions_are_there():
    video = video_in_work()
    slots = [give(video, index, "red") for index in range(4)]
    assert [slot is not None for slot in slots] == [True, False, False, False]
    assert list(video.finished_chunks()) == []
    blue = give(video, 4, "blue")
    assert list(video.finished_chunks()) == []  # red still waits for its caption
    slots[0].caption = caption("a red picture")
    (done,) = video.finished_chunks()
    assert texts(done.chunk) == [("a red picture", False)] + [("a red picture", True)] * 3
    assert done.chunk.until_seconds == 4.0
    assert done.counts == Counts(num_frames=4, num_captions_written=1, num_captions_carried_over=3)
    blue.caption = caption("a blue picture")
    assert not video.is_finished
    video.end()
    (last,) = video.finished_chunks()
    assert texts(last.chunk) == [("a blue picture", False)]
    assert 4.0 < last.chunk.until_seconds < 4.01
    assert video.is_finished


def test_blank_frames_have_neither_vectors_nor_a_caption_and_do_not_end_what_is_carried_over():
    video = video_in_work()
    give(video, 0, "red").caption = caption("a red picture")
    assert give(video, 1, "black") is None
    assert give(video, 2, "red") is None
    video.end()
    (done,) = video.finished_chunks()
    assert texts(done.chunk) == [("a red picture", False), (None, False), ("a red picture", True)]
    assert [frame.is_blank for frame in done.chunk.frames] == [False, True, False]
    assert done.chunk.frames[1].vectors == {}
    assert done.counts.num_blank == 1


def test_a_repeat_shares_vectors_and_caption_of_the_frame_it_repeats():
    video = video_in_work(CaptionPolicy(rule="frame"))
    give(video, 0, "red").caption = caption("a red picture")
    assert give(video, 1, "same") is None
    video.end()
    (done,) = video.finished_chunks()
    first, second = done.chunk.frames
    assert np.array_equal(first.vectors[EMBEDDER.space], second.vectors[EMBEDDER.space])
    assert texts(done.chunk) == [("a red picture", False), ("a red picture", True)]
    assert done.counts.num_near_duplicates == 1


def test_without_a_captioner_no_frame_has_a_caption():
    video = video_in_work()
    assert give(video, 0, "red", is_captioned=False) is None
    video.end()
    (done,) = video.finished_chunks()
    assert texts(done.chunk) == [(None, False)]


def test_a_resumed_video_carries_over_what_was_captioned_before():
    # Without its memory the first frame of every resumed run would be captioned again.
    red = EMBEDDER.embed_images([striped("red")])[0]
    video = video_in_work(
        num_frames_before=4,
        resume_from_seconds=4.0,
        last_captioned=CaptionMemory(2, 2.0, red),
        last_caption=caption("a red picture"),
    )
    assert give(video, 4, "red") is None
    give(video, 5, "blue").caption = caption("a blue picture")
    video.end()
    (done,) = video.finished_chunks()
    assert texts(done.chunk) == [("a red picture", True), ("a blue picture", False)]


def test_stretches_end_at_the_same_places_wherever_a_run_begins():
    video = video_in_work(num_frames_before=4)
    for index in range(4, 10):
        give(video, index, "red", is_captioned=False)
    assert [len(done.chunk.frames) for done in video.finished_chunks()] == [4]


def test_a_picture_is_let_go_as_soon_as_nothing_waits_for_it():
    video = video_in_work()
    slot = give(video, 0, "red")
    give(video, 1, "red")
    held = [frame.picture.image for frame in video._frames]
    assert held == [None, None]
    assert slot.image is not None
