"""Whatever is made again is built beside what is there, and what people made stays, whatever happens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.fakes import ColourCaptioner, ColourEmbedder
from tests.ingest.clips import colour_clip
from tests.media.test_embedded import with_subtitles
from vidsearch.ingest import IngestReport, PipelineOptions, add_tracks, ingest
from vidsearch.ingest.analyzers import CaptionAnalyzer
from vidsearch.search.engine import search
from vidsearch.search.query import Query
from vidsearch.store.records import Lease
from vidsearch.store.store import Store
from vidsearch.tracks import FILE, Chunk, SegmentRecord, TrackSpec, WordKind
from vidsearch.types import LibraryModels, SamplingPlan

ONCE, TWICE = SamplingPlan(fps=1), SamplingPlan(fps=2)
PEOPLE = WordKind("caption", is_human=True)
SMALL_CHUNKS = PipelineOptions(chunk_frames=2, analyzer_batch_size=1)


class BrokenCaptioner(ColourCaptioner):
    """Fails at its second picture, as a model that runs out of memory or of luck does."""

    def captions(self, images):
        if self.num_images:
            raise RuntimeError("the model broke")
        return super().captions(images)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return colour_clip(tmp_path / "a.mp4", ["red", "red", "blue", "blue"])


def index(library: Store, *paths: Path, **options: Any) -> IngestReport:
    how: dict[str, Any] = {
        "embedders": [ColourEmbedder()],
        "captioner": ColourCaptioner(),
        "plan": ONCE,
        "options": SMALL_CHUNKS,
        **options,
    }
    return ingest(library, paths, **how)


def with_words_of_people(library: Store, clip: Path) -> int:
    """Index a clip, and give it a correction and subtitles. Returns the video's id."""
    index(library, clip)
    (video,) = library.videos()
    library.add_human_caption(video.id, 0.0, 2.0, "Bello's ball")
    spec = TrackSpec("subtitle", FILE, {"name": "english"})
    library.put_track(video.id, spec, [SegmentRecord(1.0, 2.0, "fetch it")])
    return video.id


def words_of_people(library: Store) -> list[str]:
    found = library.match("bello fetch", 9, kinds=(PEOPLE, WordKind("subtitle")))
    return sorted(match.text for match in found)


def shown(library: Store, video_id: int) -> list[tuple[str, str, str]]:
    """Kind, producer and state of each track of frames and captions that models made."""
    return [
        (track.kind, track.spec.producer, track.state)
        for track in library.tracks(video_id)
        if track.kind in ("frames", "caption") and not track.is_human
    ]


def test_a_reindex_that_fails_loses_nothing(library, clip):
    """One model error took the video with its corrections and subtitles."""
    video_id = with_words_of_people(library, clip)
    frames, before = library.frames(video_id), words_of_people(library)

    broken = BrokenCaptioner()
    report = index(library, clip, captioner=broken, plan=TWICE, reindex=True)

    assert [failure.error for failure in report.failures] == ["ModelError"]
    assert library.frames(video_id) == frames
    assert words_of_people(library) == before == ["Bello's ball", "fetch it"]
    assert ("frames", "sampling", "building") in shown(library, video_id)
    assert (
        library.nearest(ColourEmbedder().space, np.eye(3, dtype=np.float32)[:1], 9)[0].tolist()[0][4:]
        == [-1] * 5
    )


def test_a_reindex_goes_on_where_it_failed_and_takes_the_place_of_the_old(library, clip):
    video_id = with_words_of_people(library, clip)
    index(library, clip, captioner=BrokenCaptioner(), plan=TWICE, reindex=True)

    report = index(library, clip, plan=TWICE, reindex=True)

    assert (report.num_indexed, report.failures) == (1, ())
    assert [frame.time_seconds for frame in library.frames(video_id)] == [n / 2 for n in range(8)]
    assert words_of_people(library) == ["Bello's ball", "fetch it"]
    assert library.frames(video_id)[3].caption.text == "Bello's ball"
    assert shown(library, video_id) == [
        ("caption", "colour", "superseded"),
        ("frames", "sampling", "active"),
        ("caption", "colour", "active"),
    ]
    assert library.verify() == []


