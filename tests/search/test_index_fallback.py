"""Searches that ask the approximate index for more than it gives."""

from __future__ import annotations

import numpy as np
import pytest

from tests.search.libraries import COLOUR, add_video
from vidsearch.search.engine import search
from vidsearch.search.query import Query
from vidsearch.store import vectors
from vidsearch.store.store import Store


@pytest.fixture
def many(tmp_path, monkeypatch):
    """A library with an approximate index, which looks into a few of its lists for each query."""
    monkeypatch.setattr(vectors, "EXACT_ROWS", 200)
    colours = np.random.default_rng(0).uniform(0.0, 1.0, (1000, 3)).tolist()
    with Store.open(tmp_path / "library", create=True) as library:
        add_video(library, "/videos/a.mp4", colours)
        library.refresh_vectors()
        assert list((library.path / "vectors").glob("*.faiss"))
        yield library


def test_where_the_index_gives_too_few_rows_all_are_compared(many):
    rows = many.matrix(COLOUR.space).vectors
    query = np.array([[1.0, 0.0, 0.0]], dtype=np.float32)
    ids, scores = many.nearest(COLOUR.space, query, 950)
    expected = np.sort(rows[:] @ query[0])[::-1][:950]
    np.testing.assert_allclose(scores[0], expected, atol=1e-6)
    assert len(set(ids[0].tolist())) == 950


def test_a_search_for_nearly_every_frame_gives_them(many):
    query = Query(text="red", num_hits=950, group=False, dedupe=False)
    answer = search(many, query, encoders={COLOUR.space: COLOUR})
    assert len({hit.frame_id for hit in answer.hits}) == 950
