"""A library at a glance, from a real library of colours."""

import pytest

from tests.captions.libraries import add_video, create
from vidsearch.web.overview import common_words, duplicates, frame_map


@pytest.fixture
def library(tmp_path):
    with create(tmp_path / "library") as library:
        add_video(library, tmp_path / "a.mp4", ["red"] * 3 + ["blue"] * 2 + [None])
        add_video(library, tmp_path / "b.mp4", ["blue", "green"])
        yield library


def test_like_frames_are_near_each_other_on_the_map(library):
    points = frame_map(library, max_points=100)
    places = [(round(point.x, 6), round(point.y, 6)) for point in points]
    assert len(points) == 7
    assert len(set(places)) == 3
    assert places[3] == places[4] == places[5]
    assert [point.video.path.name for point in points] == ["a.mp4"] * 5 + ["b.mp4"] * 2
    assert frame_map(library, max_points=100) == points


def test_a_map_of_many_frames_shows_some(library):
    assert [point.frame.id for point in frame_map(library, max_points=3)] == [1, 4, 8]


def test_duplicates_are_between_videos(library):
    (twins,) = duplicates(library, limit=10)
    assert [(video.path.name, frame.time_seconds) for video, frame in (twins.first, twins.second)] == [
        ("a.mp4", pytest.approx(3.5, abs=0.5)),
        ("b.mp4", 0.0),
    ]
    assert twins.cosine == pytest.approx(1.0)


def test_common_words_count_frames(library):
    assert common_words(library, limit=3) == [("picture", 7), ("blue", 3), ("red", 3)]


def test_an_empty_library_has_nothing_to_show(tmp_path):
    with create(tmp_path / "empty") as library:
        assert frame_map(library, max_points=10) == []
        assert duplicates(library, limit=10) == []
        assert common_words(library, limit=10) == []


def test_a_run_that_removes_a_video_meanwhile_does_no_harm(library, monkeypatch):
    first = library.videos()[0]
    monkeypatch.setattr(library, "videos", lambda: [first])
    assert duplicates(library, limit=10) == []
    assert {point.video.id for point in frame_map(library, max_points=10)} == {first.id}
    monkeypatch.undo()
    known = library.matrix
    monkeypatch.setattr(library, "matrix", lambda space: tuple(part[:3] for part in known(space)))
    assert duplicates(library, limit=10) == []
