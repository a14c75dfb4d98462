"""Chapters and whole videos described by a model that reads several frames at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes import ColourCaptioner, ColourDescriber, ColourEmbedder
from tests.ingest.clips import colour_clip
from vidsearch.captions.describe import Describer
from vidsearch.captions.parts import PartRequest, PartsReport, describe_parts, parts_of
from vidsearch.ingest import ProgressState, ingest
from vidsearch.search.engine import search
from vidsearch.search.query import Query
from vidsearch.store.store import Store
from vidsearch.tracks import SegmentRecord, TrackSpec
from vidsearch.types import SamplingPlan, Video

EMBEDDER = ColourEmbedder()
PROMPT = PartRequest("chapter", "Say it.")


@pytest.fixture
def library(tmp_path: Path):
    """A video of four red seconds, then four blue ones, and one that is green throughout."""
    colour_clip(tmp_path / "two.mp4", ["red"] * 4 + ["blue"] * 4)
    colour_clip(tmp_path / "green.mp4", ["green"] * 3)
    with Store.open(tmp_path / "library", create=True) as library:
        ingest(
            library,
            [tmp_path / "two.mp4", tmp_path / "green.mp4"],
            embedders=[EMBEDDER],
            captioner=ColourCaptioner(),
            plan=SamplingPlan(fps=2),
        )
        yield library


def in_order(library: Store) -> list[Video]:
    return [library.video("green.mp4"), library.video("two.mp4")]


def texts(library: Store, video_id: int) -> list[tuple[float, float, str | None]]:
    return [
        (each.start_seconds, each.end_seconds, each.text)
        for track in library.tracks(video_id)
        if track.kind == "chapter" and track.spec.producer == "colours"
        for each in library.segments(track.id)
    ]


def test_each_chapter_is_described_by_its_own_frames(library: Store):
    video = library.video("two.mp4")
    assert parts_of(library, video, "chapter") == [(0.0, 4.0), (4.0, 8.0)]
    done = describe_parts(library, [video], ColourDescriber(), PROMPT)
    assert done == PartsReport(num_described=1, num_parts=2, num_skipped=0, failures=())
    assert texts(library, video.id) == [
        (0.0, 4.0, "red 0.5 red 1.5 red 2.5 red 3.5 of 4 s: Say it."),
        (4.0, 8.0, "blue 0.5 blue 1.5 blue 2.5 blue 3.5 of 4 s: Say it."),
    ]
    (track,) = [track for track in library.tracks(video.id) if track.spec.producer == "colours"]
    assert track.spec.params == {"level": "chapter", "request": "Say it.", "max_words": 25}
    assert [each.attributes["frame_seconds"] for each in library.segments(track.id)] == [
        [0.5, 1.5, 2.5, 3.5],
        [4.5, 5.5, 6.5, 7.5],
    ]


def test_a_whole_video_is_described_beside_its_chapters(library: Store):
    video = library.video("two.mp4")
    describe_parts(library, [video], ColourDescriber(), PROMPT)
    whole = PartRequest("video", None, 12, "German")
    describe_parts(library, [video], ColourDescriber(), whole)
    asked = "Sum up in at most 12 words what this video shows. Answer in German."
    assert texts(library, video.id)[2:] == [(0.0, 8.0, f"red 1 red 3 blue 5 blue 7 of 8 s: {asked}")]
    describer = Describer(library, encoder=EMBEDDER)
    shown = describer.video(video)
    assert shown is not None
    assert (shown.caption.text, shown.caption.method) == (texts(library, video.id)[2][2], "written")
    assert [part.caption.text for part in describer.sections(video)] == [
        text for _, _, text in texts(library, video.id)[:2]
    ]
    assert next(part.caption.text for part in describer.sections(video, level="frame")) == "a red picture"


def test_what_is_said_again_takes_the_place_of_what_was_said(library: Store):
    video = library.video("green.mp4")
    model = ColourDescriber()
    for request in (PROMPT, PROMPT, PartRequest("chapter", "Say more.")):
        describe_parts(library, [video], model, request)
    assert model.num_calls == 2
    assert [text for _, _, text in texts(library, video.id)] == [
        "green 0.375 green 1.125 green 1.875 green 2.625 of 3 s: Say more."
    ]


def test_the_files_own_chapters_are_described_and_kept(library: Store):
    video = library.video("two.mp4")
    library.put_track(
        video.id,
        TrackSpec("chapter", "container"),
        [SegmentRecord(0.0, 6.0, "Intro"), SegmentRecord(6.0, 8.0, "End")],
    )
    describe_parts(library, [video], ColourDescriber(max_frames=2), PROMPT)
    assert [text for _, _, text in texts(library, video.id)] == [
        "red 1.5 blue 4.5 of 6 s: Say it.",
        "blue 0.5 blue 1.5 of 2 s: Say it.",
    ]
    found = search(library, Query(text="intro", kinds=("chapters",)), encoders={})
    assert [(hit.start_seconds, hit.end_seconds) for hit in found.hits] == [(0.0, 6.0)]


def test_what_was_said_is_found_by_its_words(library: Store):
    describe_parts(library, library.videos(), ColourDescriber(), PartRequest("chapter", "A windmill turns."))
    found = search(library, Query(text="windmill", kinds=("chapters",)), encoders={})
    assert len(found.hits) == 3


def test_a_file_that_is_gone_is_reported_and_a_stopped_run_continues(library: Store, tmp_path: Path):
    (tmp_path / "green.mp4").unlink()

    class Stopping(ColourDescriber):
        def describe(self, *args, **kwargs):
            raise KeyboardInterrupt

    done = describe_parts(library, in_order(library), Stopping(), PROMPT)
    assert (done.interrupted, done.num_described, len(done.failures)) == (True, 0, 1)
    done = describe_parts(library, library.videos(), ColourDescriber(), PROMPT)
    assert (done.interrupted, done.num_described, done.num_parts) == (False, 1, 2)
    ((path, reason),) = done.failures
    assert path == tmp_path / "green.mp4"
    assert "No such file" in reason


def test_progress_counts_seconds_of_video(library: Store):
    states: list[ProgressState] = []
    describe_parts(library, in_order(library), ColourDescriber(), PROMPT, on_progress=states.append)
    assert [(state.files_done, state.seconds_done, state.seconds_total) for state in states] == [
        (0, 3.0, 11.0),
        (1, 7.0, 11.0),
        (1, 11.0, 11.0),
    ]
