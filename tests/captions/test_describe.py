"""A library's videos in words, from a real library."""

import json

import pytest

from tests.captions.examples import render
from tests.captions.libraries import EMBEDDER, add_video, create
from vidsearch.captions.describe import Describer
from vidsearch.captions.export import find_format
from vidsearch.tracks import FILE, SegmentRecord, TrackSpec
from vidsearch.types import Shot


@pytest.fixture
def library(tmp_path):
    with create(tmp_path / "library") as library:
        yield library


def spans(parts):
    return [(part.start_seconds, part.end_seconds, part.caption.text) for part in parts]


def test_a_video_is_what_most_of_it_shows(library, tmp_path):
    video = add_video(library, tmp_path / "a.mp4", ["red"] * 6 + ["blue"] * 3)
    described = Describer(library, encoder=EMBEDDER).video(video)
    assert described is not None
    assert described.caption.text == "a red picture"
    assert described.caption.method == "mbr_words"
    assert described.caption.support == pytest.approx(2 / 3)
    assert (described.start_seconds, described.end_seconds) == (0.0, 9.0)
    assert described.frame_id in [frame.id for frame in library.frames(video.id)[:6]]


def test_without_an_encoder_words_decide(library, tmp_path):
    video = add_video(library, tmp_path / "a.mp4", ["red"] * 6 + ["blue"] * 3)
    described = Describer(library).video(video)
    assert described is not None
    assert described.caption.method == "mbr_words"


def test_chapters_are_runs_of_like_frames(library, tmp_path):
    looks = ["red"] * 6 + [None] + ["blue"] * 5 + ["red"] * 4
    video = add_video(library, tmp_path / "a.mp4", looks)
    assert spans(Describer(library, encoder=EMBEDDER).sections(video)) == [
        (0.0, 7.0, "a red picture"),
        (7.0, 12.0, "a blue picture"),
        (12.0, 16.0, "a red picture"),
    ]


def test_shots_are_the_librarys_own_and_like_neighbours_are_one(library, tmp_path):
    video = add_video(
        library,
        tmp_path / "a.mp4",
        ["red"] * 4 + ["blue"] * 2,
        shots=[Shot(0.0, 1.0), Shot(1.0, 3.9), Shot(3.9, 6.0)],
    )
    assert spans(Describer(library, encoder=EMBEDDER).sections(video, level="shot")) == [
        (0.0, 4.0, "a red picture"),
        (4.0, 6.0, "a blue picture"),
    ]


def test_frames_and_the_whole_video_are_levels_too(library, tmp_path):
    video = add_video(library, tmp_path / "a.mp4", ["red", None, "blue"])
    describer = Describer(library)
    assert spans(describer.sections(video, level="frame")) == [
        (0.0, 1.0, "a red picture"),
        (2.0, 3.0, "a blue picture"),
    ]
    assert len(describer.sections(video, level="video")) == 1


def test_without_vectors_a_section_lasts_until_the_caption_changes(library, tmp_path):
    video = add_video(library, tmp_path / "a.mp4", ["red", "red", "blue", "red"])
    assert [span[:2] for span in spans(Describer(library).sections(video))] == [
        (0.0, 2.0),
        (2.0, 3.0),
        (3.0, 4.0),
    ]


def test_a_library_is_what_most_of_its_videos_show(library, tmp_path):
    add_video(library, tmp_path / "a.mp4", ["blue"] * 3)
    add_video(library, tmp_path / "b.mp4", ["red"] * 5)
    add_video(library, tmp_path / "c.mp4", ["red"] * 2)
    described = Describer(library, encoder=EMBEDDER).library()
    assert described is not None
    assert described.text == "a red picture"


def test_nothing_said_is_nothing_described(library, tmp_path):
    video = add_video(library, tmp_path / "a.mp4", ["red", "blue"], captions=[None, None])
    describer = Describer(library, encoder=EMBEDDER)
    assert describer.video(video) is None
    assert describer.sections(video) == []
    assert describer.library() is None


def test_each_text_is_embedded_once(library, tmp_path):
    video = add_video(library, tmp_path / "a.mp4", ["red"] * 6 + ["blue"] * 6)
    before = EMBEDDER.num_texts
    describer = Describer(library, encoder=EMBEDDER)
    describer.video(video)
    describer.sections(video)
    assert EMBEDDER.num_texts - before == 2


@pytest.mark.parametrize("name", ["json", "vtt", "chapters", "frames"])
def test_a_document_has_what_its_format_needs(library, tmp_path, name):
    video = add_video(library, tmp_path / "a.mp4", ["red"] * 6 + ["blue"] * 5)
    needs = find_format(name).needs
    document = Describer(library, encoder=EMBEDDER).document(video, needs=needs)
    assert len(document.frames) == 11
    assert (document.summary == "a red picture") == ("summary" in needs)
    assert (len(document.sections) == 2) == ("sections" in needs)
    assert (document.picture is not None) == ("pictures" in needs)
    assert document.vectors == {}


def test_subtitles_are_in_the_document(library, tmp_path):
    video = add_video(library, tmp_path / "a.mp4", ["red"])
    spec = TrackSpec("subtitle", FILE, {"name": "english"})
    library.put_track(video.id, spec, [SegmentRecord(0.5, 1.0, "a sunset")])
    document = json.loads(render([Describer(library).document(video)], format_name="json"))
    assert document["videos"][0]["subtitles"] == [
        {"track": "english", "cues": [{"start_seconds": 0.5, "end_seconds": 1.0, "text": "a sunset"}]}
    ]


def test_the_same_library_gives_the_same_bytes(library, tmp_path):
    video = add_video(library, tmp_path / "a.mp4", ["red"] * 6 + ["blue"] * 5)
    needs = find_format("json").needs
    first, second = (
        render([Describer(library, encoder=EMBEDDER).document(video, needs=needs)], format_name="json")
        for _ in range(2)
    )
    assert first == second
