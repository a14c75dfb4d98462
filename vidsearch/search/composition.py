"""Combines the parts of a query into one vector per space.

Each part is a vector with a weight: 1 for the text, an image or a frame, the user's weight for `plus`, and
its negative for `minus`. Each is divided by the standard deviation of its cosines over the library before
summing. Text scores lie in a narrow band and picture scores in a wide one; without this, one picture would
outweigh any number of words. The sum is a single direction: its cosine ranks frames like the weighted sum of
the parts' standard scores.

Feedback follows Rocchio, "Relevance feedback in information retrieval" (1971): the mean of the right
frames is added with weight 0.75, that of the wrong ones subtracted with 0.25.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from vidsearch.errors import ModelError, ModelUnavailable, QueryError
from vidsearch.search.concepts import ConceptReader
from vidsearch.search.query import asked_by
from vidsearch.search.referenced import frames_by_nearness
from vidsearch.store.similarity import similarities

if TYPE_CHECKING:
    from pathlib import Path

    from vidsearch.models.protocols import Embedder, TextEncoder
    from vidsearch.search.calibration import ConfidenceMap
    from vidsearch.search.query import Asked, FrameReference, Query
    from vidsearch.search.timeline import Timeline
    from vidsearch.store.store import Store
    from vidsearch.types import EmbeddingSpace, Float32, UInt8Image

Model = TypeVar("Model", bound="TextEncoder")

MORE_LIKE_WEIGHT = 0.75
LESS_LIKE_WEIGHT = 0.25
_TEXTS_KEPT = 16
"""Number of texts whose vectors are cached."""
_WORDS_BORNE_OUT = 0.5
"""A concept's words replace its name in a sentence if they agree with its examples at least this well."""


@dataclass(frozen=True, slots=True)
class Direction:
    """A query in one space."""

    vector: Float32
    """A unit vector."""
    asked: Asked | None
    """The kind of query, which selects its confidence map; None for a mixture or a concept."""
    calibration: ConfidenceMap | None = None
    """The concept's own map if the query is a single concept."""


