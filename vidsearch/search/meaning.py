"""What lines of words mean: their vectors by a text model, beside the words that they have.

A line that says the same in other words is near to a query in the space of `mini`'s text tower, which every
installation has; one that has the query's words may be far from it, and is what was asked for all the same.
A logistic map of both gives the probability that a line is it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from vidsearch.errors import ModelUnavailable
from vidsearch.models.known import MINI
from vidsearch.search.kinds import TEXT_KINDS
from vidsearch.store.similarity import similarities
from vidsearch.store.words import exact_phrases

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidsearch.search.composition import QueryComposer
    from vidsearch.search.query import Query
    from vidsearch.store.store import Store
    from vidsearch.tracks import TrackKind
    from vidsearch.types import EmbeddingSpace, Float32, FrameFilter, Int64

    Numbers: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LineMap:
    """A logistic map."""

    intercept: float
    per_cosine: float
    per_share: float
    """For all words of the query; for a share of them, its cube: some words in common mean little."""
    per_log_lines: float
    """Per natural logarithm of the number of lines: the best of many is near to anything by chance alone."""

    def confidences(self, cosines: Numbers, shares: Numbers, num_lines: float | Numbers) -> Numbers:
        """Probabilities in [0, 1] that lines are what was asked for, each as if it were the best one."""
        log_odds = (
            self.intercept
            + self.per_cosine * cosines
            + self.per_share * shares**3
            + self.per_log_lines * np.log(np.maximum(num_lines, 1.0))
        )
        return np.asarray(np.exp(-np.logaddexp(0.0, -log_odds)))


LINES = LineMap(intercept=-3.09, per_cosine=12.85, per_share=3.49, per_log_lines=-0.42)
"""For what is said and written: fitted by `benchmarks/search_words.py`."""
CAPTIONS = LineMap(intercept=-3.78, per_cosine=13.06, per_share=0.0, per_log_lines=-0.83)
"""For what people say of pictures, which is more alike: fitted by `benchmarks/corrections.py`."""
LEAST = 0.1
"""A line without a word of the query that is less likely than this says nothing."""


@dataclass(frozen=True, slots=True)
class LineView:
    """A query in the space of one kind of lines."""

    space: EmbeddingSpace
    vector: Float32

    def nearest(self, library: Store, count: int, where: FrameFilter) -> tuple[Int64, Numbers]:
        """The lines that mean most nearly what the query does, best first: ids and cosines, (n,) each."""
        among = library.segment_ids(where, self.space.kind)
        ids, cosines = library.nearest(self.space, self.vector[None], count, among=among)
        is_there = (ids[0] >= 0) & np.isfinite(cosines[0])
        return ids[0][is_there], cosines[0][is_there].astype(np.float64)

    def cosines(self, library: Store, ids: Int64) -> Numbers:
        """The cosines of lines, by ascending ids; NaN for those of another kind, or without a vector yet."""
        lines = library.matrix(self.space)
        found = np.full(len(ids), np.nan)
        rows = lines.rows_of(ids)
        found[np.searchsorted(ids, lines.segment_ids[rows])] = similarities(lines.vectors[rows], self.vector)
        return found


def line_views(query: Query, library: Store, composer: QueryComposer) -> dict[TrackKind, LineView]:
    """The words of a query in the space of each kind of lines that it looks at.

    None where words are in quotes, which are looked for as they stand, and where the model is not at hand or
    does not know the letters.
    """
    words = " ".join((*(part.seen for part in query.parts), *(plus.text for plus in query.plus)))
    if not words or exact_phrases(query.words):
        return {}
    looked_at = [TEXT_KINDS[name] for name in query.looked_at if name in TEXT_KINDS]
    kinds = {track.kind for kind in looked_at if kind.has_vectors for track in kind.tracks}
    views = {}
    for kind in sorted(kinds):
        for space in library.spaces(kind):
            if space.model == MINI and not _are_english_letters(words):
                continue
            try:
                views[kind] = LineView(space, composer.words_vector(words, space.of("frames")))
            except ModelUnavailable:
                continue
    return views


def _are_english_letters(words: str) -> bool:
    """Whether all letters are of the English alphabet, but for accents.

    To `mini`'s text model, all words with other letters are one unknown word: any Russian word means the
    same as any Russian line.
    """
    letters = [each for each in unicodedata.normalize("NFKD", words) if each.isalnum()]
    return bool(letters) and all(each.isascii() for each in letters)


@dataclass(frozen=True, slots=True)
class JudgedLines:
    """Lines by how likely they are what was asked for, best first: (n,) each."""

    ids: Int64
    confidences: Numbers
    by_words: Numbers
    """Confidences by their words alone."""
    is_exhausted: bool


def judge(
    library: Store,
    views: Sequence[LineView],
    by_words: Mapping[int, tuple[float, float]],
    count: int,
    where: FrameFilter,
) -> JudgedLines:
    """Join lines that have words of a query with those that mean it.

    Args:
        library: Whose lines they are.
        views: The query in the spaces that the lines may have vectors in.
        by_words: Of lines with words of the query, by id: the share of the words, and the probability by the
            words alone, which a line never falls below.
        count: How many near lines to look at in each space.
        where: What the query leaves.
    """
    near = [view.nearest(library, count, where)[0] for view in views]
    ids = np.unique(np.concatenate([np.fromiter(by_words, np.int64, len(by_words)), *near]))
    ids = ids[~np.isin(ids, library.covered_lines())]
    shares, alone = (np.asarray([by_words.get(int(i), (0.0, 0.0))[column] for i in ids]) for column in (0, 1))
    sure = alone.copy()
    for view in views:
        cosines = view.cosines(library, ids)
        num_lines = len(library.matrix(view.space))
        line_map = CAPTIONS if view.space.kind == "caption" else LINES
        judged = line_map.confidences(cosines, shares, num_lines)
        sure = np.fmax(sure, judged)
    is_telling = (shares > 0) | (sure >= LEAST)
    order = np.lexsort((ids, -sure))
    order = order[is_telling[order]]
    return JudgedLines(
        ids[order],
        sure[order],
        alone[order],
        is_exhausted=int(((shares == 0) & is_telling).sum()) < count,
    )
