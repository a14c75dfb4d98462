"""Evidence of every kind: pictures, captions, corrections and subtitles, and what they say together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.search.libraries import COLOUR, USUAL, add_video
from vidsearch.captions.rewrite import correct
from vidsearch.errors import QueryError
from vidsearch.search import kinds
from vidsearch.search.engine import Searcher, search
from vidsearch.search.query import Query
from vidsearch.search.retrievers import RETRIEVERS
from vidsearch.store.matrix import Rows
from vidsearch.tracks import SegmentRecord, TrackSpec
from vidsearch.types import FrameFilter

ENCODERS = {COLOUR.space: COLOUR}


@pytest.fixture
def talk(library):
    """A video that is blue throughout, and of which something is said at 12 s; and one that is red."""
    video = add_video(library, "/videos/talk.mp4", ["blue"] * 30)
    add_video(library, "/videos/fire.mp4", ["red"] * 3 + ["green"] * 3)
    cues = [(3.0, 5.0, "Good morning."), (12.2, 14.6, "Any questions about the budget?")]
    subtitled(library, video.id, cues)
    return library


def subtitled(library, video_id, cues):
    spec = TrackSpec("subtitle", "file", {"name": "en"})
    library.put_track(video_id, spec, [SegmentRecord(cue[0], cue[1], cue[2]) for cue in cues])


def ask(library, text, **options):
    return search(library, Query(text=text, **options), encoders=ENCODERS)


def of_kind(hit, kind):
    (found,) = [each for each in hit.evidence if each.kind == kind]
    return found


# --- subtitles --------------------------------------------------------------------------------------


def test_subtitles_are_found_at_the_time_they_are_said(talk):
    answer = ask(talk, "budget questions")
    best = answer.hits[0]
    assert (best.video.path.name, best.start_seconds, best.end_seconds) == ("talk.mp4", 12.2, 14.6)
    assert best.start_seconds <= best.time_seconds < best.end_seconds
    said = of_kind(best, "subtitles")
    assert (said.text, said.start_seconds) == ("Any questions about the budget?", 12.2)
    assert said.highlighted == "Any \x02questions\x03 about the \x02budget\x03?"
    assert answer.verdict == "found"


def test_what_two_streams_say_alike_is_one_hit(talk):
    """Containers often carry the same subtitles twice, and files beside them once more."""
    cues = [(12.3, 14.7, "Any questions about the budget?"), (20.0, 22.0, "The budget, once more.")]
    video = next(video for video in talk.videos() if video.path.name == "talk.mp4")
    spec = TrackSpec("subtitle", "file", {"name": "sdh"})
    talk.put_track(video.id, spec, [SegmentRecord(*cue) for cue in cues])
    answer = ask(talk, "budget", kinds=("subtitles",))
    assert sorted(hit.evidence[0].start_seconds for hit in answer.hits) in ([12.2, 20.0], [12.3, 20.0])


def test_a_filter_holds_for_subtitles(talk):
    for where in (FrameFilter(video_glob="*fire*"), FrameFilter(video_ids=(2,))):
        answer = ask(talk, "budget", filter=where)
        assert [each.kind for hit in answer.hits for each in hit.evidence] == ["pictures"] * len(answer.hits)


def test_a_word_that_is_said_does_not_hide_what_is_shown(talk):
    """One word of many in a subtitle is no reason to put it before a picture that fits."""
    answer = ask(talk, "red questions of a long long winding mountain road")
    assert answer.hits[0].video.path.name == "fire.mp4"


def test_a_hit_by_words_stays_within_the_times_asked_for(talk):
    hits = ask(talk, "budget", filter=FrameFilter(after_seconds=13, before_seconds=14)).hits
    assert [(hit.start_seconds, hit.end_seconds, hit.time_seconds) for hit in hits] == [(13.0, 14.0, 13.0)]
    assert (
        not ask(talk, "budget", filter=FrameFilter(after_seconds=20, before_seconds=21))
        .hits[0]
        .evidence[0]
        .text
    )


def test_a_caption_that_reaches_into_the_times_asked_for_is_found_there(library):
    add_video(library, "/videos/a.mp4", ["blue"] * 9 + ["red"], captions=["a fire"] * 9 + ["a meadow"])
    hits = ask(library, "fire", filter=FrameFilter(after_seconds=8.5)).hits
    assert [(hit.start_seconds, hit.end_seconds) for hit in hits] == [(8.5, 9.0), (9.0, 10.0)]


def test_a_video_without_pictures_is_found_by_its_words(library):
    video = add_video(library, "/videos/black.mp4", [None] * 10)
    subtitled(library, video.id, [(4.0, 6.0, "in the dark")])
    answer = search(library, Query(text="dark"), encoders={})
    assert [(hit.start_seconds, hit.time_seconds) for hit in answer.hits] == [(4.0, 4.0)]
    add_video(library, "/videos/fire.mp4", ["red"] * 3)
    assert ask(library, "dark").hits[0].video.path.name == "black.mp4"


# --- corrections ------------------------------------------------------------------------------------


@pytest.fixture
def cats(library):
    """Thirty seconds of grey, captioned by a model; at 5 s a person has put the caption right."""
    captions = ["a grey cat on a sofa"] * 30
    video = add_video(library, "/videos/cat.mp4", ["grey"] * 30, captions=captions)
    add_video(library, "/videos/fire.mp4", ["red"] * 3, captions=["a cat near a fire"] * 3)
    correct(library, video, 5.0, "Minka the cat", only_here=True)
    return library


def test_a_correction_comes_first_with_its_own_words_and_time(cats):
    answer = ask(cats, "Minka")
    best = answer.hits[0]
    assert (best.video.path.name, best.start_seconds, best.time_seconds) == ("cat.mp4", 5.0, 5.0)
    assert best.caption == of_kind(best, "corrections").text == "Minka the cat"
    assert (answer.verdict, answer.split()[0][0]) == ("found", best)


def test_a_correction_outranks_what_models_say_of_the_same_words(cats):
    for words in ("cat", "the cat Minka"):
        assert ask(cats, words).hits[0].caption == "Minka the cat"


def test_a_correction_of_alike_frames_is_one_moment(library):
    video = add_video(library, "/videos/cat.mp4", ["grey"] * 30)
    correct(library, video, 5.0, "Minka the cat")
    answer = ask(library, "Minka", num_hits=3)
    assert [(hit.start_seconds, hit.end_seconds) for hit in answer.hits] == [(0.0, 30.0)]


def test_a_hit_by_words_is_at_the_time_where_they_begin(library):
    """And not where the picture happens to score best."""
    video = add_video(library, "/videos/cat.mp4", ["blue"] * 10 + ["white"] * 5)
    library.add_human_caption(video.id, 4.0, 13.0, "Minka")
    assert [hit.time_seconds for hit in ask(library, "Minka", num_hits=1).hits] == [4.0]


def test_a_correction_with_some_of_the_words_does_not_hide_a_picture_of_all(library):
    home = add_video(library, "/videos/home.mp4", ["grey"] * 20)
    add_video(library, "/videos/fire.mp4", ["red"] * 3)
    correct(library, home, 5.0, "our dog", only_here=True)
    assert ask(library, "red dog runs across snow").hits[0].video.path.name == "fire.mp4"


# --- captions ---------------------------------------------------------------------------------------


def test_words_in_a_models_caption_mean_that_it_is_not_nothing(library):
    captions = ["a meadow"] * 39 + ["a red harmonica"]
    add_video(library, "/videos/a.mp4", USUAL, captions=captions)
    assert ask(library, "red harmonica", mode="visual").verdict == "nothing"
    answer = ask(library, "red harmonica")
    assert (answer.verdict, answer.hits[0].time_seconds) == ("unsure", 39.0)


# --- words alone ------------------------------------------------------------------------------------


def test_words_alone_are_one_ranking_with_the_words_marked(cats):
    subtitled(cats, 2, [(0.5, 2.5, "Look, a cat by the fire!")])
    answer = search(cats, Query(text="cat", kinds=("captions", "subtitles"), num_hits=9), encoders={})
    assert answer.mode == "caption"
    assert [(hit.video.path.name, hit.start_seconds, hit.end_seconds) for hit in answer.hits] == [
        ("cat.mp4", 5.0, 6.0),
        ("fire.mp4", 0.5, 2.5),
        ("cat.mp4", 0.0, 30.0),
    ]
    assert [each.kind for each in answer.hits[1].evidence] == ["subtitles", "captions"]
    assert answer.hits[0].evidence[0].highlighted == "Minka the \x02cat\x03"


def test_neighbours_that_say_the_same_take_one_place_of_those_asked_for(library):
    captions = ["a dog"] * 10 + ["a cat"] * 5 + ["a dog in the snow"] * 5
    add_video(library, "/videos/a.mp4", ["grey"] * 20, captions=captions)
    answer = search(library, Query(text="dog", mode="caption", num_hits=2), encoders={})
    assert [(hit.start_seconds, hit.end_seconds) for hit in answer.hits] == [(0.0, 10.0), (15.0, 20.0)]


def test_words_in_quotes_must_occur_as_they_stand(talk):
    hits = ask(talk, '"about the budget"').hits
    assert hits[0].start_seconds == 12.2
    assert of_kind(hits[0], "subtitles").confidence == pytest.approx(kinds.QUOTED)
    assert all(len(hit.evidence) == 1 for hit in ask(talk, '"budget questions"').hits)


def test_only_the_kinds_asked_for_are_looked_at(talk):
    assert {each.kind for hit in ask(talk, "red", kinds=("pictures",)).hits for each in hit.evidence} == {
        "pictures"
    }
    said = search(talk, Query(text="budget", kinds=("subtitles",)), encoders={})
    assert [each.kind for hit in said.hits for each in hit.evidence] == ["subtitles"]
    assert said.kinds == ("subtitles",)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kinds": ("smells",)}, "'smells' is not a kind of evidence"),
        ({"kinds": ("pictures",), "mode": "caption"}, "looks at none of pictures"),
        ({"text": None, "more_like": (1,), "kinds": ("subtitles",)}, "Subtitles are searched by words"),
    ],
)
def test_kinds_that_cannot_answer_are_refused(options, message):
    with pytest.raises(QueryError, match=message):
        Query(**{"text": "a", **options})


def test_every_kind_has_a_retriever():
    assert tuple(RETRIEVERS) == kinds.KINDS


# --- how much of a query a text has -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "share"),
    [
        ("the budget questions", 1.0),
        ("budget in winter", 1 / 2),
        ("question budgets morning", 2 / 3),
        ("quest* of winter", 1 / 2),
        ("any questions about a budget meeting in red winter snow", 4 / 8),
    ],
)
def test_words_are_trusted_by_the_share_of_a_query_that_they_have(talk, words, share):
    said = search(talk, Query(text=words, kinds=("subtitles",)), encoders={}).hits[0].evidence[0]
    assert said.confidence == pytest.approx(kinds.TEXT_KINDS["subtitles"].trust * share**2)


# --- several spaces ---------------------------------------------------------------------------------


def test_a_frame_without_a_vector_in_one_of_two_spaces_is_judged_by_the_other(library):
    """Row 0 must not stand in for a frame that is missing: here it is the best of its space."""
    from tests.fakes import ColourEmbedder

    other = ColourEmbedder("other")
    spaces = {COLOUR.space: ["red", "blue"], other.space: ["red", "blue"]}
    add_video(library, "/videos/both.mp4", ["red", "blue"], spaces=spaces)
    add_video(library, "/videos/one.mp4", ["green", (0.9, 0.3, 0.0)])
    searcher = Searcher(library, encoders={**ENCODERS, other.space: other})
    hits = searcher.search(Query(text="red", group=False, num_hits=4)).hits
    found = {(hit.video.path.name, hit.time_seconds): hit for hit in hits}
    alone = search(library, Query(text="red", group=False, num_hits=4), encoders=ENCODERS)
    expected = {(hit.video.path.name, hit.time_seconds): hit.confidence for hit in alone.hits}
    for seconds in (0.0, 1.0):
        assert set(found["one.mp4", seconds].scores) == {"colour"}
        assert found["one.mp4", seconds].confidence == pytest.approx(expected["one.mp4", seconds])
    assert [hit.video.path.name for hit in hits[:2]] == ["both.mp4", "one.mp4"]


def test_steps_pass_over_vectors_that_a_space_lacks(library):
    from tests.fakes import ColourEmbedder

    other = ColourEmbedder("other")
    spaces = {COLOUR.space: ["red", "blue", "grey"], other.space: ["red", "blue", "grey"]}
    add_video(library, "/videos/both.mp4", ["red", "blue", "grey"], spaces=spaces)
    add_video(library, "/videos/one.mp4", ["grey", "grey", "grey"])
    searcher = Searcher(library, encoders={**ENCODERS, other.space: other})
    answer = searcher.search(Query(text="red", then=("blue",), num_hits=2))
    assert [hit.video.path.name for hit in answer.hits] == ["both.mp4", "one.mp4"]
    alone = search(library, Query(text="red", then=("blue",), num_hits=2), encoders=ENCODERS)
    assert answer.hits[1].score == pytest.approx(alone.hits[1].score)


# --- damaged vectors --------------------------------------------------------------------------------


def test_a_stored_vector_that_is_damaged_is_no_hit_and_spoils_no_other(talk, monkeypatch):
    matrix = talk.matrix(COLOUR.space)
    ids, broken = matrix.segment_ids, np.array(matrix.vectors[:])
    broken[4] = np.nan
    damaged = replace(matrix, vectors=Rows(broken))
    monkeypatch.setattr(talk, "matrix", lambda space: damaged)

    def nearest(space, queries, k, *, among=None):
        scores = queries @ broken.T
        order = np.argsort(-scores, axis=1)[:, :k]  # NaN comes last, as it may anywhere
        found = np.full((len(queries), k), -1), np.full((len(queries), k), -np.inf, np.float32)
        found[0][:, : order.shape[1]] = ids[order]
        found[1][:, : order.shape[1]] = np.take_along_axis(scores, order, axis=1)
        return found

    monkeypatch.setattr(talk, "nearest", nearest)
    for options in ({}, {"group": False}, {"then": ("green",)}):
        answer = ask(talk, "red", mode="visual", **options)
        assert answer.hits[0].video.path.name == "fire.mp4"
        assert all(np.isfinite(hit.score) for hit in answer.hits)
        assert all(0 <= hit.confidence <= 1 for hit in answer.hits)
