"""Ranks segments by how well their words match a query: BM25 over the full-text index, read as deep as
needed.

A segment's score is the sum of the weights of the query's words that it contains. So there are only as many
scores as sets of words, and the best segments contain the heaviest set. The sets are queried one by one, each
only until enough segments are found. The result equals the ranking of all segments that contain any of the
words, of which there are hundreds of thousands for common words.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from vidsearch.store import caption_rows, misread, segment_ids
from vidsearch.store.connection import LISTED, Connection
from vidsearch.store.fts import highlighted
from vidsearch.store.ids import is_in, selected_ids, union
from vidsearch.store.values import seconds_of
from vidsearch.store.words import any_word_expression, exact_phrases, has_phrase, telling_terms
from vidsearch.tracks import HUMAN, SegmentMatch, WordKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidsearch.store.connection import Connection
    from vidsearch.tracks import TrackKind
    from vidsearch.types import Int64

    Float64: TypeAlias = NDArray[np.float64]

_WORDS_IN_SETS = 4
"""Only this many words of a query, the most common ones, are queried as sets, of which there are 15. For the
other words, all segments that contain one are read."""
_ALL = 2**62
_MISREAD: TrackKind = "ocr"
"""The kind of track whose words may be misread."""
_WEIGHT_STEP = 2.0**-20
"""Weights are multiples of this, so that sums do not depend on the order of the words."""


@dataclass(frozen=True, slots=True)
class _Range:
    """Segments with ids in [first, end), and, if not None, in `among` (ascending)."""

    first: int
    end: int
    among: Int64 | None = None

    def with_phrases(self, connection: Connection, words: str) -> _Range:
        """Restrict the range to segments with all phrases in quotes literally: FTS5 alone would stem them."""
        phrases = exact_phrases(words)
        if not phrases:
            return self
        quoted = ('"{}"{}'.format(" ".join(p).removesuffix(" *"), "*" * (p[-1] == "*")) for p in phrases)
        candidates = self.all_rows(connection, " AND ".join(quoted))
        texts = connection.execute(
            "SELECT id, text FROM segments WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",
            (json.dumps(candidates.tolist()),),
        )
        exact = [row[0] for row in texts if all(has_phrase(row[1], phrase) for phrase in phrases)]
        return replace(self, among=np.asarray(exact, dtype=np.int64))

    def rows(
        self, connection: Connection, expression: str, *, first: int | None = None, limit: int = _ALL
    ) -> Int64:
        """The first segments from `first` on that match an FTS5 expression, ascending.

        Only the ends of `among` are taken into account.
        """
        low, high = self.first if first is None else first, self.end - 1
        if self.among is not None:
            low, high = max(low, int(self.among[0])), min(high, int(self.among[-1]))
        query = """
            SELECT rowid AS id FROM segments_fts
            WHERE segments_fts MATCH ? AND rowid BETWEEN ? AND ? ORDER BY rowid LIMIT ?
        """
        return selected_ids(connection, query, (expression, low, high, limit))

    def all_rows(self, connection: Connection, expression: str) -> Int64:
        """All segments that match an FTS5 expression, ascending."""
        rows = self.rows(connection, expression)
        return rows if self.among is None else rows[is_in(rows, self.among)]


class Ranked(NamedTuple):
    """Segments by how well their words match, best first. Each array is (n,)."""

    ids: Int64
    scores: Float64
    shares: Float64
    """The share of the query's significant words that a segment contains, in [0, 1]."""


_NONE = Ranked(np.empty(0, np.int64), np.empty(0), np.empty(0))


def matches(
    connection: Connection,
    words: str,
    k: int,
    *,
    kinds: Sequence[WordKind],
    among: Mapping[WordKind, Int64] | None = None,
) -> list[SegmentMatch]:
    """The best segments of active tracks with their texts; see `best_scores`."""
    ranked = best_scores(connection, words, k, kinds=kinds, among=among)
    return marked(connection, words, dict(zip(ranked.ids.tolist(), ranked.scores.tolist(), strict=True)))


def marked(connection: Connection, words: str, scores: Mapping[int, float]) -> list[SegmentMatch]:
    """See `Store.marked`."""
    if not scores:
        return []
    expression = any_word_expression(words)
    kinds = {segment_ids.kind_of(segment_id) for segment_id in scores}
    ranges = [_Range(*segment_ids.id_range(kind, is_human=is_human)) for kind, is_human in kinds]
    if likenesses := _likenesses(connection, telling_terms(words), ranges):
        expression = " OR ".join(likenesses)
    rows = _texts(connection, expression, scores)
    found = []
    for segment_id, score in scores.items():
        if segment_id not in rows:
            continue
        track_id, video_id, start, end, text, highlighted = rows[segment_id]
        kind, is_human = segment_ids.kind_of(segment_id)
        found.append(
            SegmentMatch(
                segment_id=segment_id,
                track_id=track_id,
                video_id=video_id,
                kind=kind,
                is_human=is_human,
                start_seconds=seconds_of(start, "the time of a segment"),
                end_seconds=seconds_of(end, "the end of a segment"),
                text=text,
                score=score,
                highlighted=highlighted,
            )
        )
    return found


