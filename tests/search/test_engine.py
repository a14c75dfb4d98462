"""Answers of a real library whose frames are colours: every hit and score can be worked out by hand."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.fakes import ColourEmbedder, solid
from tests.search.libraries import COLOUR, USUAL, add_video, unit
from vidsearch.errors import ModelError, ModelUnavailable, QueryError, VideoNotFound
from vidsearch.search.engine import Searcher, search
from vidsearch.search.query import FrameReference, Query, WeightedText
from vidsearch.tracks import SegmentRecord, TrackSpec
from vidsearch.types import EmbeddingSpace, FrameFilter, Shot

ENCODERS = {COLOUR.space: COLOUR}


@pytest.fixture
def traffic(library):
    """Three videos of lights: green, then blue, then red, and not."""
    add_video(library, "/videos/lights.mp4", ["green"] * 4 + ["blue"] + ["red"] * 3 + ["blue"] * 2)
    add_video(library, "/videos/night.mp4", ["blue"] * 5 + [(0.8, 0.0, 0.6)] + ["blue"] * 4)
    add_video(library, "/videos/meadow.mp4", ["green"] * 6)
    return library


def spans(answer):
    return [(hit.video.path.name, hit.start_seconds, hit.end_seconds) for hit in answer.hits]


def ask(library, text=None, **options):
    return search(library, Query(text=text, **options), encoders=ENCODERS)


def test_a_hit_is_a_span_with_its_best_frame(traffic):
    answer = ask(traffic, "red", num_hits=2)
    assert spans(answer) == [("lights.mp4", 5.0, 8.0), ("night.mp4", 5.0, 6.0)]
    best = answer.hits[0]
    assert (best.time_seconds, best.score, best.scores) == (
        5.0,
        pytest.approx(1.0),
        {"colour": pytest.approx(1.0)},
    )
    assert answer.hits[1].score == pytest.approx(0.8)
    assert (answer.mode, answer.models, answer.num_frames) == ("visual", ("colour",), 26)


def test_single_frames_where_moments_are_not_wanted(traffic):
    answer = ask(traffic, "red", num_hits=4, group=False, dedupe=False)
    assert spans(answer) == [
        ("lights.mp4", 5.0, 6.0),
        ("lights.mp4", 6.0, 7.0),
        ("lights.mp4", 7.0, 8.0),
        ("night.mp4", 5.0, 6.0),
    ]


def test_near_identical_moments_of_other_videos_are_folded_and_counted(traffic):
    answer = ask(traffic, "green", num_hits=1)
    assert spans(answer) == [("lights.mp4", 0.0, 4.0)]
    assert answer.hits[0].num_duplicates == 1
    assert spans(ask(traffic, "green", num_hits=2, dedupe=False)) == [
        ("lights.mp4", 0.0, 4.0),
        ("meadow.mp4", 0.0, 6.0),
    ]


def test_a_moment_does_not_cross_a_cut(library):
    shots = [Shot(0.0, 1.8), Shot(1.8, 6.0)]
    add_video(library, "/videos/a.mp4", ["red"] * 4 + ["blue"] * 2, shots=shots)
    assert spans(ask(library, "red", num_hits=2)) == [("a.mp4", 0.0, 1.8), ("a.mp4", 1.8, 4.0)]


def test_filters_narrow_what_is_looked_at_and_how_far_a_moment_reaches(traffic):
    narrowed = ask(
        traffic, "green", filter=FrameFilter(video_glob="*lights*", after_seconds=1, before_seconds=3)
    )
    assert (spans(narrowed), narrowed.num_frames) == ([("lights.mp4", 1.0, 3.0)], 2)


def test_nothing_passes_the_filters(traffic):
    answer = ask(traffic, "green", filter=FrameFilter(video_glob="*.gif"))
    assert (answer.hits, answer.nothing_matches, answer.notes) == (
        (),
        True,
        ("No frame matches the filters.",),
    )


def test_an_empty_library_says_so(library):
    answer = ask(library, "red")
    assert (answer.hits, answer.nothing_matches) == ((), True)
    assert answer.notes == ("The library has no frames yet: index some videos first.",)


def test_blank_frames_are_never_a_hit(library):
    add_video(library, "/videos/a.mp4", [None, "red", None])
    assert [hit.time_seconds for hit in ask(library, "red", num_hits=9, group=False).hits] == [1.0]


def test_more_hits_than_there_are(traffic):
    answer = ask(traffic, "red", num_hits=1000, group=False, dedupe=False)
    assert len({hit.frame_id for hit in answer.hits}) == len(answer.hits) == 26


def test_a_thousand_alike_frames_do_not_hide_the_next_video(library):
    add_video(library, "/videos/long.mp4", ["red"] * 1500)
    add_video(library, "/videos/short.mp4", [(0.9, 0.3, 0.0), "blue"])
    assert spans(ask(library, "red", num_hits=2)) == [("long.mp4", 0.0, 1500.0), ("short.mp4", 0.0, 1.0)]


def test_plus_pulls_and_minus_pushes(traffic):
    both = ask(traffic, "red", plus=(WeightedText("blue"),), num_hits=1)
    assert spans(both) == [("night.mp4", 5.0, 6.0)]
    without_blue = ask(traffic, "cyan", minus=(WeightedText("blue"),), num_hits=1)
    assert spans(without_blue) == [("lights.mp4", 0.0, 4.0)]
    without_green = ask(traffic, "cyan", minus=(WeightedText("green"),), num_hits=1)
    assert spans(without_green) == [("lights.mp4", 4.0, 5.0)]


def test_parts_that_cancel_out_are_refused(traffic):
    with pytest.raises(QueryError, match="cancel each other out"):
        ask(traffic, "red", minus=(WeightedText("red"),))


def test_a_frame_of_the_library_is_a_query_that_needs_no_model(traffic):
    answer = search(traffic, Query(like=(FrameReference("night.mp4", 5.4),), num_hits=1), encoders={})
    assert spans(answer) == [("night.mp4", 5.0, 6.0)]
    assert answer.hits[0].score == pytest.approx(1.0)


def test_a_frame_reference_beside_a_blank_takes_the_nearest_frame_with_a_vector(library):
    add_video(library, "/videos/a.mp4", ["blue", None, None, "red"])
    answer = search(library, Query(like=(FrameReference("a.mp4", 2.5),), num_hits=1), encoders={})
    assert answer.hits[0].time_seconds == 3.0


def test_a_frame_of_an_unknown_video_names_near_ones(traffic):
    with pytest.raises(VideoNotFound, match=r"Did you mean lights\.mp4"):
        search(traffic, Query(like=(FrameReference("light.mp4", 1),)), encoders={})


def test_a_picture_is_a_query(traffic, tmp_path):
    import cv2

    path = tmp_path / "blue.png"
    cv2.imwrite(str(path), solid("blue")[:, :, ::-1])
    answer = search(traffic, Query(images=(path,), num_hits=1), encoders={}, embedders=ENCODERS)
    assert answer.hits[0].score == pytest.approx(1.0)
    assert answer.hits[0].video.path.name == "lights.mp4"


def test_a_ready_vector_is_a_query(traffic):
    query = Query(vectors={COLOUR.space.key: (0.0, 0.0, 2.0)}, num_hits=1)
    assert search(traffic, query, encoders={}).hits[0].score == pytest.approx(1.0)
    with pytest.raises(QueryError, match="has 2 numbers; its space has 3"):
        search(traffic, replace(query, vectors={COLOUR.space.key: (1.0, 0.0)}), encoders={})


def test_a_ready_vector_of_any_length_is_a_direction(traffic):
    for scale in (1e-300, 1e-10, 1e300):
        query = Query(vectors={COLOUR.space.key: (0.0, 0.0, scale)}, num_hits=1)
        assert search(traffic, query, encoders={}).hits[0].score == pytest.approx(1.0)


def test_a_vector_of_a_space_that_the_library_lacks_is_refused(traffic):
    for text in (None, "red"):
        with pytest.raises(QueryError, match=r"no embedding space 'abc'\. It has: \w+ \(colour\)"):
            ask(traffic, text, vectors={"abc": (1.0, 0.0, 0.0)})


@pytest.mark.parametrize("rows", [[[np.nan, 0, 0]], [[np.inf, 0, 0]], [[1.0, 0.0]], []])
def test_a_model_that_makes_no_vector_of_a_query_is_an_error_in_words(traffic, rows):
    class Broken(ColourEmbedder):
        def embed_texts(self, texts):
            return np.array(rows, dtype=np.float32)

    for query in (Query(text="red"), Query(text="red", then=("blue",))):
        with pytest.raises(ModelError, match="colour made an array of shape"):
            search(traffic, query, encoders={COLOUR.space: Broken()})


def test_a_frame_past_the_end_of_a_video_is_refused(traffic):
    with pytest.raises(QueryError, match=r"night\.mp4 is known up to 0:10; there is no frame at 1:00"):
        search(traffic, Query(like=(FrameReference("night.mp4", 60.0),)), encoders={})
    at_end = Query(like=(FrameReference("night.mp4", 10.0),), num_hits=1)
    assert search(traffic, at_end, encoders={}).hits


def test_feedback_moves_the_answer(traffic):
    violet = ask(traffic, "red", num_hits=2).hits[1]
    first = ask(traffic, "red", num_hits=1).hits[0]
    refined = Query(text="red", num_hits=1).refined(more_like=[violet.frame_id], less_like=[first.frame_id])
    assert search(traffic, refined, encoders=ENCODERS).hits[0].frame_id == violet.frame_id


def test_feedback_on_an_unknown_frame_is_refused(traffic):
    with pytest.raises(QueryError, match="Frame 999 is not in this library"):
        ask(traffic, "red", more_like=(999,))


# --- captions -------------------------------------------------------------------------------------------


@pytest.fixture
def captioned(library):
    add_video(library, "/videos/a.mp4", ["red", "red", "blue"], captions=["a car", "a car", "the sea"])
    add_video(library, "/videos/b.mp4", [(0.9, 0.3, 0.0), "green"], captions=["a red car", "a red meadow"])
    return library


def test_captions_alone_need_no_model(captioned):
    answer = search(captioned, Query(text="the car", mode="caption", num_hits=2), encoders={})
    assert answer.mode == "caption"
    assert sorted(spans(answer)) == [("a.mp4", 0.0, 2.0), ("b.mp4", 0.0, 1.0)]
    assert answer.hits[0].caption in {"a car", "a red car"}


def test_hybrid_puts_first_what_pictures_and_captions_agree_on(captioned):
    assert ask(captioned, "red", mode="visual", num_hits=1).hits[0].video.path.name == "a.mp4"
    answer = ask(captioned, "red car", num_hits=3, dedupe=False)
    assert answer.mode == "hybrid"
    assert spans(answer)[0] == ("b.mp4", 0.0, 1.0)
    assert set(answer.hits[0].scores) == {"colour", "captions"}


def test_words_that_no_caption_has_leave_the_pictures(captioned):
    answer = ask(captioned, "red", filter=FrameFilter(video_glob="*a.mp4"))
    assert (answer.mode, spans(answer)[0]) == ("visual", ("a.mp4", 0.0, 2.0))


def test_captions_stand_in_for_a_model_that_is_not_there(captioned):
    answer = search(captioned, Query(text="sea"), encoders={})
    assert (answer.mode, spans(answer)) == ("caption", [("a.mp4", 2.0, 3.0)])
    assert answer.notes == ("No encoder was given for colour, which the library has vectors of.",)
    with pytest.raises(ModelUnavailable):
        search(captioned, Query(text="sea", mode="visual"), encoders={})


# --- several spaces -----------------------------------------------------------------------------------


def test_two_spaces_are_fused_by_rank(library):
    other = ColourEmbedder("other")
    orange = (0.9, 0.3, 0.0)
    for name, colour, in_other in (("a", "red", "blue"), ("b", orange, "red"), ("c", "blue", orange)):
        spaces = {COLOUR.space: [colour], other.space: [in_other]}
        add_video(library, f"/videos/{name}.mp4", [colour], spaces=spaces)
    query = Query(text="red", num_hits=2)
    answer = search(library, query, encoders={**ENCODERS, other.space: other})
    assert answer.models == ("colour", "other")
    assert spans(answer)[0] == ("b.mp4", 0.0, 1.0)
    assert spans(search(library, query, encoders=ENCODERS))[0] == ("a.mp4", 0.0, 1.0)


def test_an_encoder_with_other_weights_is_refused(traffic):
    class Retrained(ColourEmbedder):
        def __init__(self):
            super().__init__()
            self.space = EmbeddingSpace("colour", "colour-2", "mean colour", 3)

    with pytest.raises(ModelUnavailable, match="made with other weights"):
        search(traffic, Query(text="red"), encoders=lambda space: Retrained())


# --- steps ----------------------------------------------------------------------------------------------


def test_steps_are_found_in_order_with_their_times(traffic):
    answer = ask(traffic, "green", then=("blue", "red"), within_seconds=4, num_hits=1)
    (hit,) = answer.hits
    assert hit.video.path.name == "lights.mp4"
    assert [(step.text, step.time_seconds) for step in hit.steps] == [
        ("green", 0.0),
        ("blue", 4.0),
        ("red", 5.0),
    ]
    assert hit.score == pytest.approx(sum(step.score for step in hit.steps) / 3)
    assert (hit.start_seconds, hit.end_seconds) == (0.0, 6.0)


def test_steps_in_the_wrong_order_score_less(traffic):
    right = ask(traffic, "green", then=("red",), within_seconds=9, num_hits=1).hits[0]
    wrong = ask(traffic, "red", then=("green",), within_seconds=9, num_hits=1).hits[0]
    assert right.score > wrong.score


def test_steps_keep_to_the_filters(traffic):
    answer = ask(traffic, "blue", then=("blue",), filter=FrameFilter(video_glob="*night*", after_seconds=6))
    assert {hit.video.path.name for hit in answer.hits} == {"night.mp4"}
    assert all(step.time_seconds >= 6 for hit in answer.hits for step in hit.steps)


# --- re-ranking -----------------------------------------------------------------------------------------


class LikesDarkPictures:
    def match_scores(self, images, text):
        assert text == "red"
        return np.asarray([1 - image.mean() / 255 for image in images], dtype=np.float32)


def test_a_matcher_orders_the_best_hits_anew_and_both_scores_are_kept(library, tmp_path):
    from tests.synthetic import colours_video

    for name, colour in (("bright", (250, 0, 0)), ("dark", (120, 0, 0))):
        path = colours_video(tmp_path / f"{name}.mp4", [colour])
        add_video(library, str(path), ["red" if name == "bright" else (0.9, 0.3, 0.0)])
    searcher = Searcher(library, encoders=ENCODERS, load_matcher=lambda name: LikesDarkPictures())
    assert [hit.video.path.stem for hit in searcher.search(Query(text="red")).hits] == ["bright", "dark"]
    hits = searcher.search(Query(text="red", rerank="blip")).hits
    assert [hit.video.path.stem for hit in hits] == ["dark", "bright"]
    assert hits[0].score == hits[0].scores["match"] > hits[1].scores["match"]
    assert hits[0].scores["search"] == pytest.approx(hits[0].scores["colour"])


# --- sureness -------------------------------------------------------------------------------------------


def test_a_least_confidence_leaves_out_the_others(traffic):
    hits = ask(traffic, "red", num_hits=3).hits
    least = hits[0].confidence
    assert all(0 <= hit.confidence <= 1 for hit in hits)
    assert [hit.confidence for hit in hits] == sorted((hit.confidence for hit in hits), reverse=True)
    sure = ask(traffic, "red", num_hits=3, min_confidence=least)
    assert ([hit.frame_id for hit in sure.hits], sure.notes) == ([hits[0].frame_id], ())


def test_a_least_confidence_that_nothing_reaches_leaves_nothing_and_says_so(traffic):
    answer = ask(traffic, "red", min_confidence=1.0)
    assert (answer.hits, answer.notes) == ((), ("No hit reaches a confidence of 100%.",))
    assert answer.verdict == ask(traffic, "red").verdict != "nothing"


def test_an_answer_is_split_at_what_is_worth_showing(traffic):
    answer = ask(traffic, "red", num_hits=3)
    strong, weak = answer.split()
    assert strong + weak == answer.hits
    assert all(hit.confidence >= answer.possible_from for hit in strong)
    assert all(hit.confidence < answer.possible_from for hit in weak)
    assert [answer.is_doubtful(hit) for hit in answer.hits] == [False, False, True]


@pytest.mark.parametrize(("redness", "verdict"), [(1.0, "found"), (0.35, "unsure"), (0.2, "nothing")])
def test_the_surest_hit_decides_between_found_unsure_and_nothing(library, redness, verdict):
    add_video(library, "/videos/a.mp4", [*USUAL, (redness, (1 - redness**2) ** 0.5, 0.0)])
    answer = ask(library, "red")
    surest = answer.hits[0].confidence
    assert answer.verdict == verdict
    assert answer.nothing_matches == (verdict == "nothing")
    assert (surest >= answer.found_from, surest >= answer.possible_from) == (
        verdict == "found",
        verdict != "nothing",
    )


def test_where_something_is_found_what_is_merely_possible_is_weaker(library):
    """A search for a cat showed it, and under it coins and a cup that were merely not impossible."""
    add_video(library, "/videos/a.mp4", [*USUAL, (0.35, (1 - 0.35**2) ** 0.5, 0.0)])
    possible = ask(library, "red").hits[0].frame_id
    add_video(library, "/videos/b.mp4", [*USUAL, "red"])

    answer = ask(library, "red", dedupe=False)

    assert answer.verdict == "found"
    strong, weak = answer.split()
    assert [hit.video.path.name for hit in strong] == ["b.mp4"]
    assert possible in [hit.frame_id for hit in weak]


def test_confidence_is_given_for_words_and_for_pictures_and_not_for_a_mixture(traffic, tmp_path):
    import cv2

    path = tmp_path / "blue.png"
    cv2.imwrite(str(path), solid("blue")[:, :, ::-1])

    def hits(query):
        return search(traffic, query, encoders=ENCODERS, embedders=ENCODERS)

    by_words, by_picture = hits(Query(text="blue")), hits(Query(images=(path,)))
    assert by_words.hits[0].frame_id == by_picture.hits[0].frame_id
    assert 0 < by_picture.hits[0].confidence < by_words.hits[0].confidence < 1
    mixed = hits(Query(text="blue", images=(path,)))
    assert [hit.confidence for hit in mixed.hits] == [None] * len(by_words.hits)
    assert mixed.verdict == "unsure"
    assert mixed.split() == (mixed.hits, ())
    least = hits(Query(text="blue", images=(path,), min_confidence=0.1))
    assert (least.hits, least.notes) == (
        (),
        ("Such a query gets no confidence, so none of its hits reaches a least one.",),
    )


# --- a searcher that stays open ---------------------------------------------------------------------------


def test_a_searcher_loads_an_encoder_once_and_sees_new_frames(traffic):
    loaded = []

    def load(space):
        loaded.append(space)
        return COLOUR

    searcher = Searcher(traffic, encoders=load)
    for text in ("red", "blue"):
        searcher.search(Query(text=text))
    add_video(traffic, "/videos/new.mp4", ["magenta"] * 2)
    assert spans(searcher.search(Query(text="magenta", num_hits=1))) == [("new.mp4", 0.0, 2.0)]
    assert loaded == [COLOUR.space]


def test_a_library_answers_by_itself(traffic, monkeypatch):
    monkeypatch.setattr("vidsearch.search.encoders.load_text_encoder", lambda space: COLOUR)
    assert spans(Searcher(traffic).search(Query(text="red", num_hits=1))) == [("lights.mp4", 5.0, 8.0)]


def test_a_search_imports_no_torch(traffic, tmp_path):
    """Starting torch takes longer than everything else that a search does."""
    program = f"""
