"""Answers queries: ranks frames, joins them into moments, fuses what pictures and captions say.

Reads a library through its public methods; knows no SQL, no FAISS and never imports torch. Each ranking is
followed down only as far as the answer needs, so that a search in a million frames touches a few thousand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import numpy as np

from vidsearch.errors import ModelUnavailable
from vidsearch.search.answer import ResolvedMode, SearchAnswer
from vidsearch.search.composition import QueryComposer
from vidsearch.search.hits import HitMaker, fold_duplicates
from vidsearch.search.moments import Curve, shot_bounds
from vidsearch.search.ranking import Moment, Ranking, matched_curve, rank_moments
from vidsearch.search.rerank import rerank
from vidsearch.search.sequence import best_sequences
from vidsearch.search.timeline import Timeline
from vidsearch.search.views import View, standard_scores, step_scores
from vidsearch.store.segment_ids import id_range
from vidsearch.store.word_ranking import WordKind

if TYPE_CHECKING:
    from vidsearch.models.protocols import Embedder, Matcher, TextEncoder
    from vidsearch.search.query import Query
    from vidsearch.store.library import Library
    from vidsearch.types import EmbeddingSpace, Float32, FrameFilter, Int64, SearchHit

TextEncoders: TypeAlias = "Mapping[EmbeddingSpace, TextEncoder] | Callable[[EmbeddingSpace], TextEncoder]"
"""Encoders by space, or what loads one."""
Embedders: TypeAlias = "Mapping[EmbeddingSpace, Embedder] | Callable[[EmbeddingSpace], Embedder]"

Model = TypeVar("Model")

CAPTIONS = "caption"
"""Name of the ranking by what captions say."""
CAPTION_WEIGHT = 0.2
"""What the best match of the query's words with a model's caption adds to the pictures' score, in standard
deviations: as measured by `benchmarks/search_fusion.py`."""
CORRECTION_WEIGHT = 4.0
"""The same for a caption that a person wrote: enough to bring a name that no model knows to the top."""
_FIRST_DEPTH = 512
_DEEPEST = 1 << 17
"""How far down a ranking is followed for the hits that were asked for: at first, as far as the twenty moments
behind ten hits mostly take (a shot has many alike frames); at most."""


def search(
    library: Library,
    query: Query,
    *,
    encoders: TextEncoders | None = None,
    embedders: Embedders | None = None,
) -> SearchAnswer:
    """Answer one query. For several on the same library, a `Searcher` is quicker."""
    return Searcher(library, encoders=encoders, embedders=embedders).search(query)


class Searcher:
    """A library kept open with what its answers need: encoders, vectors in order, usual scores.

    `encoders` turn words into vectors, `embedders` pictures, and a matcher re-ranks; without them, the
    registry loads them by name, on first use. New frames are seen as the library's matrix changes.
    """

    def __init__(
        self,
        library: Library,
        *,
        encoders: TextEncoders | None = None,
        embedders: Embedders | None = None,
        load_matcher: Callable[[str], Matcher] | None = None,
    ) -> None:
        self.library = library
        self._load_matcher = load_matcher or _load_matcher
        self._matchers: dict[str, Matcher] = {}
        self._composer = QueryComposer(
            library,
            load_encoder=_load_text_encoder if encoders is None else _loader(encoders),
            load_embedder=_load_embedder if embedders is None else _loader(embedders),
        )
        self._timelines: dict[EmbeddingSpace, tuple[Int64, Timeline]] = {}

    def search(self, query: Query) -> SearchAnswer:
        """Answer a query. Raises QueryError, VideoNotFound, ModelError, LibraryError."""
        spaces = self.library.spaces()
        timelines = {space: self._timeline(space) for space in spaces}
        timelines = {space: timeline for space, timeline in timelines.items() if len(timeline)}
        if not timelines:
            return _nothing(query, "The library holds no frames yet: index some videos first.")
        among = self.library.frame_ids(query.filter)
        num_frames = max(map(len, timelines.values())) if among is None else len(among)
        if num_frames == 0:
            return _nothing(query, "No frame passes the filters.")
        if query.then:
            return self._search_sequence(query, timelines, among, num_frames)
        return self._search_moments(query, timelines, among, num_frames)

    def search_many(self, queries: Iterable[Query]) -> list[SearchAnswer]:
        """Answer queries one after the other."""
        return [self.search(query) for query in queries]

    # --- moments ------------------------------------------------------------------------------------

    def _search_moments(
        self, query: Query, timelines: Mapping[EmbeddingSpace, Timeline], among: Int64 | None, num_frames: int
    ) -> SearchAnswer:
        with_captions = query.has_words and query.mode != "visual"
        views, problems = self._views(query, {} if query.mode == "caption" else timelines)
        timeline = views[0].timeline if views else next(iter(timelines.values()))
        maker = HitMaker(self.library, timeline)
        moments, ranked_captions = self._moments(query, views, timeline, maker, among, with_captions)
        if problems and not views and (query.mode != "auto" or not ranked_captions):
            raise problems[0]
        vectors = timeline.vectors(np.asarray([moment.span.best for moment in moments], dtype=np.int64))
        kept, folded = _fold(query, vectors[:, None], [int(timeline.video_ids[m.span.best]) for m in moments])
        if query.min_confidence is None:
            kept = kept[: max(query.num_hits, query.num_rerank if query.rerank else 0)]
        hits = maker.moment_hits([moments[number] for number in kept], views, in_shots=query.group)
        hits = [replace(hit, num_duplicates=folded.get(n, 0)) for hit, n in zip(hits, kept, strict=True)]
        mode: ResolvedMode = "visual"
        if not views or ranked_captions or query.mode == "hybrid":
            mode = "hybrid" if views else "caption"
        notes = [str(problem) for problem in problems]
        if query.rerank is not None and hits:
            first, more_notes = rerank(
                self.library, hits[: query.num_rerank], query.words, self._matcher(query.rerank)
            )
            hits, notes = first + hits[query.num_rerank :], notes + more_notes
        return _answer(query, hits, mode, views, num_frames, notes)

    def _moments(
        self,
        query: Query,
        views: Sequence[View],
        timeline: Timeline,
        maker: HitMaker,
        among: Int64 | None,
        with_captions: bool,
    ) -> tuple[list[Moment], bool]:
        """The best moments, some more than asked for where duplicates will be folded.

        Also whether any caption had a say.
        """
        wanted = max(query.num_hits, query.num_rerank if query.rerank else 0) * (2 if query.dedupe else 1)
        bounds = _Bounds(timeline, maker, query.filter)
        depth = max(_FIRST_DEPTH, 2 * wanted)
        while True:
            rankings = [self._visual_ranking(view, timeline, depth, among) for view in views]
            if with_captions:
                rankings.append(self._caption_ranking(query, timeline, depth, among))
            rankings = [ranking for ranking in rankings if len(ranking.places)]
            if not rankings:
                return [], False
            curve: Curve = partial(standard_scores, views) if views else matched_curve(rankings[0])
            moments = rank_moments(rankings, curve=curve, join=query.group, bounds_of=bounds, limit=wanted)
            exhausted = all(len(ranking.places) < depth for ranking in rankings)
            if len(moments) >= wanted or exhausted or depth >= _DEEPEST:
                return moments, rankings[-1].name == CAPTIONS
            depth *= 4

    def _visual_ranking(self, view: View, timeline: Timeline, depth: int, among: Int64 | None) -> Ranking:
        ids, scores = self.library.nearest(view.space, view.vector[None], depth, among=among)
        return _ranking(view.space.model, timeline, ids[0], scores[0])

    def _caption_ranking(self, query: Query, timeline: Timeline, depth: int, among: Int64 | None) -> Ranking:
        kinds = (WordKind("caption"), WordKind("caption", is_human=True))
        ids, scores = self.library.match_scores(query.words, depth, kinds=kinds, where=query.filter)
        places, rows, corrected = self._places_of(timeline, ids, among)
        ranking = Ranking(CAPTIONS, places, scores[rows].astype(np.float32))
        return _weighed(ranking, places[corrected])

    def _places_of(
        self, timeline: Timeline, segment_ids: Int64, among: Int64 | None
    ) -> tuple[Int64, Int64, Int64]:
        """The frames of segments: their places, each once, the segment of each, and which a person wrote."""
        human_first, _ = id_range("caption", is_human=True)
        video_ids, starts, ends = self.library.positions(segment_ids)
        found: dict[int, int] = {}
        for row, (video_id, start, end) in enumerate(zip(video_ids, starts, ends, strict=True)):
            first, stop = timeline.span(int(video_id), float(start), float(end))
            for place in range(first, stop):
                found.setdefault(place, row)
        places = np.fromiter(found.keys(), np.int64, len(found))
        rows = np.fromiter(found.values(), np.int64, len(found))
        if among is not None:
            is_left = np.isin(timeline.frame_ids[places], among)
            places, rows = places[is_left], rows[is_left]
        return places, rows, np.flatnonzero(segment_ids[rows] >= human_first)

    # --- sequences ----------------------------------------------------------------------------------

    def _search_sequence(
        self, query: Query, timelines: Mapping[EmbeddingSpace, Timeline], among: Int64 | None, num_frames: int
    ) -> SearchAnswer:
        texts = [query.text or "", *query.then]
        step_views, notes = self._step_views(texts, timelines)
        timeline = step_views[0][0].timeline
        places = np.arange(len(timeline)) if among is None else _known_places(timeline, among)
        scores = step_scores(step_views, places)
        sequences = best_sequences(
            scores,
            timeline.video_ids[places],
            timeline.times[places],
            within_seconds=query.within_seconds,
            limit=query.num_hits * (2 if query.dedupe else 1),
        )
        at = np.asarray([sequence.places for sequence in sequences], dtype=np.int64).reshape(-1, len(texts))
        step_places = places[at]
        vectors = timeline.vectors(step_places.reshape(-1)).reshape(*step_places.shape, -1)
        kept, folded = _fold(query, vectors, timeline.video_ids[step_places[:, :1]].reshape(-1).tolist())
        kept = kept[: query.num_hits] if query.min_confidence is None else kept
        maker = HitMaker(self.library, timeline)
        hits = maker.sequence_hits(
            step_places[kept], scores[np.arange(len(texts)), at[kept]], texts, step_views
        )
        hits = [replace(hit, num_duplicates=folded.get(n, 0)) for hit, n in zip(hits, kept, strict=True)]
        return _answer(query, hits, "visual", step_views[0], num_frames, notes)

    # --- what they share ----------------------------------------------------------------------------

    def _views(
        self, query: Query, timelines: Mapping[EmbeddingSpace, Timeline]
    ) -> tuple[list[View], list[ModelUnavailable]]:
        """The query in each space that a model is at hand for, and what is wrong with the others."""
        if query.vectors and query.num_parts == 1:
            timelines = {space: timelines[space] for space in timelines if space.key in query.vectors}
        views: list[View] = []
        problems: list[ModelUnavailable] = []
        for space, timeline in timelines.items():
            try:
                vector = self._composer.vector(query, space, timeline)
                views.append(View.of(space, timeline, vector, query.asked))
            except ModelUnavailable as error:
                problems.append(error)
        return views, problems

    def _step_views(
        self, texts: Sequence[str], timelines: Mapping[EmbeddingSpace, Timeline]
    ) -> tuple[list[list[View]], list[str]]:
        """For each step, its view in each space that an encoder is at hand for."""
        columns: list[list[View]] = []
        problems: list[ModelUnavailable] = []
        for space, timeline in timelines.items():
            try:
                vectors = self._composer.step_vectors(texts, space)
            except ModelUnavailable as error:
                problems.append(error)
                continue
            columns.append([View.of(space, timeline, vector, "words") for vector in vectors])
        if not columns:
            raise problems[0]
        return [list(views) for views in zip(*columns, strict=True)], [str(error) for error in problems]

    def _matcher(self, name: str) -> Matcher:
        if name not in self._matchers:
            self._matchers[name] = self._load_matcher(name)
        return self._matchers[name]

    def _timeline(self, space: EmbeddingSpace) -> Timeline:
        """The space's timeline, made anew when the library hands out another matrix."""
        frame_ids, video_ids, times, vectors = self.library.matrix(space)
        known = self._timelines.get(space)
        if known is None or known[0] is not frame_ids:
            self._timelines[space] = known = (frame_ids, Timeline(frame_ids, video_ids, times, vectors))
        return known[1]


