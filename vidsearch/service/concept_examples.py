"""Examples of concepts: from what people name to pictures with vectors."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from vidsearch.errors import MediaError, QueryError
from vidsearch.paths import exists
from vidsearch.search.query import FrameReference
from vidsearch.store.concept_rows import NewExample

if TYPE_CHECKING:
    from vidsearch.search.composition import QueryComposer
    from vidsearch.service.reading import LibraryReader
    from vidsearch.store.concept_rows import ConceptExample
    from vidsearch.types import EmbeddingSpace, Float32, IndexedFrame, Video

Example: TypeAlias = str | os.PathLike[str] | int | FrameReference
"""A moment "holiday.mp4@12.5", a frame id "#231" or 231, or a picture file.

Numbers and `FrameReference`s never mean files.
"""

_FRAME = re.compile(r"#\s*(\d{1,18})")
_MOMENT = re.compile(r".+@\s*[\d:.hms ]+", re.IGNORECASE)
_PICTURE_PIXELS = 512
_ALIKE_COSINE = 0.985
"""A positive and a negative example that are more similar than this teach almost nothing."""


class ExampleReader:
    """Reads the frames and picture files that people give as examples."""

    def __init__(self, library: LibraryReader, composer: QueryComposer) -> None:
        self._library = library
        self._composer = composer

    def read(
        self, given: Example | Iterable[Example], spaces: Sequence[EmbeddingSpace], *, is_against: bool
    ) -> list[NewExample]:
        """Read examples, with their vectors in spaces.

        Raises:
            QueryError: There is no such frame, or it has nothing to learn from.
            VideoNotFound: An example does not name exactly one video.
            MediaError: A picture cannot be read.
            ModelUnavailable: There is a picture file, and no available model can embed it.
        """
        listed = [given] if isinstance(given, str | os.PathLike | int | FrameReference) else given
        return [self._example(each, spaces, is_against=is_against) for each in listed]

    def _example(self, given: Example, spaces: Sequence[EmbeddingSpace], *, is_against: bool) -> NewExample:
        from vidsearch.search.referenced import referenced_frame

        named = given if isinstance(given, int | FrameReference) else _frame_named(os.fspath(given))
        if isinstance(named, Path):
            return self._picture(named, spaces, is_against=is_against)
        if isinstance(named, FrameReference):
            frame = referenced_frame(self._library.store, named)
        else:
            frame = self._frame(named)
        video = self._library.video(frame.video_id)
        vectors = self._vectors(frame, video, spaces)
        return NewExample(
            source=video.path.name,
            content_hash=video.content_hash,
            time_seconds=frame.time_seconds,
            picture=self._library.store.thumbnail(frame.id),
            is_against=is_against,
            vectors=vectors,
        )

    def _frame(self, number: int) -> IndexedFrame:
        try:
            return self._library.frame(number)
        except QueryError as error:
            raise QueryError(
                f"There is no frame #{number} in this library: frames get new ids when a video is "
                "sampled again. Search for it, or name it by video and time, as in cat.mp4@5."
            ) from error

    def _vectors(
        self, frame: IndexedFrame, video: Video, spaces: Sequence[EmbeddingSpace]
    ) -> dict[EmbeddingSpace, Float32]:
        found = {}
        for space in spaces:
            ids, rows = self._library.store.vectors(space, [frame.id])
            if len(ids):
                found[space] = rows[0]
        if not found:
            raise QueryError(
                f"The frame of {video.path.name} at {frame.time_seconds:.10g} s is blank or has no vector: "
                "there is nothing to learn from it."
            )
        return found

    def _picture(self, path: Path, spaces: Sequence[EmbeddingSpace], *, is_against: bool) -> NewExample:
        from vidsearch.media.images import read_image, thumbnail
        from vidsearch.store.fingerprint import fingerprint

        image = read_image(path)
        jpeg = thumbnail(image, side_pixels=_PICTURE_PIXELS, quality=90)
        if not jpeg:
            raise MediaError("is not a picture that can be stored", path=path)
        return NewExample(
            source=path.name,
            content_hash=fingerprint(path).content_hash,
            time_seconds=None,
            picture=jpeg,
            is_against=is_against,
            vectors={space: self._composer.image_vector(image, space) for space in spaces},
        )


def _frame_named(text: str) -> int | FrameReference | Path:
    """The frame that a text names, or the picture file. Raises QueryError if it is neither."""
    if (number := _FRAME.fullmatch(text.strip())) is not None:
        return int(number[1])
    path = Path(text)
    if exists(path):
        return path
    if _MOMENT.fullmatch(text):
        return FrameReference.parse(text)
    raise QueryError(
        f"{text!r} is neither a picture file nor a frame. Give a file, a frame as in '#231', or a moment "
        "as in cat.mp4@5."
    )


def refuse_contradictions(new: Sequence[NewExample]) -> None:
    """Raise QueryError for a picture that is both a positive and a negative example."""
    shown = {each.place for each in new if not each.is_against}
    for each in new:
        if each.is_against and each.place in shown:
            raise QueryError(f"{_said(each)} is given both for the concept and against it. Keep one of them.")


def remarks(
    new: Sequence[NewExample], known: Sequence[ConceptExample], spaces: Sequence[EmbeddingSpace]
) -> list[str]:
    """Return remarks for the user on new examples, given those that the concept has."""
    notes = []
    before = {(each.content_hash, each.time_seconds): each.is_against for each in known}
    for each in new:
        if each.place in before and before[each.place] != each.is_against:
            side = "against it" if each.is_against else "for it"
            notes.append(f"{_said(each)} was an example of the other kind, and is now one {side}.")
        elif each.place in before:
            notes.append(f"{_said(each)} is an example already.")
    for space in spaces:
        rows = [(each, each.vectors[space]) for each in new if space in each.vectors]
        for each, vector in rows:
            for other, its in rows:
                if each.is_against and not other.is_against and float(vector @ its) >= _ALIKE_COSINE:
                    notes.append(
                        f"{_said(other)} (for) and {_said(each)} (against) look the same to {space.model}: "
                        "together they teach it little."
                    )
    return list(dict.fromkeys(notes))


def _said(example: NewExample) -> str:
    if example.time_seconds is None:
        return example.source
    return f"{example.source}@{example.time_seconds:.10g}"
