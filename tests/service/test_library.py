"""The Python API end to end: real videos, the built-in models, and what the command line does."""

from __future__ import annotations

import shutil
import sys
import threading
from functools import partial
from pathlib import Path

import pytest

import vidsearch
from vidsearch import Answer, Library, Query
from vidsearch.errors import (
    LibraryError,
    LibraryNotFound,
    ModelError,
    QueryError,
    VideoNotFound,
    VidsearchError,
)
from vidsearch.tracks import SegmentRecord, TrackSpec


def names(videos) -> list[str]:
    return sorted(video.path.name for video in videos)


def test_words_find_a_moment(library):
    answer = library.search("a cup of coffee", num_hits=2)

    assert len(answer) == 2
    assert [hit.frame_id for hit in answer] == [answer[0].frame_id, answer[1].frame_id]
    assert answer[:1] == (answer[0],)
    assert answer[0].video.path.name == "cafe.mp4"
    assert answer[0].start_seconds <= answer[0].time_seconds < answer[0].end_seconds
    assert answer.query == Query(text="a cup of coffee", num_hits=2)


def test_every_option_of_a_query_is_a_keyword(library):
    answer = library.search(
        "a rocket", plus="stars:0.5", minus=["people"], video="space", after_seconds=2, dedupe=False
    )

    assert {hit.video.path.name for hit in answer} == {"space.mp4"}
    assert all(hit.end_seconds > 2 for hit in answer)
    assert answer.query.plus[0].weight == 0.5
    assert library.search(like="cat.mp4@6", num_hits=1)[0].video.path.name == "cat.mp4"
    steps = library.search("a rocket", then="stars in the sky", within_seconds=20)[0].steps
    assert [step.text for step in steps] == ["a rocket", "stars in the sky"]


def test_an_unknown_option_is_a_type_error_as_anywhere_in_python(library):
    with pytest.raises(TypeError, match="num_hit'"):
        library.search("a cat", num_hit=3)
    with pytest.raises(TypeError, match="frames_per_second'"):
        library.index("videos", frames_per_second=3)
    with pytest.raises(QueryError, match="contains its own options"):
        library.search(Query(text="a cat"), num_hits=3)


def test_an_answer_is_plain_data_a_table_and_a_data_frame(library):
    answer = library.search("a cat", num_hits=3)

    plain = answer.to_dict()
    assert plain["query"] == {"text": "a cat", "num_hits": 3}
    assert [hit["frame_id"] for hit in plain["hits"]] == [hit.frame_id for hit in answer]
    assert plain["hits"][0]["path"] == str(answer[0].video.path)
    frame = answer.to_pandas()
    assert list(frame["time_seconds"]) == [hit["time_seconds"] for hit in plain["hits"]]
    assert list(frame.columns[:3]) == ["video_id", "path", "frame_id"]
    assert answer._repr_html_().count("<tr>") == 4


def test_a_table_in_a_notebook_escapes_what_a_video_says(own_library):
    own_library.correct("cat.mp4@6", "<script>alert(1)</script>")

    table = own_library.search("script", num_hits=1)._repr_html_()

    assert "&lt;script&gt;" in table
    assert "<script>" not in table


def test_without_pandas_a_data_frame_is_refused_in_words(library, monkeypatch):
    answer = library.search("a cat")
    monkeypatch.setitem(sys.modules, "pandas", None)

    with pytest.raises(VidsearchError, match="pip install pandas"):
        answer.to_pandas()


def test_searches_from_many_threads_give_what_one_gives(library):
    texts = ["a cat", "a rocket", "a cup of coffee", "a photographer"] * 3
    expected = [library.search(text)[0].frame_id for text in texts]
    found: dict[int, int] = {}

    def ask(number: int) -> None:
        found[number] = library.search(texts[number])[0].frame_id

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(texts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[number] for number in range(len(texts))] == expected


def test_indexing_reports_progress_and_knows_what_is_there(own_library, sample_videos):
    seen: list[int] = []

    report = own_library.index(
        [sample_videos / "cat.mp4"], on_progress=lambda state: seen.append(state.files_done)
    )

    assert (report.num_indexed, report.num_skipped, seen[-1]) == (0, 1, 1)


def test_a_run_that_finds_nothing_new_touches_no_file_of_the_library(tmp_path, sample_folder, sample_videos):
    folder = Path(shutil.copytree(sample_folder, tmp_path / "library"))

    def files() -> dict[Path, tuple[int, bytes]]:
        return {
            path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()
        }

    with Library.open(folder) as library:
        library.index(sample_videos)  # the files of the copy are looked at for the first time
    before = files()
    with Library.open(folder) as library:
        assert library.index(sample_videos).num_skipped == 4
    assert files() == before


def test_a_run_that_has_many_lines_to_read_says_how_far_it_is(own_library, sample_videos):
    lines = [SegmentRecord(i / 100, (i + 1) / 100, f"line {i}") for i in range(300)]
    (cat,) = [video for video in own_library.videos() if video.path.name == "cat.mp4"]
    own_library.store.put_track(cat.id, TrackSpec("transcript", "whisper-tiny"), lines)
    seen: list[tuple[int, int]] = []

    own_library.index(
        [sample_videos / "cat.mp4"],
        on_progress=lambda state: seen.append((state.files_done, state.num_lines)),
    )

    assert seen[-3:] == [(1, 0), (1, 256), (1, 300)]


