"""A library at a glance, from a real library of colours."""

import pytest

from tests.captions.libraries import add_video, create
from vidsearch.service.overview import best_queries, common_words, duplicates, overview, telling_words
from vidsearch.store.matrix import Matrix, Rows
from vidsearch.types import UNCLEAR_CAPTION


def frames_of(library):
    return [frame for video in library.videos() for frame in library.frames(video.id)]


@pytest.fixture
def library(tmp_path):
    with create(tmp_path / "library") as library:
        add_video(library, tmp_path / "a.mp4", ["red"] * 3 + ["blue"] * 2 + [None])
        add_video(library, tmp_path / "b.mp4", ["blue", "green"])
        yield library


def test_like_frames_are_near_each_other_on_the_map(library):
    points = overview(library, max_points=100).points
    places = [(round(point.x, 6), round(point.y, 6)) for point in points]
    assert len(points) == 7
    assert len(set(places)) == 3
    assert places[3] == places[4] == places[5]
    assert [point.video.path.name for point in points] == ["a.mp4"] * 5 + ["b.mp4"] * 2
    assert overview(library, max_points=100).points == points


def test_a_map_of_many_frames_shows_some(library):
    assert [point.frame.id for point in overview(library, max_points=3).points] == [1, 4, 8]


def test_like_frames_are_one_group_with_a_picture_and_a_name(tmp_path):
    with create(tmp_path / "library") as library:
        looks = ["red"] * 20 + ["blue"] * 10 + ["green"] * 6
        add_video(library, tmp_path / "a.mp4", looks, captions=[look and f"a {look} dog" for look in looks])
        found = overview(library, max_points=100)
    assert [(one.name.split(", ")[0], one.num_frames) for one in found.clusters] == [
        ("red", 20),
        ("blue", 10),
        ("green", 6),
    ]
    assert [one.share for one in found.clusters] == pytest.approx([20 / 36, 10 / 36, 6 / 36])
    assert [one.frame.time_seconds < 20 for one in found.clusters] == [True, False, False]
    assert [point.cluster for point in found.points] == [0] * 20 + [1] * 10 + [2] * 6


def test_words_that_say_nothing_are_not_counted():
    assert telling_words("a picture of two dogs that make out the front") == {"dogs"}
    assert telling_words(UNCLEAR_CAPTION) == set()


def test_examples_are_captions_that_are_answered_well():
    sure = {"a red dog": 0.7, "a cat on a sofa": 0.9, "a dog, red": 0.8, "a bus": None}
    asked = []

    def confidence(text):
        asked.append(text)
        return sure[text]

    captions = [*sure, UNCLEAR_CAPTION, "a red dog", "a dog " * 20]
    assert best_queries(captions, confidence, limit=5) == ["a cat on a sofa", "a dog, red"]
    assert asked == list(sure)
    assert best_queries(captions, confidence, limit=1) == ["a cat on a sofa"]


def test_duplicates_are_between_videos(library):
    (twins,) = duplicates(library, limit=10)
    assert [(video.path.name, frame.time_seconds) for video, frame in (twins.first, twins.second)] == [
        ("a.mp4", pytest.approx(3.5, abs=0.5)),
        ("b.mp4", 0.0),
    ]
    assert twins.cosine == pytest.approx(1.0)


def test_common_words_count_frames(library):
    assert common_words(frames_of(library), limit=3) == [("blue", 3), ("red", 3), ("green", 1)]


def test_an_empty_library_has_nothing_to_show(tmp_path):
    with create(tmp_path / "empty") as library:
        assert overview(library, max_points=10).points == ()
        assert duplicates(library, limit=10) == []
        assert common_words(frames_of(library), limit=10) == []


def first_rows(matrix, count):
    return Matrix(
        matrix.segment_ids[:count],
        matrix.video_ids[:count],
        matrix.times[:count],
        Rows(matrix.vectors[:count]),
    )


def test_a_run_that_removes_a_video_meanwhile_does_no_harm(library, monkeypatch):
    first = library.videos()[0]
    monkeypatch.setattr(library, "videos", lambda: [first])
    assert duplicates(library, limit=10) == []
    assert {point.video.id for point in overview(library, max_points=10).points} == {first.id}
    monkeypatch.undo()
    known = library.matrix
    monkeypatch.setattr(library, "matrix", lambda space: first_rows(known(space), 3))
    assert duplicates(library, limit=10) == []