import sys
from tests.search.libraries import COLOUR
from vidsearch.store.store import Store
from vidsearch.search.engine import search
from vidsearch.search.query import Query
with Store.open({str(traffic.path)!r}) as library:
    assert search(library, Query(text="red"), encoders={{COLOUR.space: COLOUR}}).hits
print(sorted(set(sys.modules) & {{"torch", "transformers"}}))
"""
    root = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


def test_vectors_of_colours_are_unit():
    assert np.linalg.norm(unit((0.8, 0.0, 0.6))) == pytest.approx(1.0)


def test_a_video_removed_in_the_middle_of_a_search_is_said_and_no_crash(library, monkeypatch):
    add_video(library, "/videos/a.mp4", ["red", "red"])
    searcher = Searcher(library, encoders={COLOUR.space: COLOUR})
    monkeypatch.setattr(library, "frames_by_id", lambda frame_ids: [])

    with pytest.raises(VideoNotFound, match="search again"):
        searcher.search(Query(text="red"))


@pytest.mark.parametrize(("origin", "first"), [("model", "fire.mp4"), ("human", "sea.mp4")])
def test_pictures_lead_a_models_captions_and_follow_a_persons(library, origin, first):
    """Reciprocal rank would tie the two: a captioner that is wrong had as much say as the pictures."""
    add_video(library, "/videos/fire.mp4", ["red", "red"])
    sea = add_video(library, "/videos/sea.mp4", USUAL)
    if origin == "human":
        library.add_human_caption(sea.id, 0.0, 1.0, "red")
    else:
        library.put_track(sea.id, TrackSpec("caption", "m"), [SegmentRecord(0.0, 1.0, "red")])

    answer = ask(library, "red")

    assert answer.mode == "hybrid"
    assert answer.hits[0].video.path.name == first
