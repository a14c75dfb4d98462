"""Graphs are kept as ONNX Runtime has prepared them, and give the same to the bit."""

from __future__ import annotations

import numpy as np
import pytest

from vidsearch.models import stored_graph
from vidsearch.models.mini import MiniTextEncoder, weights
from vidsearch.models.stored_graph import open_stored

TEXTS = ["a dog", "two people walk along a beach at sunset, talking"]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VIDSEARCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def graphs(cache):
    return sorted(path.relative_to(cache).as_posix() for path in cache.rglob("*.onnx"))


def test_a_search_opens_what_was_optimised_before(cache, monkeypatch):
    first = MiniTextEncoder(num_threads=1).embed_texts(TEXTS)

    assert len(graphs(cache)) == 1
    monkeypatch.setattr(weights, "checked", _only_the_tokenizer)
    assert np.array_equal(MiniTextEncoder(num_threads=2).embed_texts(TEXTS), first)


def _only_the_tokenizer(name, folder):
    assert name == "tokenizer.json"
    return folder / name


def test_weights_are_kept_as_kernels_read_them_by_each_kind_of_processor(cache, monkeypatch):
    first = MiniTextEncoder(num_threads=1).embed_texts(TEXTS)
    (kept,) = cache.rglob("graph.weights")
    assert kept.stat().st_size > 80_000_000, "49 MB are the plain weights alone"

    monkeypatch.setattr(stored_graph, "cpu_abilities", lambda: "another processor")
    assert np.array_equal(MiniTextEncoder(num_threads=2).embed_texts(TEXTS), first)
    assert len(graphs(cache)) == 2


def test_a_damaged_one_is_made_anew(cache):
    first = MiniTextEncoder(num_threads=1).embed_texts(TEXTS)
    (stored,) = cache.rglob("*.onnx")
    stored.write_bytes(b"not a graph")

    assert np.array_equal(MiniTextEncoder(num_threads=2).embed_texts(TEXTS), first)
    assert stored.stat().st_size > 1000


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("VIDSEARCH_CACHE", str(tmp_path / "file"))
    graph = weights.FOLDER / weights.TEXT_GRAPH

    session = open_stored(lambda: graph, "0123456789abcdef", lambda: weights._options(1))

    assert [each.name for each in session.get_inputs()] == ["ids"]