class _Bounds:
    """How far a moment may reach: its shot, where shots are known, within the filter's times."""

    def __init__(self, timeline: Timeline, maker: HitMaker, frames: FrameFilter) -> None:
        self._timeline = timeline
        self._maker = maker
        self._filter = frames

    def __call__(self, place: int) -> tuple[int, int]:
        first, end = self._timeline.video_bounds(place)
        times = self._timeline.times[first:end]
        shots = self._maker.shots(int(self._timeline.video_ids[place]))
        low, high = shot_bounds(times, float(self._timeline.times[place]), shots)
        if self._filter.after_seconds is not None:
            low = max(low, int(np.searchsorted(times, self._filter.after_seconds, side="left")))
        if self._filter.before_seconds is not None:
            high = min(high, int(np.searchsorted(times, self._filter.before_seconds, side="left")))
        return first + low, first + high


def _ranking(name: str, timeline: Timeline, frame_ids: Int64, scores: Float32) -> Ranking:
    places = timeline.places(frame_ids[frame_ids >= 0])
    scores = scores[frame_ids >= 0]
    return Ranking(name, places[places >= 0], scores[places >= 0])


def _known_places(timeline: Timeline, frame_ids: Int64) -> Int64:
    places = timeline.places(frame_ids)
    return np.sort(places[places >= 0])


