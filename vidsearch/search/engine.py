"""Answers queries: runs the retrievers and fuses their rankings into moments.

Rankings are read only as deep as the answer needs: a search in a million frames touches a few thousand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from vidsearch.errors import ModelUnavailable, QueryError
from vidsearch.search import encoders as models
from vidsearch.search.answer import ResolvedMode, SearchAnswer
from vidsearch.search.composition import QueryComposer
from vidsearch.search.fusion import Moment, rank_moments, rank_segments
from vidsearch.search.hits import HitMaker, fold_duplicates
from vidsearch.search.kinds import PICTURES
from vidsearch.search.meaning import line_views
from vidsearch.search.rerank import rerank
from vidsearch.search.retrievers import RETRIEVERS, FrameRanking, Question, Retriever, SegmentRanking
from vidsearch.search.sequence import best_sequences
from vidsearch.search.timeline import Timeline
from vidsearch.search.together import Step, frame_evidence, needs_words, rank_together, scores_of_steps
from vidsearch.search.verdict import Found, answer_of, nothing
from vidsearch.search.views import View, mean_log_odds, standard_scores
from vidsearch.search.windows import window_views

if TYPE_CHECKING:
    from vidsearch.models.protocols import Matcher
    from vidsearch.search.encoders import Embedders, TextEncoders
    from vidsearch.search.query import Query
    from vidsearch.store.matrix import Matrix
    from vidsearch.store.store import Store
    from vidsearch.types import EmbeddingSpace, Float32, Int64

_FIRST_DEPTH = 512
_DEEPEST = 1 << 17
"""How deep rankings are read: at first, enough for the twenty moments behind ten hits in most libraries (a
shot has many similar frames); and at most."""


def search(
    library: Store,
    query: Query,
    *,
    encoders: TextEncoders | None = None,
    embedders: Embedders | None = None,
) -> SearchAnswer:
    """Answer one query. For several on the same library, a `Searcher` is faster."""
    return Searcher(library, encoders=encoders, embedders=embedders).search(query)


class Searcher:
    """A library opened for searching, with cached encoders, timelines and usual scores.

    Follows changes of the library.

    Args:
        library: The library to search.
        encoders: Text encoders by space; by default the registry's models.
        embedders: Image embedders by space; likewise.
        load_matcher: Loads a re-ranking model by name; likewise.
    """

    def __init__(
        self,
        library: Store,
        *,
        encoders: TextEncoders | None = None,
        embedders: Embedders | None = None,
        load_matcher: Callable[[str], Matcher] | None = None,
    ) -> None:
        self.library = library
        self._load_matcher = load_matcher or models.load_matcher
        self._matchers: dict[str, Matcher] = {}
        self.composer = QueryComposer(
            library,
            load_encoder=models.load_text_encoder if encoders is None else models.loader(encoders),
            load_embedder=models.load_embedder if embedders is None else models.loader(embedders),
        )
        self._timelines: dict[EmbeddingSpace, tuple[Matrix, Timeline]] = {}

    def search(self, query: Query) -> SearchAnswer:
        """Answer a query. Raises QueryError, VideoNotFound, ModelError, LibraryError."""
        spaces = self.library.spaces()
        _check_vectors(query, spaces)
        timelines = self.timelines()
        if not timelines and not self.library.videos():
            return nothing(query, "The library has no frames yet: index some videos first.")
        self.composer.concepts.look()
        among = self.library.frame_ids(query.filter)
        num_frames = max(map(len, timelines.values()), default=0) if among is None else len(among)
        if among is not None and num_frames == 0:
            return nothing(query, "No frame matches the filters.")
        if query.then:
            found = self._search_sequence(query, timelines, among)
        else:
            found = self._search_moments(query, timelines, among)
        found = replace(found, notes=[*self.composer.concepts.notes, *found.notes])
        return answer_of(query, found, num_frames)

    def timelines(self) -> dict[EmbeddingSpace, Timeline]:
        """The current timeline of each space that has frames."""
        timelines = {space: self._timeline(space) for space in self.library.spaces()}
        return {space: timeline for space, timeline in timelines.items() if len(timeline)}

    # --- moments ------------------------------------------------------------------------------------

    def _search_moments(
        self, query: Query, timelines: Mapping[EmbeddingSpace, Timeline], among: Int64 | None
    ) -> Found:
        by_clause = [
            self._views(clause, timelines if PICTURES in clause.looked_at else {}) for clause in query.clauses
        ]
        views, problems = next((each for each in by_clause if any(each)), by_clause[0])
        timeline = views[0].timeline if views else next(iter(timelines.values()), _no_frames())
        maker = HitMaker(self.library, timeline)
        questions = []
        notes: list[str] = []
        for clause, (own_views, _) in zip(query.clauses, by_clause, strict=True):
            windows, silent = window_views(clause, self.library, self.composer, self._timeline)
            lines = line_views(clause, self.library, self.composer)
            questions.append(Question(self.library, clause, own_views, timeline, among, windows, lines))
            notes += silent
        if len(questions) > 1 and len(timeline):
            moments = _joint_moments(query, questions, maker)
        else:
            moments = _moments(query, questions, maker)
        if problems and not views and (query.mode != "auto" or not moments):
            raise problems[0]
        by_words = any(moment.segments for moment in moments)
        kept, folded = _fold(query, moments, timeline)
        if query.min_confidence is None:
            kept = kept[: max(query.num_hits, query.num_rerank if query.rerank else 0)]
        hits = maker.moment_hits(
            [moments[number] for number in kept],
            views,
            query.words,
            in_shots=query.group,
            has_confidence=query.asked is not None and all(view.calibration for view in views),
        )
        hits = [
            replace(hit, num_duplicates=folded[n]) if n in folded else hit
            for hit, n in zip(hits, kept, strict=True)
        ]
        notes = [*(str(problem) for problem in problems), *dict.fromkeys(notes)]
        if query.rerank is not None and hits:
            first, more_notes = rerank(
                self.library, hits[: query.num_rerank], query.words, self._matcher(query.rerank)
            )
            hits, notes = first + hits[query.num_rerank :], notes + more_notes
        return Found(hits, views, _mode(query, views, by_words=by_words), notes)

    # --- sequences ----------------------------------------------------------------------------------

    def _search_sequence(
        self, query: Query, timelines: Mapping[EmbeddingSpace, Timeline], among: Int64 | None
    ) -> Found:
        steps, notes = self._steps(query, timelines, among)
        timeline = steps[0].questions[0].timeline
        rows = np.arange(len(timeline)) if among is None else timeline.known_rows(among)
        scores = scores_of_steps(steps, rows)
        sequences = best_sequences(
            scores,
            timeline.video_ids[rows],
            timeline.times[rows],
            within_seconds=query.within_seconds,
            limit=query.num_hits * (2 if query.dedupe else 1),
        )
        at = np.asarray([sequence.rows for sequence in sequences], dtype=np.int64).reshape(-1, len(steps))
        step_rows = rows[at]
        kept, folded = list(range(len(step_rows))), dict[int, int]()
        if query.dedupe and not any(step.is_by_words for step in steps):
            vectors = timeline.vectors(step_rows.reshape(-1)).reshape(*step_rows.shape, -1)
            kept, folded = fold_duplicates(vectors, timeline.video_ids[step_rows[:, 0]].tolist())
        kept = kept[: query.num_hits] if query.min_confidence is None else kept
        hits = HitMaker(self.library, timeline).sequence_hits(
            step_rows[kept], scores[np.arange(len(steps)), at[kept]], steps
        )
        hits = [
            replace(hit, num_duplicates=folded[n]) if n in folded else hit
            for hit, n in zip(hits, kept, strict=True)
        ]
        views = next((step.views for step in steps if step.views), ())
        return Found(
            hits, views, _mode(query, views, by_words=any(step.is_by_words for step in steps)), notes
        )

    # --- what they share ----------------------------------------------------------------------------

    def _views(
        self, query: Query, timelines: Mapping[EmbeddingSpace, Timeline]
    ) -> tuple[list[View], list[ModelUnavailable]]:
        """The query in each space whose model is available, and why the others are not."""
        if query.vectors and query.num_parts == 1:
            timelines = {space: timelines[space] for space in timelines if space.key in query.vectors}
        views: list[View] = []
        problems: list[ModelUnavailable] = []
        for space, timeline in timelines.items():
            try:
                views.append(View.of(space, timeline, self.composer.direction(query, space, timeline)))
            except ModelUnavailable as error:
                problems.append(error)
        return views, problems

    def _steps(
        self, query: Query, timelines: Mapping[EmbeddingSpace, Timeline], among: Int64 | None
    ) -> tuple[list[Step], list[str]]:
        """The steps of a sequence, and notes about them."""
        steps: list[Step] = []
        problems: list[ModelUnavailable] = []
        timeline = next(iter(timelines.values()), _no_frames())
        if not len(timeline):
            raise QueryError("No frame of this library has a vector to compare.")
        for text, asked in zip((query.text or "", *query.then), query.steps, strict=True):
            questions = []
            for clause in asked.clauses:
                views, own = self._views(clause, timelines if PICTURES in clause.looked_at else {})
                problems += own
                if own and not views and clause.looked_at == (PICTURES,):
                    raise own[0]
                windows, _ = window_views(clause, self.library, self.composer, self._timeline)
                lines = line_views(clause, self.library, self.composer)
                questions.append(Question(self.library, clause, views, timeline, among, windows, lines))
            steps.append(Step(text, tuple(questions)))
        if any(len(step.questions) > 1 or needs_words(step.questions[0]) for step in steps):
            steps = [replace(step, parts=tuple(map(frame_evidence, step.questions))) for step in steps]
        elif problems and not all(step.views for step in steps):
            raise problems[0]
        return steps, list(dict.fromkeys(map(str, problems)))

    def _matcher(self, name: str) -> Matcher:
        if name not in self._matchers:
            self._matchers[name] = self._load_matcher(name)
        return self._matchers[name]

    def _timeline(self, space: EmbeddingSpace) -> Timeline:
        """The space's timeline, rebuilt when the library's matrix changes."""
        matrix = self.library.matrix(space)
        known = self._timelines.get(space)
        if known is None or known[0] is not matrix:
            self._timelines[space] = known = (matrix, Timeline.of(matrix))
        return known[1]


def _num_wanted(query: Query) -> int:
    """How many moments to find: more than asked for if duplicates will be folded."""
    return max(query.num_hits, query.num_rerank if query.rerank else 0) * (2 if query.dedupe else 1)


def _joint_moments(query: Query, questions: Sequence[Question], maker: HitMaker) -> list[Moment]:
    """The best moments for all clauses of a query together."""
    timeline, among = questions[0].timeline, questions[0].among
    return rank_together(
        [frame_evidence(question) for question in questions],
        among_rows=None if among is None else timeline.known_rows(among),
        join=query.group,
        bounds_of=lambda row: maker.bounds(row, query.filter),
        limit=_num_wanted(query),
    )


def _moments(query: Query, questions: Sequence[Question], maker: HitMaker) -> list[Moment]:
    """The best moments of a query with one clause, or with several but no pictures to join them by."""
    views, timeline = questions[0].views, questions[0].timeline
    wanted = _num_wanted(query)
    retrievers: list[Retriever] = [
        retriever
        for question in questions
        for kind in question.query.looked_at
        for retriever in RETRIEVERS[kind](question)
    ]
    depth = max(_FIRST_DEPTH, 2 * wanted)
    while True:
        rankings = [retriever.rank(depth) for retriever in retrievers]
        frames = [each for each in rankings if isinstance(each, FrameRanking)]
        segments = [each for each in rankings if isinstance(each, SegmentRanking)]
        if frames:
            moments = rank_moments(
                frames,
                segments,
                curve=partial(standard_scores, views),
                weights=lambda rows: np.logaddexp(0.0, mean_log_odds(views, timeline.frame_ids[rows])),
                join=query.group,
                bounds_of=lambda row: maker.bounds(row, query.filter),
                limit=wanted,
            )
        else:
            moments = rank_segments(segments, limit=wanted)
        is_exhausted = all(ranking.is_exhausted for ranking in rankings)
        if len(moments) >= wanted or is_exhausted or depth >= _DEEPEST:
            return moments
        depth *= 4


def _check_vectors(query: Query, spaces: Sequence[EmbeddingSpace]) -> None:
    known = {space.key: space.model for space in spaces}
    for key in query.vectors:
        if key not in known:
            have = ", ".join(f"{key} ({model})" for key, model in known.items()) or "none yet"
            raise QueryError(f"The library has no embedding space {key!r}. It has: {have}.")


def _no_frames() -> Timeline:
    empty = np.empty(0, dtype=np.int64)
    return Timeline(empty, empty, np.empty(0), np.empty((0, 1), dtype=np.float32))


def _fold(query: Query, moments: Sequence[Moment], timeline: Timeline) -> tuple[list[int], dict[int, int]]:
    """Numbers of the moments to keep, in order, and how many were folded into each."""
    on_timeline = [n for n, moment in enumerate(moments) if moment.span is not None]
    if not query.dedupe or not on_timeline:
        return list(range(len(moments))), {}
    rows = np.asarray([moments[n].span.best for n in on_timeline], dtype=np.int64)  # type: ignore[union-attr]
    vectors: Float32 = timeline.vectors(rows)[:, None]
    kept, folded = fold_duplicates(vectors, timeline.video_ids[rows].tolist())
    gone = set(on_timeline) - {on_timeline[n] for n in kept}
    return (
        [n for n in range(len(moments)) if n not in gone],
        {on_timeline[n]: count for n, count in folded.items()},
    )


def _mode(query: Query, views: Sequence[View], *, by_words: bool) -> ResolvedMode:
    if not views:
        return "caption"
    return "hybrid" if by_words or query.mode == "hybrid" else "visual"