def test_another_plan_on_a_half_indexed_video_throws_nothing_away(library, tmp_path, monkeypatch):
    clip = colour_clip(tmp_path / "long.mp4", ["red", "blue"] * 4)
    with monkeypatch.context() as patch:
        append = library.append

        def once(video_id: int, chunk: Chunk, *, lease: Lease | None) -> None:
            if library.frames(video_id):
                raise KeyboardInterrupt
            append(video_id, chunk, lease=lease)

        patch.setattr(library, "append", once)
        assert index(library, clip).interrupted
    (video,) = library.videos()
    half = library.frames(video.id)
    assert (len(half), video.is_complete) == (2, False)

    index(library, clip, captioner=BrokenCaptioner(), plan=TWICE)
    assert library.frames(video.id) == half

    index(library, clip, plan=TWICE)
    assert len(library.frames(video.id)) == 16
    assert library.videos()[0].is_complete


def test_a_replaced_file_leaves_what_people_wrote_with_its_content(library, clip, tmp_path):
    video_id = with_words_of_people(library, clip)
    content = clip.read_bytes()
    colour_clip(clip, ["green", "green"])

    report = index(library, clip)

    assert (report.num_indexed, report.num_replaced) == (1, 1)
    assert [match.video_id for match in library.match("bello", 9, kinds=(PEOPLE,))] == [video_id]
    assert library.frames(video_id) == []
    assert [problem.kind for problem in library.verify()] == ["replaced"]
    # The content comes back: it is the same video, with the same words.
    (tmp_path / "again.mp4").write_bytes(content)
    index(library, tmp_path / "again.mp4")
    assert library.video("again.mp4").id == video_id
    assert library.frames(video_id)[1].caption.text == "Bello's ball"
    assert library.verify() == []


def test_a_model_error_at_a_new_file_leaves_no_empty_video(library, clip):
    report = index(library, clip, captioner=BrokenCaptioner(), options=PipelineOptions(analyzer_batch_size=1))
    assert [failure.error for failure in report.failures] == ["ModelError"]
    assert library.videos() == []


def test_what_is_missing_is_added_to_the_frames_that_are_there(library, clip):
    index(library, clip, captioner=None)
    (video,) = library.videos()
    ids = [frame.id for frame in library.frames(video.id)]
    other, captioner = ColourEmbedder("other"), ColourCaptioner()

    report = index(library, clip, embedders=[ColourEmbedder(), other], captioner=captioner)

    assert (report.num_indexed, report.failures) == (1, ())
    assert [frame.id for frame in library.frames(video.id)] == ids
    assert [frame.caption.text for frame in library.frames(video.id)] == [
        "a red picture",
        "a red picture",
        "a blue picture",
        "a blue picture",
    ]
    assert captioner.num_images == 2  # which frames differ is known from the vectors that are there
    assert library.vectors(other.space, ids)[0].tolist() == ids
    assert library.verify() == []


def test_an_upgrade_is_unseen_until_it_is_whole_and_can_be_continued(library, clip, tmp_path):
    other_clip = colour_clip(tmp_path / "b.mp4", ["green", "green"])
    old, new = ColourEmbedder("old"), ColourEmbedder("new")
    index(library, clip, other_clip, embedders=[old])
    library.set_models(LibraryModels(("old",), "colour"))
    video_id = library.video("a.mp4").id
    library.add_human_caption(video_id, 0.0, 2.0, "Bello's ball")
    library.prepare_upgrade([new.space])
    better = ColourCaptioner("better")

    def upgrade() -> IngestReport:
        return add_tracks(
            library,
            library.videos(),
            embedders=[new],
            analyzers=[CaptionAnalyzer(better)],
            shows=False,
            options=SMALL_CHUNKS,
        )

    other_clip.rename(tmp_path / "away.mp4")
    assert len(upgrade().failures) == 1
    assert library.spaces() == (old.space,)
    assert library.frames(video_id)[2].caption.model == "colour"
    answer = search(library, Query(text="red", num_hits=1, mode="visual"), encoders={old.space: old})
    assert answer.hits[0].video.id == video_id

    (tmp_path / "away.mp4").rename(other_clip)
    before = new.num_images, better.num_images
    report = upgrade()
    # The first video is not done again, and of two green pictures one is looked at.
    assert (report.failures, new.num_images - before[0], better.num_images - before[1]) == ((), 1, 1)
    library.switch_models(LibraryModels(("new",), "better"), [new.space])

    assert library.spaces() == (new.space,)
    assert [frame.caption.text for frame in library.frames(video_id)][:2] == ["Bello's ball"] * 2
    assert library.frames(video_id)[2].caption.model == "better"
    answer = search(library, Query(text="green", num_hits=1, mode="visual"), encoders={new.space: new})
    assert answer.hits[0].video.path == other_clip
    assert library.verify() == []
    library.prune_superseded()
    assert library.vectors(old.space, [1, 2])[0].tolist() == []
    assert words_of_people(library) == ["Bello's ball"]