def _weighed(ranking: Ranking, corrected: Int64) -> Ranking:
    """A ranking by captions with what each adds to pictures, most first; `corrected` are places."""
    share = ranking.scores / max(float(ranking.scores.max(initial=0.0)), 1e-9)
    weights = np.where(np.isin(ranking.places, corrected), CORRECTION_WEIGHT, CAPTION_WEIGHT)
    evidence = (share * weights).astype(np.float32)
    order = np.argsort(-evidence, kind="stable")
    return Ranking(ranking.name, ranking.places[order], ranking.scores[order], evidence[order])


def _fold(query: Query, vectors: Float32, video_ids: Sequence[int]) -> tuple[list[int], dict[int, int]]:
    if query.dedupe:
        return fold_duplicates(vectors, video_ids)
    return list(range(len(vectors))), {}


def _answer(
    query: Query,
    hits: Sequence[SearchHit],
    mode: ResolvedMode,
    views: Sequence[View],
    num_frames: int,
    notes: Sequence[str],
) -> SearchAnswer:
    """Cut to what was asked for, and say so where nothing in it is likely."""
    least = query.min_confidence
    likely = least
    if likely is None:
        likely = min((view.calibration.likely for view in views if view.calibration), default=0.0)
    known = [hit for hit in hits if hit.confidence is not None]
    nothing_matches = not hits or (bool(known) and all((hit.confidence or 0.0) < likely for hit in known))
    if least is not None and hits and not known:
        notes = [*notes, "Such a query gets no confidence, so none of its hits was left out for a low one."]
    if least is not None and not nothing_matches:
        hits = [hit for hit in hits if hit.confidence is None or hit.confidence >= least]
    return SearchAnswer(
        query=query,
        hits=tuple(hits[: query.num_hits]),
        nothing_matches=nothing_matches,
        likely=likely,
        mode=mode,
        models=tuple(view.space.model for view in views),
        num_frames=num_frames,
        notes=tuple(notes),
    )


def _nothing(query: Query, note: str) -> SearchAnswer:
    mode: ResolvedMode = "caption" if query.mode == "caption" else "visual"
    return SearchAnswer(
        query, (), nothing_matches=True, likely=0.0, mode=mode, models=(), num_frames=0, notes=(note,)
    )


def _loader(
    models: Mapping[EmbeddingSpace, Model] | Callable[[EmbeddingSpace], Model],
) -> Callable[[EmbeddingSpace], Model]:
    if callable(models):
        return models

    def load(space: EmbeddingSpace) -> Model:
        if space not in models:
            raise ModelUnavailable(
                f"No encoder was given for {space.model}, which the library has vectors of."
            )
        return models[space]

    return load


def _load_text_encoder(space: EmbeddingSpace) -> TextEncoder:
    from vidsearch.models.registry import load_text_encoder

    return load_text_encoder(space.model, space=space)


def _load_embedder(space: EmbeddingSpace) -> Embedder:
    from vidsearch.models.registry import device_for, load_embedder

    return load_embedder(space.model, device=device_for([space.model]), space=space)


def _load_matcher(name: str) -> Matcher:
    from vidsearch.models.registry import device_for, load_matcher

    return load_matcher(name, device=device_for([name]))
