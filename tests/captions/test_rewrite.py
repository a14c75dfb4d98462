"""Corrections by people and captions by other models, on a real video in a real library."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fakes import ColourCaptioner, ColourEmbedder
from tests.synthetic import BLUE, RED, Colour, solid, write_video
from vidsearch.captions.rewrite import Recaptioned, correct, recaption
from vidsearch.errors import MediaError, QueryError
from vidsearch.ingest import ingest, parse_caption_policy
from vidsearch.store.library import Library
from vidsearch.types import CaptionOrigin, SamplingPlan

if TYPE_CHECKING:
    from vidsearch.types import UInt8Image


def shaded(colour: Colour) -> UInt8Image:
    """A colour over a darker one: a flat picture would be blank, and have no caption."""
    image = solid(colour)
    image[32:] //= 2
    return image


@pytest.fixture
def library(tmp_path):
    """Four seconds of red, then four of blue; one frame a second, two of them captioned."""
    clip = write_video(
        tmp_path / "clip.mp4", lambda n: shaded(RED if n < 40 else BLUE), num_frames=80, frame_rate=10
    )
    with Library.open(tmp_path / "library", create=True) as library:
        ingest(
            library,
            [clip],
            embedders=[ColourEmbedder()],
            captioner=ColourCaptioner("first"),
            plan=SamplingPlan(fps=1.0),
        )
        yield library


def said(library: Library) -> list[tuple[str, str, bool]]:
    video = library.videos()[0]
    return [
        (frame.caption.text, frame.caption.model or frame.caption.origin.value, frame.caption.carried_over)
        for frame in library.frames(video.id)
        if frame.caption is not None
    ]


def test_recaptioning_replaces_and_keeps_the_old_as_versions(library):
    video = library.videos()[0]
    captioner = ColourCaptioner("second", prompt="now")
    assert recaption(library, video, captioner) == Recaptioned(2, 6, 0, 0)
    assert captioner.num_images == 2
    assert said(library) == [
        ("a red picture", "second", False),
        *[("a red picture", "second", True)] * 3,
        ("a blue picture", "second", False),
        *[("a blue picture", "second", True)] * 3,
    ]
    versions = library.caption_versions(library.frames(video.id)[0].id)
    assert [(one.caption.model, one.caption.prompt, one.is_active) for one in versions] == [
        ("first", None, False),
        ("second", "now", True),
    ]


def test_a_correction_is_found_and_survives_recaptioning(library):
    video = library.videos()[0]
    done = correct(library, video, 5.7, " a  deep\nsea ", only_here=True)
    assert (done.start_seconds, done.end_seconds, done.text) == (5.0, 6.0, "a deep sea")
    frame = library.frames(video.id)[5]
    assert done.frame_ids == (frame.id,)
    assert frame.caption is not None
    assert (frame.caption.text, frame.caption.origin) == ("a deep sea", CaptionOrigin.HUMAN)
    assert [match.frame_id for match in library.caption_matches("sea", 5)] == [frame.id]
    assert recaption(library, video, ColourCaptioner("second")) == Recaptioned(3, 5, 1, 0)
    assert said(library)[5] == ("a deep sea", "human", False)


@pytest.mark.parametrize(("at", "span"), [(1.0, (0.0, 4.0)), (0.0, (0.0, 4.0)), (5.7, (4.0, 8.0))])
def test_a_correction_covers_the_frames_that_look_alike(library, at, span):
    video = library.videos()[0]

    done = correct(library, video, at, "a cloth")

    assert (done.start_seconds, done.end_seconds, len(done.frame_ids)) == (*span, 4)
    corrected = [text == "a cloth" for text, _, _ in said(library)]
    assert corrected == [span[0] <= second < span[1] for second in range(8)]
    assert recaption(library, video, ColourCaptioner("second")).num_kept == 4
    assert [text == "a cloth" for text, _, _ in said(library)] == corrected


def test_frames_that_each_have_a_caption_are_alike_by_their_pictures(library, tmp_path):
    """With a caption for every frame, a run of look-alikes shows in the vectors alone."""
    with Library.open(tmp_path / "each", create=True) as each:
        ingest(
            each,
            [library.videos()[0].path],
            embedders=[ColourEmbedder()],
            captioner=ColourCaptioner("first"),
            caption_policy=parse_caption_policy("frame"),
        )
        done = correct(each, each.videos()[0], 2.0, "a cloth")

    assert (done.start_seconds, done.end_seconds) == (0.0, 4.0)


@pytest.mark.parametrize("time_seconds", [8.5, 100.0])
def test_a_time_after_the_end_is_no_frame(library, time_seconds):
    with pytest.raises(QueryError, match="no frame at"):
        correct(library, library.videos()[0], time_seconds, "a sea")


@pytest.mark.parametrize("text", ["", "  \n", "\x00"])
def test_a_correction_has_words(library, text):
    with pytest.raises(QueryError, match="needs words"):
        correct(library, library.videos()[0], 1.0, text)


def test_a_file_that_is_gone_changes_nothing(library):
    video = library.videos()[0]
    before = said(library)
    Path(video.path).unlink()
    with pytest.raises(MediaError):
        recaption(library, video, ColourCaptioner("second"))
    assert said(library) == before