def test_captions_name_the_weights_that_wrote_them(library, clip):
    """Under a name such as a folder's there may be other weights by now."""
    index(library, clip)
    others = CaptionAnalyzer(ColourCaptioner(weights_digest="others"))

    def again(analyzer: CaptionAnalyzer) -> int:
        before = digests()
        add_tracks(library, library.videos(), analyzers=[analyzer])
        return len(digests()) - len(before)

    def digests() -> list[str]:
        (video,) = library.videos()
        return [each.spec.params["weights"] for each in library.tracks(video.id) if each.kind == "caption"]

    assert digests() == ["colour-1"]
    assert again(CaptionAnalyzer(ColourCaptioner())) == 0
    assert (again(others), again(others)) == (1, 0)
    assert digests() == ["colour-1", "others"]


@pytest.mark.parametrize("bad", [np.full(3, np.nan), np.full(3, 7.0), np.ones(2) / 2**0.5])
def test_a_bad_vector_is_a_warning_and_costs_that_frame_alone(library, clip, bad):
    """One bad vector ended the run, and every later run at the same frame."""

    class OneBad(ColourEmbedder):
        def embed_images(self, images):
            rows = [*super().embed_images(images)]
            if self.num_images == len(images):
                rows[1] = bad.astype(np.float32)
            return rows

    report = index(library, clip, embedders=[OneBad()])

    assert (report.num_indexed, report.failures) == (1, ())
    (warning,) = report.warnings
    assert str(clip) in warning
    assert "first one at 0:02" in warning
    ids = [frame.id for frame in library.frames(1)]
    # The second picture is the third frame: the frame between looks like the first one.
    assert library.vectors(ColourEmbedder().space, ids)[0].tolist() == ids[:2]
    assert library.verify() == []
    assert index(library, clip).num_skipped == 1


# --- subtitles and chapters that a file brings along ---------------------------------------------------


def test_embedded_subtitles_and_chapters_are_tracks_that_words_find(library, tmp_path):
    film = with_subtitles(
        tmp_path,
        [(0.5, 0.5, b"Where is <i>Bello</i>?"), (1.2, 0.5, b"In the garden.")],
        metadata={"language": "eng", "title": "English"},
        chapter_marks=[(0.0, 1.0, "Morning"), (1.0, 2.0, "Noon")],
    )
    index(library, film)
    (video,) = library.videos()

    assert [
        (track.kind, track.name, track.language, track.num_segments, track.is_complete)
        for track in library.tracks(video.id)
        if track.kind in ("subtitle", "chapter")
    ] == [("subtitle", "English", "en", 2, True), ("chapter", "container", None, 2, True)]
    found = library.match("bello noon", 9, kinds=(WordKind("subtitle"), WordKind("chapter")))
    assert sorted((match.kind, match.text, match.start_seconds) for match in found) == [
        ("chapter", "Noon", 1.0),
        ("subtitle", "Where is Bello?", 0.5),
    ]
    index(library, film, plan=TWICE, reindex=True)
    kinds = [track.kind for track in library.tracks(video.id) if track.state == "active"]
    assert sorted(kinds) == ["caption", "chapter", "frames", "subtitle"]


def test_subtitles_beside_a_video_are_tracks_in_the_language_of_their_name(library, clip):
    index(library, clip)
    (video,) = library.videos()
    beside = clip.with_suffix(".de.srt")
    beside.write_text("1\n00:00:01,000 --> 00:00:02,000\nWo ist Bello?\n")

    report = index(library, clip)  # it came later: the video is known, and no model runs

    assert (report.num_skipped, report.num_indexed) == (1, 0)
    (track,) = [track for track in library.tracks(video.id) if track.kind == "subtitle"]
    assert (track.name, track.language, track.num_segments) == ("a.de.srt", "de", 1)
    beside.write_text(
        "1\n00:00:01,000 --> 00:00:02,000\nWo ist Minka?\n\n2\n00:00:02,000 --> 00:00:03,000\nDa!\n"
    )
    index(library, clip)
    (track,) = [track for track in library.tracks(video.id) if track.kind == "subtitle"]
    assert [segment.text for segment in library.segments(track.id)] == ["Wo ist Minka?", "Da!"]
    assert library.match("bello", 9, kinds=(WordKind("subtitle"),)) == []


def test_a_subtitle_file_that_is_none_is_said_once(library, clip):
    clip.with_suffix(".srt").write_text("no subtitles at all")
    assert "no subtitles" in " ".join(index(library, clip).warnings)
    assert index(library, clip).warnings == ()
