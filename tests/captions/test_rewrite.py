"""Corrections by people and captions by other models, on a real video in a real library."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fakes import ColourCaptioner, ColourEmbedder
from tests.synthetic import BLUE, RED, Colour, solid, write_video
from vidsearch.captions.rewrite import correct, recaption
from vidsearch.errors import QueryError
from vidsearch.ingest import ingest, parse_policy
from vidsearch.models.mini.weights import space as mini_space
from vidsearch.store.store import Store
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
    with Store.open(tmp_path / "library", create=True) as library:
        ingest(
            library,
            [clip],
            embedders=[ColourEmbedder()],
            captioner=ColourCaptioner("first"),
            plan=SamplingPlan(fps=1.0),
        )
        yield library


def said(library: Store) -> list[tuple[str, str, bool]]:
    video = library.videos()[0]
    return [
        (frame.caption.text, frame.caption.model or frame.caption.origin.value, frame.caption.carried_over)
        for frame in library.frames(video.id)
        if frame.caption is not None
    ]


def test_recaptioning_replaces_and_keeps_the_old_as_versions(library):
    video = library.videos()[0]
    captioner = ColourCaptioner("second", prompt="now")
    report = recaption(library, [video], captioner)
    assert (report.counts.num_captions_written, report.counts.num_captions_carried_over) == (2, 6)
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
    done = correct(library, video, 5.7, " a  deep\nsea ")
    assert (done.start_seconds, done.end_seconds, done.text) == (4.0, 8.0, "a deep sea")
    frame = library.frames(video.id)[5]
    assert frame.caption is not None
    assert (frame.caption.text, frame.caption.origin) == ("a deep sea", CaptionOrigin.HUMAN)
    recaption(library, [video], ColourCaptioner("second"))
    assert said(library)[3:5] == [("a red picture", "second", True), ("a deep sea", "human", False)]
    (active,) = (version for version in library.caption_versions(frame.id) if version.is_active)
    assert active.caption.text == "a deep sea"
    lines = mini_space().of("caption")
    assert len(library.matrix(lines)) == 1  # found by what it means, and what models said is not
    assert library.lines_lacking(lines, 9, by_models=False) == []


def test_a_correction_may_be_of_one_frame_alone(library):
    correct(library, library.videos()[0], 5.7, "a deep sea", only_here=True)
    texts = [text for text, *_ in said(library)]
    assert texts == ["a red picture"] * 4 + ["a blue picture", "a deep sea"] + ["a blue picture"] * 2


def test_the_last_of_two_corrections_holds_and_the_first_is_kept(library):
    video = library.videos()[0]
    correct(library, video, 5.7, "a deep sea")
    done = correct(library, video, 5.7, "a wave", only_here=True)
    texts = [text for text, *_ in said(library)]
    assert texts[4:] == ["a deep sea", "a wave", "a deep sea", "a deep sea"]
    assert [version.caption.text for version in library.caption_versions(*done.frame_ids)] == [
        "a blue picture",
        "a deep sea",
        "a wave",
    ]


@pytest.mark.parametrize(("at", "span"), [(1.0, (0.0, 4.0)), (0.0, (0.0, 4.0)), (5.7, (4.0, 8.0))])
def test_a_correction_covers_the_frames_that_look_alike(library, at, span):
    video = library.videos()[0]

    done = correct(library, video, at, "a cloth")

    assert (done.start_seconds, done.end_seconds, len(done.frame_ids)) == (*span, 4)
    corrected = [text == "a cloth" for text, _, _ in said(library)]
    assert corrected == [span[0] <= second < span[1] for second in range(8)]
    recaption(library, [video], ColourCaptioner("second"))
    assert [text == "a cloth" for text, _, _ in said(library)] == corrected


def test_frames_that_each_have_a_caption_are_alike_by_their_pictures(library, tmp_path):
    """With a caption for every frame, a run of look-alikes shows in the vectors alone."""
    with Store.open(tmp_path / "each", create=True) as each:
        ingest(
            each,
            [library.videos()[0].path],
            embedders=[ColourEmbedder()],
            captioner=ColourCaptioner("first"),
            caption_policy=parse_policy("frame"),
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
    report = recaption(library, [video], ColourCaptioner("second"))
    assert [failure.path for failure in report.failures] == [video.path]
    assert said(library) == before


def test_another_film_under_the_same_name_is_not_captioned(library):
    video = library.videos()[0]
    before = said(library)
    write_video(video.path, lambda _: shaded(RED), num_frames=80, frame_rate=10)
    captioner = ColourCaptioner("second")
    report = recaption(library, [video], captioner)
    assert [failure.error for failure in report.failures] == ["VideoReplaced"]
    assert (said(library), captioner.num_images) == (before, 0)
