"""Labels over libraries whose frames are colours: where each fits can be worked out."""

from __future__ import annotations

import numpy as np
import pytest

import vidsearch.labels.scoring as scoring
from tests.fakes import ColourEmbedder
from tests.search.libraries import COLOUR, add_video
from vidsearch.errors import QueryError
from vidsearch.labels.names import parse_labels, read_labels
from vidsearch.labels.report import ReportLine, render_report
from vidsearch.search.engine import Searcher
from vidsearch.search.query import Query
from vidsearch.store.store import Store

OTHER = ColourEmbedder("other")
LEAST = 0.2
"""The map for any model is careful: this parts red from blue in so small a library."""


@pytest.fixture
def library(tmp_path):
    with Store.open(tmp_path / "library", create=True) as library:
        add_video(
            library, "/videos/a.mp4", ["blue"] * 4 + ["red"] * 3 + ["blue"] * 2 + ["red"] + ["blue"] * 9
        )
        add_video(library, "/videos/b.mp4", ["red"] * 2 + ["green"] * 8 + [None] + ["blue"] * 3 + ["green"])
        yield library


def searcher(library, *encoders):
    chosen = {each.space: each for each in encoders or (COLOUR,)}
    return Searcher(library, encoders=chosen, embedders=chosen)


def spans(library, labels, *encoders, **options):
    found = scoring.LabelScorer(searcher(library, *encoders), labels, min_confidence=LEAST).spans(**options)
    return [(labels[each.label], each.video_id, each.start_seconds, each.end_seconds) for each in found]


def test_a_label_is_a_span_where_it_fits(library):
    assert spans(library, ["red", "green"], join_seconds=0) == [
        ("red", 1, 4.0, 7.0),
        ("red", 1, 9.0, 10.0),
        ("red", 2, 0.0, 2.0),
        ("green", 2, 2.0, 10.0),
        ("green", 2, 14.0, 15.0),
    ]


def test_spans_that_are_nearly_one_are_joined_within_their_video(library):
    assert spans(library, ["red"], join_seconds=2.5) == [("red", 1, 4.0, 10.0), ("red", 2, 0.0, 2.0)]


@pytest.mark.parametrize(("frames", "labels"), [(1, 1), (3, 1), (5, 2)])
def test_the_size_of_blocks_does_not_matter(library, monkeypatch, frames, labels):
    """Guards against spans that are cut, or lost, where one block of frames or labels ends."""
    wanted = spans(library, ["red", "green", "blue"])
    monkeypatch.setattr(scoring, "_BLOCK_FRAMES", frames)
    monkeypatch.setattr(scoring, "_BLOCK_LABELS", labels)

    assert spans(library, ["red", "green", "blue"]) == wanted


def test_a_frame_is_as_sure_as_a_search_says(library):
    (best,) = searcher(library).search(Query(text="red", group=False, dedupe=False, num_hits=1)).hits

    found = scoring.LabelScorer(searcher(library), ["red"], min_confidence=LEAST).spans()

    assert found[0].confidence == pytest.approx(best.confidence, abs=1e-4)
    assert found[0].best_frame_id == best.frame_id


def test_several_spaces_have_one_say(tmp_path):
    with Store.open(tmp_path / "two", create=True) as library:
        looks = {
            COLOUR.space: ["red"] * 3 + ["blue"] * 20,
            OTHER.space: ["red", "blue", "red"] + ["blue"] * 20,
        }
        add_video(library, "/videos/a.mp4", ["red"] * 3 + ["blue"] * 20, spaces=looks)
        opened = searcher(library, COLOUR, OTHER)
        (first, *_) = scoring.LabelScorer(opened, ["red"], min_confidence=LEAST).spans(join_seconds=0)
        hit = opened.search(Query(text="red", group=False, num_hits=1)).hits[0]

        assert first.start_seconds == 0.0
        assert first.confidence == pytest.approx(hit.confidence, abs=1e-4)


def test_a_damaged_vector_fits_nothing(library):
    vectors = searcher(library).timelines()[COLOUR.space]
    scorer = scoring.LabelScorer(searcher(library), ["red"], min_confidence=LEAST)
    scorer._spaces[0].rows[:] = np.nan

    assert scorer.spans() == []
    assert len(vectors) == 33


def test_labels_as_people_give_them(tmp_path):
    assert parse_labels(' forklift, "door, open",Smoke, smoke ,') == ["forklift", "door, open", "Smoke"]
    file = tmp_path / "labels.txt"
    file.write_text("\ufeff# things\n\n" + "".join(f"thing {n % 9_000}\n" for n in range(10_000)), "utf-8")
    assert len(read_labels(file)) == 9_000
    for content, why in (
        (b"", "hold no label"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"ok\n" + b"x" * 501, "Line 2"),
    ):
        file.write_bytes(content)
        with pytest.raises(QueryError, match=why):
            read_labels(file)
    with pytest.raises(QueryError, match="Cannot read"):
        read_labels(tmp_path)


def test_a_report_is_safe_to_open():
    lines = [ReportLine("=1+1\x1b", "<b>", 2, 4.0, 0.5, 0.9)]

    table, plot = render_report(lines, "csv"), render_report(lines, "svg")
    assert table.decode("utf-8-sig").splitlines()[1] == r"'=1+1\x1b,<b>,2,4.000,0.5000,0.9000"
    assert b"&lt;b&gt;" in plot
    assert b"<b>" not in plot