class QueryComposer:
    """Computes query vectors, and keeps the encoders it loads."""

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
        self._read: dict[tuple[EmbeddingSpace, str], Float32] = {}
        self.concepts = ConceptReader(
            library,
            embed_words=lambda words, space: self._text_vectors([words], space)[0],
            embed_pictures=self._picture_vectors,
        )

    def direction(self, query: Query, space: EmbeddingSpace, timeline: Timeline) -> Direction:
        """The query's direction in a space.

        Raises ModelUnavailable, also if the available weights differ from those that made the space, and
        QueryError if a frame that the query refers to has no vector.
        """
        words = [(query.shown, 1.0)] if query.shown else []
        words += [(part.text, part.weight) for part in query.plus]
        words += [(part.text, -part.weight) for part in query.minus]
        parts = [*self._word_parts(words, space, timeline), *self._other_parts(query, space)]
        vector = _sum(parts, timeline)
        concepts = [concept for text, _ in words for concept in self.concepts.split(text).concepts]
        if not concepts:
            return Direction(vector, query.asked)
        is_alone = len(parts) == len(concepts) == 1
        own = self.concepts.direction(concepts[0], space, timeline).calibration if is_alone else None
        return Direction(vector, None, own)

    def words_vector(self, words: str, space: EmbeddingSpace) -> Float32:
        """The unit vector of a text in a space of any kind. Raises ModelUnavailable."""
        return _unit(self._text_vectors([words], space)[0])

    def text_directions(
        self, texts: Sequence[str], space: EmbeddingSpace, timeline: Timeline
    ) -> list[Direction]:
        """The directions of texts, such as steps or labels, encoded in one call."""
        split = [self.concepts.split(text) for text in texts]
        plain = [
            parts.words() or text for text, parts in zip(texts, split, strict=True) if not parts.concepts
        ]
        rows = iter(self._text_vectors(plain, space) if plain else ())
        found = []
        for text, parts in zip(texts, split, strict=True):
            if not parts.concepts:
                found.append(Direction(_unit(next(rows)), asked_by(text)))
                continue
            vector = _sum(self._word_parts([(text, 1.0)], space, timeline), timeline)
            own = None
            if parts.is_one_concept:
                own = self.concepts.direction(parts.concepts[0], space, timeline).calibration
            found.append(Direction(vector, None, own))
        return found

    def _text_vectors(self, texts: Sequence[str], space: EmbeddingSpace) -> Float32:
        """Vectors of texts; a text is encoded once for pictures and all kinds of lines."""
        if len(texts) != 1:
            return _checked(self._encoder(space).embed_texts(texts), len(texts), space)
        key = (space, texts[0])
        if key not in self._read:
            rows = _checked(self._encoder(space).embed_texts(texts), 1, space)
            while len(self._read) >= _TEXTS_KEPT:
                del self._read[next(iter(self._read))]
            self._read[key] = rows
        return self._read[key]

    def image_vector(self, image: UInt8Image, space: EmbeddingSpace) -> Float32:
        """A picture's unit vector in a space. Raises ModelUnavailable."""
        return _unit(_checked(self._embedder(space).embed_images([image]), 1, space)[0])

    def _word_parts(
        self, words: Sequence[tuple[str, float]], space: EmbeddingSpace, timeline: Timeline
    ) -> list[tuple[Float32, float]]:
        """Vectors of texts and of the concepts they name, with weights; encoded in one call.

        A concept with a description is also inserted into the text: "Minka on the sofa" is read as "a
        grey cat on the sofa".
        """
        parts, texts = [], []
        for text, weight in words:
            split = self.concepts.split(text)
            instead = []
            for concept in split.concepts:
                direction = self.concepts.direction(concept, space, timeline)
                parts.append((direction.head.direction, weight))
                if direction.head.words_share >= _WORDS_BORNE_OUT:
                    instead.append((concept, concept.words or concept.name))
            if split.words() or not split.concepts:
                texts.append((split.words(instead) or text, weight))
        if texts:
            rows = self._text_vectors([text for text, _ in texts], space)
            parts += zip(rows, (weight for _, weight in texts), strict=True)
        return parts

    def _other_parts(self, query: Query, space: EmbeddingSpace) -> Iterator[tuple[Float32, float]]:
        """Vectors and weights of all parts that are not text."""
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

    def _picture_vectors(self, pictures: Sequence[bytes], space: EmbeddingSpace) -> Float32:
        """Vectors of JPEGs."""
        from vidsearch.media.images import decode_jpeg

        rows = self._embedder(space).embed_images([decode_jpeg(jpeg) for jpeg in pictures])
        return _checked(rows, len(pictures), space)

    def _given_vector(self, query: Query, space: EmbeddingSpace) -> Float32:
        vector = np.asarray(query.vectors[space.key])
        if vector.shape != (space.dim,):
            raise QueryError(
                f"The query's vector for {space.model} has {len(vector)} numbers; its space has {space.dim}."
            )
        return np.asarray(vector / np.abs(vector).max(), dtype=np.float32)

    def _frame_vector(self, reference: FrameReference, space: EmbeddingSpace) -> Float32:
        frames = frames_by_nearness(self._library, reference)
        _, vectors = self._library.vectors(space, [frame.id for frame in frames])
        if len(vectors) == 0:
            path = self._library.video(reference.video).path
            raise QueryError(
                f"No frame of {path} has a vector of {space.model}: there is nothing to compare."
            )
        return np.asarray(vectors[0], dtype=np.float32)

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


def _sum(parts: Sequence[tuple[Float32, float]], timeline: Timeline) -> Float32:
    """The weighted sum of vectors, each divided by the spread of its cosines; a unit vector."""
    if len(parts) == 1:
        return _unit(parts[0][0])
    total = np.zeros(len(parts[0][0]), dtype=np.float64)
    for vector, weight in parts:
        unit = _unit(vector)
        spread = float(similarities(timeline.sample, unit).std()) if len(timeline) > 1 else 1.0
        total += weight * unit / max(spread, 1e-3)
    return _unit(total.astype(np.float32))


def _of_space(model: Model, space: EmbeddingSpace) -> Model:
    if model.space.of(space.kind) != space:
        raise ModelUnavailable(
            f"The library was made with other weights or settings of {space.model} than those at hand "
            f"(digest {space.weights_digest[:12]} there, {model.space.weights_digest[:12]} here). "
            "Index the videos into a new library, or bring the former weights back."
        )
    return model


def _checked(rows: Float32, count: int, space: EmbeddingSpace) -> Float32:
    """Check a model's vectors for a query. Raises ModelError if they do not fit the space."""
    if rows.shape != (count, space.dim) or not np.isfinite(rows).all():
        raise ModelError(
            f"{space.model} made an array of shape {rows.shape} from the query, or numbers that are not "
            f"finite; {(count, space.dim)} finite ones are wanted. Its weights may be damaged."
        )
    return rows


def _unit(vector: Float32) -> Float32:
    """Scale to unit length. Raises QueryError for a zero vector."""
    norm = float(np.linalg.norm(vector))
    if norm < 1e-6:
        raise QueryError("The parts of the query cancel each other out. Change a weight, or leave one out.")
    return np.asarray(vector / norm, dtype=np.float32)


def _read_image(path: Path) -> UInt8Image:
    from vidsearch.media.images import read_image

    return read_image(path)
