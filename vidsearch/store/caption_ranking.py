"""Which captions answer words best: BM25 over the full-text index, followed only as far as it is asked for.

What a caption scores is the sum of the weights of the words that it has. So there are no more different
scores than sets of words, and the best captions are those with the heaviest set. The sets are asked for one
after the other, each only until enough is found. What comes out is the ranking of all captions that have any
of the words, which would be hundreds of thousands for common ones.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from vidsearch.store.ids import is_in, selected_ids, union
from vidsearch.store.records import HIGHLIGHT_END, HIGHLIGHT_START, CaptionMatch
from vidsearch.store.words import any_word_expression, telling_terms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidsearch.types import Int64

    Float64 = NDArray[np.float64]

_WORDS_IN_SETS = 4
"""Of a longer query so many words, its most common ones, are looked for in sets: 15 of them. All captions
with one of its rarer words are read."""
_WEIGHT_STEP = 2.0**-20
"""Weights are whole numbers of these, so that the same words make the same sum in whatever order."""
_LAST_ROW = 2**63 - 1


def matches(
    connection: sqlite3.Connection, words: str, k: int, *, among: Int64 | None = None
) -> list[CaptionMatch]:
    """The k frames whose active captions answer any of the words best; see `best_scores`."""
    frame_ids, scores = best_scores(connection, words, k, among=among)
    expression = any_word_expression(words)
    if expression is None or not len(frame_ids):
        return []
    highlighted = _highlighted(connection, expression, frame_ids.tolist())
    return [
        CaptionMatch(frame_id, score, highlighted[frame_id])
        for frame_id, score in zip(frame_ids.tolist(), scores.tolist(), strict=True)
    ]


def best_scores(
    connection: sqlite3.Connection, words: str, k: int, *, among: Int64 | None = None
) -> tuple[Int64, Float64]:
    """The k frames whose active captions have the most telling of the words: ids (n,) and scores (n,).

    BM25 without a length term (b = 0): captions are one short sentence, and say no word twice, so what is
    left is the sum of the words' inverse document frequencies in the whole library. Ties by id. `among`:
    frame ids, ascending, that alone may match.
    """
    frame_ids, scores = np.empty(0, np.int64), np.empty(0, np.float64)
    if k <= 0 or (among is not None and not len(among)):
        return frame_ids, scores
    weights = _weights(connection, telling_terms(words))
    rarest_first = sorted(weights, key=lambda term: -weights[term])
    rare, in_sets = rarest_first[:-_WORDS_IN_SETS], rarest_first[-_WORDS_IN_SETS:]
    if rare:
        frame_ids, scores = _all_with_any(connection, rare, in_sets, weights, among)
    known = frame_ids
    frame_ids, scores = _best(frame_ids, scores, k)
    for chosen, weight in _sets(in_sets, weights):
        if len(scores) == k and scores[-1] > weight:
            break
        # Captions that have more of the words than these are known already, from a heavier set.
        new = _first_unknown(connection, " AND ".join(chosen), k, known, among)
        known = union([known, new])
        frame_ids = np.concatenate([frame_ids, new])
        frame_ids, scores = _best(frame_ids, np.concatenate([scores, np.full(len(new), weight)]), k)
    return frame_ids, scores


def _weights(connection: sqlite3.Connection, terms: Sequence[str]) -> dict[str, float]:
    """The inverse document frequencies of those of the terms that some caption has."""
    (num_frames,) = connection.execute("SELECT coalesce(max(id), 0) FROM frames").fetchone()
    weights = {}
    for term in terms:
        query = "SELECT count(*) FROM captions_fts WHERE captions_fts MATCH ?"
        (count,) = connection.execute(query, (term,)).fetchone()
        if count:
            weight = math.log1p((num_frames - count + 0.5) / (count + 0.5))
            weights[term] = math.ceil(weight / _WEIGHT_STEP) * _WEIGHT_STEP
    return weights


def _sets(terms: Sequence[str], weights: Mapping[str, float]) -> list[tuple[tuple[str, ...], float]]:
    """All sets of the terms with the sums of their weights, the heaviest first."""
    sets = [chosen for size in range(1, len(terms) + 1) for chosen in combinations(terms, size)]
    weighed = [(chosen, sum(weights[term] for term in chosen)) for chosen in sets]
    return sorted(weighed, key=lambda each: -each[1])


def _all_with_any(
    connection: sqlite3.Connection,
    terms: Sequence[str],
    other_terms: Sequence[str],
    weights: Mapping[str, float],
    among: Int64 | None,
) -> tuple[Int64, Float64]:
    """All frames whose captions have one of the terms, ascending, and their scores by all the terms."""
    found = [_all(connection, term, among) for term in terms]
    frame_ids = union(found)
    any_term = " OR ".join(terms)
    found += [_all(connection, f"({any_term}) AND {term}", among) for term in other_terms]
    scores = np.zeros(len(frame_ids))
    for term, rows in zip((*terms, *other_terms), found, strict=True):
        scores[np.searchsorted(frame_ids, rows)] += weights[term]
    return frame_ids, scores


def _first_unknown(
    connection: sqlite3.Connection, expression: str, k: int, known: Int64, among: Int64 | None
) -> Int64:
    """The first k frames (or some more) that an FTS5 expression fits and that are not known, ascending."""
    found: list[Int64] = []
    first, limit = 0, k
    while True:
        rows = _rows(connection, expression, among, first=first, limit=limit)
        new = rows if among is None else rows[is_in(rows, among)]
        found.append(new[~is_in(new, known)])
        if len(rows) < limit or sum(map(len, found)) >= k:
            return np.concatenate(found)
        first, limit = int(rows[-1]) + 1, 4 * limit


def _all(connection: sqlite3.Connection, expression: str, among: Int64 | None) -> Int64:
    """All frames that an FTS5 expression fits, ascending."""
    rows = _rows(connection, expression, among)
    return rows if among is None else rows[is_in(rows, among)]


def _rows(
    connection: sqlite3.Connection, expression: str, among: Int64 | None, *, first: int = 0, limit: int = -1
) -> Int64:
    """The first frames from `first` on that an FTS5 expression fits, ascending; -1 for all of them.

    Of `among` it looks at the ends only.
    """
    last = _LAST_ROW
    if among is not None:
        first, last = max(first, int(among[0])), int(among[-1])
    query = """
        SELECT rowid AS id FROM captions_fts
        WHERE captions_fts MATCH ? AND rowid BETWEEN ? AND ? ORDER BY rowid LIMIT ?
    """
    return selected_ids(connection, query, (expression, first, last, limit))


def _best(frame_ids: Int64, scores: Float64, k: int) -> tuple[Int64, Float64]:
    """The k best, best first; ties by id."""
    if len(scores) > k:
        good = scores >= np.partition(scores, len(scores) - k)[len(scores) - k]
        frame_ids, scores = frame_ids[good], scores[good]
    order = np.lexsort((frame_ids, -scores))[:k]
    return frame_ids[order], scores[order]


def _highlighted(connection: sqlite3.Connection, expression: str, frame_ids: Iterable[int]) -> dict[int, str]:
    query = """
        SELECT rowid, highlight(captions_fts, 0, ?, ?) FROM captions_fts
        WHERE captions_fts MATCH ? AND rowid IN (SELECT value FROM json_each(?))
    """
    ids = json.dumps(list(frame_ids))
    return dict(connection.execute(query, (HIGHLIGHT_START, HIGHLIGHT_END, expression, ids)).fetchall())