def best_scores(
    connection: Connection,
    words: str,
    k: int,
    *,
    kinds: Sequence[WordKind],
    among: Mapping[WordKind, Int64] | None = None,
) -> Ranked:
    """Find the k segments of these kinds with the most significant of the words.

    BM25 without length normalization (b = 0): captions are short sentences that rarely repeat a word, so the
    score is the sum of the words' inverse document frequencies among all segments of these kinds. Equal
    scores are ordered by id. Phrases in quotes must occur literally. A model's segment that a person's words
    cover completely never matches. `among`: the only ids that may match, ascending, by kind.
    """
    shown = num_searchable(connection)
    num_segments = sum(shown.get(kind, 0) for kind in kinds)
    ranges = [
        _Range(
            *segment_ids.id_range(kind.kind, is_human=kind.is_human), None if among is None else among[kind]
        )
        for kind in kinds
        if shown.get(kind)
    ]
    ranges = [each.with_phrases(connection, words) for each in ranges if _has_any(each)]
    ranges = [each for each in ranges if _has_any(each)]
    if k <= 0 or not ranges:
        return _NONE
    terms = telling_terms(words)
    weights = _weights(connection, terms, num_segments, ranges)
    likenesses = _likenesses(connection, terms, ranges)
    if not weights and not likenesses:
        return _NONE
    has_human = any(count and kind.is_human for kind, count in shown.items())
    hidden = np.asarray(caption_rows.covered_by_people(connection) if has_human else [], dtype=np.int64)
    parts = [_best_of(connection, each, weights, k + len(hidden)) for each in ranges]
    if likenesses:
        parts.append(_best_like(connection, likenesses, num_segments, ranges, k))
    ids, scores, counts = (np.concatenate(column) for column in zip(*parts, strict=True))
    if likenesses:
        ids, scores, counts = _each_once(ids, scores, counts)
    is_shown = ~is_in(ids, hidden)
    best = _best(Ranked(ids[is_shown], scores[is_shown], counts[is_shown]), k)
    return best._replace(shares=best.shares / len(terms))


def _likenesses(connection: Connection, terms: Sequence[str], ranges: Sequence[_Range]) -> list[str]:
    """FTS5 expressions for each of the terms or words on the screen that resemble it; empty if none does."""
    if not any((each.first, each.end) == segment_ids.id_range(_MISREAD) for each in ranges):
        return []
    like = [misread.words_like(connection, term.strip('"')) for term in terms]
    if not any(like):
        return []
    return [
        "({})".format(" OR ".join([term, *(f'"{word}"' for word in words)]))
        for term, words in zip(terms, like, strict=True)
    ]


def _best_like(
    connection: Connection,
    likenesses: Sequence[str],
    num_segments: int,
    ranges: Sequence[_Range],
    k: int,
) -> Ranked:
    """The k best lines on the screen, including misread words, which count a little less."""
    first, end = segment_ids.id_range(_MISREAD)
    of_text = [each for each in ranges if each.first == first and each.end == end]
    weights = _weights(connection, likenesses, num_segments, of_text) if of_text else {}
    if not weights:
        return _NONE
    (within,) = of_text
    best = _best_of(connection, within, weights, k)
    return Ranked(best.ids, best.scores * misread.LIKENESS, best.shares * misread.LIKENESS)


def _each_once(ids: Int64, scores: Float64, counts: Float64) -> tuple[Int64, Float64, Float64]:
    """Keep only the better score of segments that were found twice."""
    order = np.lexsort((-scores, ids))
    is_first = np.append(True, np.diff(ids[order]) != 0)[: len(ids)]
    kept = order[is_first]
    return ids[kept], scores[kept], counts[kept]


def _has_any(within: _Range) -> bool:
    return within.among is None or len(within.among) > 0


