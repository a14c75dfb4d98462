"""From the parts of a query to one vector per space.

The parts of a query are vectors of one space, each with a weight: 1 for the text, an image and a frame, what
the user says for `plus`, and minus that for `minus`. Each is divided by the spread of its own cosines over
the library before they are added up. Texts score within a narrow band and pictures within a wide one; without
this, one picture would drown any number of words. The sum is a single direction, searched like any other:
its cosine ranks frames as the weighted sum of the parts' standard scores does.

Feedback follows Rocchio, "Relevance feedback in information retrieval" (1971): the mean of the frames that
were right comes in with 0.75, the mean of the wrong ones goes out with 0.25.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from vidsearch.errors import ModelError, ModelUnavailable, QueryError
from vidsearch.store.similarity import similarities
from vidsearch.times import format_time

if TYPE_CHECKING:
    from pathlib import Path

    from vidsearch.models.protocols import Embedder, TextEncoder
    from vidsearch.search.query import FrameReference, Query
    from vidsearch.search.timeline import Timeline
    from vidsearch.store.store import Store
    from vidsearch.types import EmbeddingSpace, Float32, UInt8Image

Model = TypeVar("Model", bound="TextEncoder")

MORE_LIKE_WEIGHT = 0.75
LESS_LIKE_WEIGHT = 0.25
_PAST_END_SECONDS = 1.0
"""A reference this little past a video's end means its last frame."""


class QueryComposer:
    """Makes the vectors of queries, and keeps the encoders that it loads on the way."""

    def __init__(
        self,
        library: Store,
        *,
        load_encoder: Callable[[EmbeddingSpace], TextEncoder],
        load_embedder: Callable[[EmbeddingSpace], Embedder],
    ) -> None:
        self._library = library
        self._load_encoder = load_encoder
        self._load_embedder = load_embedder
        self._encoders: dict[EmbeddingSpace, TextEncoder] = {}
        self._embedders: dict[EmbeddingSpace, Embedder] = {}

    def vector(self, query: Query, space: EmbeddingSpace, timeline: Timeline) -> Float32:
        """The query's direction in a space, a unit vector.

        Raises ModelUnavailable, also where the weights at hand are not those that made the space, and
        QueryError where a frame that the query refers to has no vector.
        """
        parts = list(self._parts(query, space))
        if len(parts) == 1:
            return _unit(parts[0][0])
        total = np.zeros(space.dim, dtype=np.float64)
        for vector, weight in parts:
            unit = _unit(vector)
            spread = float(similarities(timeline.sample, unit).std()) if len(timeline) > 1 else 1.0
            total += weight * unit / max(spread, 1e-3)
        return _unit(total.astype(np.float32))

    def words_vector(self, words: str, space: EmbeddingSpace) -> Float32:
        """The unit vector of words in a space, of any kind of segments. Raises ModelUnavailable."""
        return _unit(self._text_vectors([words], space)[0])

    def _text_vectors(self, texts: Sequence[str], space: EmbeddingSpace) -> Float32:
        rows = self._encoder(space).embed_texts(texts)
        return _checked(rows, len(texts), space)

    def _parts(self, query: Query, space: EmbeddingSpace) -> Iterator[tuple[Float32, float]]:
        """Vectors and their weights, those of words all encoded in one call."""
        words = [(query.seen, 1.0)] if query.seen else []
        words += [(part.text, part.weight) for part in query.plus]
        words += [(part.text, -part.weight) for part in query.minus]
        if words:
            rows = self._text_vectors([text for text, _ in words], space)
            yield from zip(rows, (weight for _, weight in words), strict=True)
        if space.key in query.vectors:
            yield self._given_vector(query, space), 1.0
        if query.images:
            rows = self._embedder(space).embed_images([_read_image(path) for path in query.images])
            for row in _checked(rows, len(query.images), space):
                yield row, 1.0
        for reference in query.like:
            yield self._frame_vector(reference, space), 1.0
        for frame_ids, weight in (
            (query.more_like, MORE_LIKE_WEIGHT),
            (query.less_like, -LESS_LIKE_WEIGHT),
        ):
            if frame_ids:
                yield self._mean_vector(frame_ids, space), weight

    def _given_vector(self, query: Query, space: EmbeddingSpace) -> Float32:
        vector = np.asarray(query.vectors[space.key])
        if vector.shape != (space.dim,):
            raise QueryError(
                f"The query's vector for {space.model} has {len(vector)} numbers; its space has {space.dim}."
            )
        return np.asarray(vector / np.abs(vector).max(), dtype=np.float32)

    def _frame_vector(self, reference: FrameReference, space: EmbeddingSpace) -> Float32:
        video = self._library.video(reference.video)
        frames = self._library.frames(video.id)
        frame_ids, vectors = self._library.vectors(
            space, [frame.id for frame in frames if not frame.is_blank]
        )
        if len(frame_ids) == 0:
            raise QueryError(
                f"No frame of {video.path} has a vector of {space.model}: there is nothing to compare."
            )
        if reference.time_seconds > frames[-1].end_seconds + _PAST_END_SECONDS:
            raise QueryError(
                f"{video.path.name} is known up to {format_time(frames[-1].end_seconds)}; there is no frame "
                f"at {format_time(reference.time_seconds)}."
            )
        at = {frame.id: frame for frame in frames}
        distances = [_distance(at[int(i)].time_seconds, at[int(i)].end_seconds, reference) for i in frame_ids]
        return np.asarray(vectors[int(np.argmin(distances))], dtype=np.float32)

    def _mean_vector(self, frame_ids: Sequence[int], space: EmbeddingSpace) -> Float32:
        known, vectors = self._library.vectors(space, list(frame_ids))
        missing = sorted(set(frame_ids) - {int(frame_id) for frame_id in known})
        if missing:
            raise QueryError(
                f"Frame {missing[0]} is not in this library, or has no vector of {space.model}. "
                "Take ids from an answer of this library."
            )
        return np.asarray(vectors.mean(axis=0), dtype=np.float32)

    def _encoder(self, space: EmbeddingSpace) -> TextEncoder:
        if space not in self._encoders:
            self._encoders[space] = _of_space(self._load_encoder(space), space)
        return self._encoders[space]

    def _embedder(self, space: EmbeddingSpace) -> Embedder:
        if space not in self._embedders:
            self._embedders[space] = _of_space(self._load_embedder(space), space)
        return self._embedders[space]