def test_a_first_run_whose_models_cannot_be_loaded_binds_nothing(tmp_path, sample_videos, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "none"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with Library.create(tmp_path / "library") as library:
        with pytest.raises(ModelError):
            library.index(sample_videos / "cat.mp4", models=str(tmp_path / "no model here"))
        assert library.store.models is None

        assert library.index(sample_videos / "cat.mp4", models="mini", captions=False).num_indexed == 1


def test_a_library_is_bound_to_its_models_once_it_holds_a_video(own_library, sample_videos, tmp_path):
    with pytest.raises(LibraryError, match=r"was made with mini \(captions by mini\)"):
        own_library.index(sample_videos, models="clip")

    own_library.remove("all")
    # Nothing is left that was made with mini: another choice is free again.
    with pytest.raises(ModelError):
        own_library.index(sample_videos, models=str(tmp_path / "no model here"))


def test_captions_are_read_at_every_level(library):
    frames = library.captions("cat.mp4")
    chapters = library.captions("cat.mp4", level="chapter")

    assert len(frames.frames) == 16
    assert frames.summary is not None
    assert chapters.summary == frames.summary
    assert chapters.sections[0].start_seconds == 0.0
    assert [each.video.path.name for each in library.summary().videos] == [
        video.path.name for video in library.videos()
    ]


def test_a_correction_counts_at_once_and_says_its_span(own_library):
    done = own_library.correct("cat.mp4@5", "Minka the tomcat")

    assert done.start_seconds <= 5 < done.end_seconds
    assert own_library.find_words("minka")[0].text == "Minka the tomcat"
    assert own_library.recaption("cat.mp4").failures == ()
    assert own_library.find_words("minka")[0].text == "Minka the tomcat"


def test_a_correction_may_be_for_one_frame_only(own_library):
    done = own_library.correct("cat.mp4@5", "Minka", only_here=True)

    assert (done.start_seconds, done.end_seconds, len(done.frame_ids)) == (5.0, 6.0, 1)


def test_captions_go_out_and_subtitles_come_in(own_library, tmp_path):
    (tmp_path / "cat.srt").write_text("1\n00:00:04,000 --> 00:00:06,000\nWho is a good cat?\n")

    assert len(own_library.import_subtitles(tmp_path / "cat.srt", "cat.mp4").cues) == 1
    match = own_library.find_words("good")[0]
    assert (match.kind, match.start_seconds, match.end_seconds) == ("subtitles", 4.0, 6.0)
    assert own_library.export("cat.mp4", "srt", tmp_path / "out.srt") == [tmp_path / "out.srt"]
    assert (tmp_path / "out.srt").read_bytes() == own_library.render("cat.mp4", "srt")
    assert len(own_library.export("c*.mp4", None, tmp_path / "all.csv")) == 1


def test_an_explanation_is_where_words_are_seen(library):
    explanation = library.explain("a cat", "cat.mp4@6")

    assert explanation.relevance.text == "a cat"
    assert explanation.overlay().shape[1:] == explanation.image.shape[1:]


def test_removed_videos_are_gone_from_every_answer(own_library):
    assert names(own_library.remove("c*.mp4")) == ["cafe.mp4", "cat.mp4"]

    assert names(own_library.videos()) == ["photographer.mp4", "space.mp4"]
    assert {hit.video.path.name for hit in own_library.search("a cat")} <= {"photographer.mp4", "space.mp4"}
    with pytest.raises(VideoNotFound):
        own_library.video("cat.mp4")


def test_a_sound_library_has_no_problems(library):
    assert library.verify() == []
    assert library.info().num_videos == 4


def test_a_closed_library_stays_closed(sample_folder):
    library = Library.open(sample_folder)
    library.close()
    library.close()

    for call in (library.videos, library.info, lambda: library.search("a cat")):
        with pytest.raises(LibraryError, match="is closed"):
            call()


def test_open_makes_nothing_and_create_takes_what_is_there(tmp_path, sample_folder):
    with pytest.raises(LibraryNotFound):
        Library.open(tmp_path / "none")
    assert not (tmp_path / "none").exists()
    with Library.create(sample_folder) as library:
        assert len(library.videos()) == 4


@pytest.mark.parametrize("name", vidsearch.__all__)
def test_every_public_name_has_a_docstring(name):
    value = getattr(vidsearch, name)
    assert value.__doc__


@pytest.mark.parametrize("kind", [Library, Answer])
def test_every_public_method_says_what_it_takes_returns_and_raises(kind):
    for name in dir(kind):
        method = getattr(kind, name)
        if name.startswith("_") or not callable(method) or method.__module__ is None:
            continue
        if not method.__module__.startswith("vidsearch"):
            continue
        doc = method.__doc__
        assert doc, name
        takes = [word for word in method.__annotations__ if word != "return"]
        assert len(takes) < 2 or "Args:" in doc, f"{name} takes {takes} and says nothing of them"


def test_the_types_ship():
    assert (Path(vidsearch.__file__).parent / "py.typed").is_file()


def test_what_is_excluded_stays_excluded_until_it_is_said_otherwise(tmp_path, sample_videos):
    folder = tmp_path / "videos"
    (folder / "drafts").mkdir(parents=True)
    shutil.copy(sample_videos / "cat.mp4", folder)
    shutil.copy(sample_videos / "space.mp4", folder / "drafts")
    with Library.create(tmp_path / "library") as library:
        index = partial(library.index, folder, models="mini", captions=False, fps=0.1)
        index(exclude=["drafts/"])
        assert names(library.videos()) == ["cat.mp4"]
        index()
        assert names(library.videos()) == ["cat.mp4"]
        with pytest.raises(QueryError):
            index(exclude=["!"])
        assert library.store.exclude == ("drafts/",)
        index(exclude=[])
        assert names(library.videos()) == ["cat.mp4", "space.mp4"]
