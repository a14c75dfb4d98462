"""Concepts as searches use them: which ones a text names, and their directions in each space."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidsearch.concepts.head import Head, HeadMaker
from vidsearch.concepts.names import Names, SplitText
from vidsearch.errors import LibraryError, QueryError
from vidsearch.search.calibration import ConfidenceMap

if TYPE_CHECKING:
    from vidsearch.search.timeline import Timeline
    from vidsearch.store.concept_rows import Concept, ConceptExample
    from vidsearch.store.store import Store
    from vidsearch.types import EmbeddingSpace, Float32, Int64

FROM_ONE = ConfidenceMap(
    intercept=-2.521, per_height=1.01, per_usual_height=0.0, per_log_frames=-0.346, possible=0.161, found=0.6
)
"""For concepts with one example, which nothing can be left out of."""
FROM_SEVERAL = ConfidenceMap(
    intercept=0.145,
    per_height=1.277,
    per_usual_height=-0.742,
    per_log_frames=-0.627,
    possible=0.189,
    found=0.6,
)
"""For others; `per_usual_height` is per deviation that examples left out stand above the library. Both are
fitted by `benchmarks/concepts.py --choose`."""
_SAME_SECONDS = 1.0
"""An example's frame may lie this far from its time, where its video was sampled again."""


@dataclass(frozen=True, slots=True)
class ConceptDirection:
    """A concept in one space."""

    head: Head
    calibration: ConfidenceMap


class ConceptReader:
    """Reads a library's concepts, and keeps the directions that it works out."""

    def __init__(
        self,
        library: Store,
        *,
        embed_words: Callable[[str, EmbeddingSpace], Float32],
        embed_pictures: Callable[[Sequence[bytes], EmbeddingSpace], Float32],
    ) -> None:
        self._library = library
        self._embed_words = embed_words
        self._embed_pictures = embed_pictures
        self._names = Names(())
        self._concepts: list[Concept] = []
        self._makers: dict[EmbeddingSpace, tuple[Int64, HeadMaker]] = {}
        self._directions: dict[tuple[int, int, EmbeddingSpace], tuple[Int64, ConceptDirection]] = {}
        self.notes: list[str] = []
        """What was done on the way that the asker should know."""

    def look(self) -> None:
        """See what the library has been taught since, and begin new notes."""
        self.notes = []
        concepts = self._library.concepts.all()
        if concepts != self._concepts:
            self._names, self._concepts = Names(concepts), concepts

    def split(self, text: str) -> SplitText:
        """Part a text into concepts and words. Raises ConceptNotFound after `concept:`."""
        return self._names.split(text)

    def direction(self, concept: Concept, space: EmbeddingSpace, timeline: Timeline) -> ConceptDirection:
        """A concept's direction in a space, over the frames of its timeline.

        Examples without a vector in the space get one: of their frame, where the library has it, else of
        their picture by the space's model, which is noted. Raises ModelUnavailable where that is not at hand.
        """
        key = (concept.id, concept.version, space)
        known = self._directions.get(key)
        if known is not None and known[0] is timeline.frame_ids:
            return known[1]
        examples = [each for each in self._library.concepts.examples(concept) if each.until_version is None]
        vectors = self._library.concepts.vectors(concept, space)
        missing = [each for each in examples if each.id not in vectors]
        if missing:
            vectors |= self._made_again(concept, missing, space)
        rows = {
            is_against: [vectors[each.id] for each in examples if each.is_against == is_against]
            for is_against in (False, True)
        }
        if not rows[False]:
            raise QueryError(f"{concept.name} was forgotten while it was searched: search again.")
        empty = np.empty((0, space.dim), np.float32)
        head = self._maker(space, timeline).head(
            np.stack(rows[False]),
            np.stack(rows[True]) if rows[True] else empty,
            self._embed_words(concept.words or concept.name, space),
        )
        made = ConceptDirection(head, confidence_map(head))
        self._directions[key] = (timeline.frame_ids, made)
        return made

    def _maker(self, space: EmbeddingSpace, timeline: Timeline) -> HeadMaker:
        known = self._makers.get(space)
        if known is None or known[0] is not timeline.frame_ids:
            self._makers[space] = known = (timeline.frame_ids, HeadMaker(timeline.sample))
        return known[1]

    def _made_again(
        self, concept: Concept, missing: Sequence[ConceptExample], space: EmbeddingSpace
    ) -> dict[int, Float32]:
        made = {each.id: row for each in missing if (row := self._vector_of_frame(each, space)) is not None}
        rest = [each for each in missing if each.id not in made]
        if rest:
            rows = self._embed_pictures([self._library.concepts.picture(each) for each in rest], space)
            made |= {each.id: row for each, row in zip(rest, rows, strict=True)}
        self.notes.append(
            f"{concept.name} was taught with another model: made again for {space.model} from its examples."
        )
        if not self._library.is_read_only:
            with suppress(LibraryError):  # a full disk: they are made again for the next search
                self._library.concepts.put_vectors(space, made)
        return made

    def _vector_of_frame(self, example: ConceptExample, space: EmbeddingSpace) -> Float32 | None:
        """The vector of an example's frame, where its video is in the library."""
        if example.time_seconds is None:
            return None
        time = example.time_seconds
        video = self._library.video_of_content(example.content_hash)
        if video is None:
            return None
        near = [
            frame
            for frame in self._library.frames(video.id)
            if not frame.is_blank and abs(frame.time_seconds - time) <= _SAME_SECONDS
        ]
        near.sort(key=lambda frame: abs(frame.time_seconds - time))
        ids, rows = self._library.vectors(space, [frame.id for frame in near[:1]])
        return rows[0] if len(ids) else None


def confidence_map(head: Head) -> ConfidenceMap:
    """How sure a hit of a concept is, by how high it stands above the library's frames."""
    if head.height_left_out is None:
        return FROM_ONE
    fitted = FROM_SEVERAL
    return ConfidenceMap(
        intercept=fitted.intercept + fitted.per_usual_height * head.height_left_out,
        per_height=fitted.per_height,
        per_usual_height=0.0,
        per_log_frames=fitted.per_log_frames,
        possible=fitted.possible,
        found=fitted.found,
    )