def _best_of(connection: Connection, within: _Range, weights: Mapping[str, float], k: int) -> Ranked:
    """The k best segments of a range, with the number of their words instead of a share."""
    rarest_first = sorted(weights, key=lambda term: -weights[term])
    rare, in_sets = rarest_first[:-_WORDS_IN_SETS], rarest_first[-_WORDS_IN_SETS:]
    best = _all_with_any(connection, rare, in_sets, weights, within) if rare else _NONE
    known = best.ids
    best = _best(best, k)
    for chosen, weight in _sets(in_sets, weights):
        if len(best.ids) == k and best.scores[-1] > weight:
            break
        # Segments that contain more words than this set were found by a heavier set.
        new = _first_unknown(connection, " AND ".join(chosen), k, known, within)
        known = union([known, new])
        scores = np.concatenate([best.scores, np.full(len(new), weight)])
        counts = np.concatenate([best.shares, np.full(len(new), float(len(chosen)))])
        best = _best(Ranked(np.concatenate([best.ids, new]), scores, counts), k)
    return best


def _weights(
    connection: Connection, terms: Sequence[str], num_segments: int, ranges: Sequence[_Range]
) -> dict[str, float]:
    """The inverse document frequencies of the terms that occur among `num_segments` segments."""
    counts = connection.num_fitting(terms, [(each.first, each.end) for each in ranges])
    weights = {}
    for term, count in zip(terms, counts, strict=True):
        if count:
            weight = math.log1p((max(0, num_segments - count) + 0.5) / (count + 0.5))
            weights[term] = math.ceil(weight / _WEIGHT_STEP) * _WEIGHT_STEP
    return weights


def num_searchable(connection: Connection) -> dict[WordKind, int]:
    """The number of segments in active tracks, by kind. Kinds without a track are left out."""
    query = """
        SELECT kind, producer = ?, sum(num_segments) FROM tracks WHERE state = 'active' GROUP BY 1, 2
    """
    rows = connection.execute(query, (HUMAN,))
    return {WordKind(kind, bool(is_human)): int(count) for kind, is_human, count in rows}


def _sets(terms: Sequence[str], weights: Mapping[str, float]) -> list[tuple[tuple[str, ...], float]]:
    """All sets of the terms with the sums of their weights, heaviest first."""
    sets = [chosen for size in range(1, len(terms) + 1) for chosen in combinations(terms, size)]
    weighed = [(chosen, sum(weights[term] for term in chosen)) for chosen in sets]
    return sorted(weighed, key=lambda each: -each[1])


def _all_with_any(
    connection: Connection,
    terms: Sequence[str],
    other_terms: Sequence[str],
    weights: Mapping[str, float],
    within: _Range,
) -> Ranked:
    """All segments that contain any of the terms, ascending, with their scores."""
    rows_of = [within.all_rows(connection, term) for term in terms]
    found = union(rows_of)
    any_term = " OR ".join(terms)
    rows_of += [within.all_rows(connection, f"({any_term}) AND {term}") for term in other_terms]
    scores, counts = np.zeros(len(found)), np.zeros(len(found))
    for term, rows in zip((*terms, *other_terms), rows_of, strict=True):
        at = np.searchsorted(found, rows)
        scores[at] += weights[term]
        counts[at] += 1
    return Ranked(found, scores, counts)


def _first_unknown(connection: Connection, expression: str, k: int, known: Int64, within: _Range) -> Int64:
    """The first k or more segments that match an FTS5 expression and are not known, ascending."""
    found: list[Int64] = []
    first, limit = within.first, k
    while True:
        rows = within.rows(connection, expression, first=first, limit=limit)
        new = rows if within.among is None else rows[is_in(rows, within.among)]
        found.append(new[~is_in(new, known)])
        if len(rows) < limit or sum(map(len, found)) >= k:
            return np.concatenate(found)
        first, limit = int(rows[-1]) + 1, 4 * limit


def _best(ranked: Ranked, k: int) -> Ranked:
    """The k best, best first; ties by id."""
    ids, scores, counts = ranked
    if len(scores) > k:
        good = scores >= np.partition(scores, len(scores) - k)[len(scores) - k]
        ids, scores, counts = ids[good], scores[good], counts[good]
    order = np.lexsort((ids, -scores))[:k]
    return Ranked(ids[order], scores[order], counts[order])


def _texts(
    connection: Connection, expression: str | None, found: Iterable[int]
) -> dict[int, tuple[int, int, float, float, str, str]]:
    """Each segment's track, video, start, end, text, and text with highlighted matches.

    The last one is empty for a segment that matches by meaning only.
    """
    query = f"""
        SELECT s.id, t.id, t.video_id, s.start_seconds, s.end_seconds, s.text
        FROM segments s JOIN tracks t ON t.id = s.track_id
        WHERE s.id IN {LISTED} AND t.state = 'active' AND s.text IS NOT NULL
    """
    rows = {row[0]: row[1:] for row in connection.execute(query, (json.dumps(list(found)),))}
    texts = {segment_id: row[-1] for segment_id, row in rows.items()}
    marked = {} if expression is None else highlighted(expression, texts)
    return {segment_id: (*row, marked.get(segment_id, row[-1])) for segment_id, row in rows.items()}