def _of_space(model: Model, space: EmbeddingSpace) -> Model:
    if model.space.of(space.kind) != space:
        raise ModelUnavailable(
            f"The library was made with other weights or settings of {space.model} than those at hand "
            f"(digest {space.weights_digest[:12]} there, {model.space.weights_digest[:12]} here). "
            "Index the videos into a new library, or bring the former weights back."
        )
    return model


def _distance(start: float, end: float, reference: FrameReference) -> float:
    """How far a time lies from [start, end); 0 inside."""
    return max(start - reference.time_seconds, reference.time_seconds - end, 0.0)


def _checked(rows: Float32, count: int, space: EmbeddingSpace) -> Float32:
    """Rows that a model made of a query. Raises ModelError where these are no vectors of the space."""
    if rows.shape != (count, space.dim) or not np.isfinite(rows).all():
        raise ModelError(
            f"{space.model} made an array of shape {rows.shape} from the query, or numbers that are not "
            f"finite; {(count, space.dim)} finite ones are wanted. Its weights may be damaged."
        )
    return rows


def _unit(vector: Float32) -> Float32:
    """A vector of length 1. Raises QueryError where it has none."""
    norm = float(np.linalg.norm(vector))
    if norm < 1e-6:
        raise QueryError("The parts of the query cancel each other out. Change a weight, or leave one out.")
    return np.asarray(vector / norm, dtype=np.float32)


def _read_image(path: Path) -> UInt8Image:
    from vidsearch.media.images import read_image

    return read_image(path)
