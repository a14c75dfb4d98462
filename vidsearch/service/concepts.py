"""What a library is taught: concepts by their examples, kept, checked, exported and imported."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from vidsearch.concepts.names import Names, checked_name, folded
from vidsearch.errors import MediaError, QueryError
from vidsearch.paths import exists
from vidsearch.search.query import FrameReference
from vidsearch.store.concept_rows import NewExample

if TYPE_CHECKING:
    from vidsearch.outputs import OutputRule
    from vidsearch.search.engine import Searcher
    from vidsearch.service.reading import LibraryReader
    from vidsearch.store.concept_rows import Concept, ConceptExample
    from vidsearch.types import EmbeddingSpace, Float32, IndexedFrame, Video

Example: TypeAlias = str | os.PathLike[str] | int | FrameReference
"""A moment "holiday.mp4@12.5", a frame "#231" or 231 as answers number them, or a picture file.

A number and a `FrameReference` are never taken for a file.
"""

_FRAME = re.compile(r"#\s*(\d{1,18})")
_MOMENT = re.compile(r".+@\s*[\d:.hms ]+", re.IGNORECASE)
_PICTURE_PIXELS = 512
ALIKE_COSINE = 0.985
"""An example and a counter-example this alike teach next to nothing."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How an example fares when the others alone say what the concept is."""

    example: ConceptExample
    rank: float
    """The share of the library's frames that stand at least as high, in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Check:
    """How well a concept's examples agree, in one space."""

    model: str
    left_out: tuple[LeftOut, ...]
    """Of the examples that others can vouch for; none where there is one example, or all look the same."""
    words_share: float
    """How far the examples bear out what the concept is in words: 0 to 1."""

    @property
    def num_found(self) -> int:
        """How many are among the best hundredth of the frames."""
        return sum(each.rank <= 0.01 for each in self.left_out)


@dataclass(frozen=True, slots=True)
class Taught:
    """A concept after it was taught."""

    concept: Concept
    is_new: bool
    num_changed: int
    """How many examples came, or changed sides."""
    notes: tuple[str, ...]
    """What the teacher should know."""


class Concepts:
    """The concepts of a library: `Library.concepts`."""

    def __init__(self, library: LibraryReader, searcher: Searcher, lock: threading.RLock) -> None:
        self._library = library
        self._searcher = searcher
        self._lock = lock

    def all(self) -> list[Concept]:
        """Return every concept, by name."""
        return self._library.store.concepts.all()

    def named(self, name: str) -> Concept:
        """Return the concept of a name.

        Raises:
            ConceptNotFound: There is none; the message has names that are near.
        """
        return Names(self.all()).named(name)

    def examples(self, name: str) -> list[ConceptExample]:
        """Return every example that a concept has or had, in the order in which they were given.

        Raises:
            ConceptNotFound: There is no such concept.
        """
        return self._library.store.concepts.examples(self.named(name))

    def teach(
        self,
        name: str,
        examples: Example | Iterable[Example] = (),
        *,
        against: Example | Iterable[Example] = (),
        words: str | None = None,
        is_new: bool = False,
    ) -> Taught:
        """Teach what a name means, by examples. Those of a concept that is there are added to it.

        Args:
            name: What it is called. It means the concept in every query from now on.
            examples: What shows it: moments "cat.mp4@5", frames "#231", picture files.
            against: What does not, though one might think so.
            words: What it is in words that any model knows, as "a grey cat"; "" takes them away.
            is_new: Refuse a name that is taken.

        Raises:
            QueryError: No such frame, contradicting examples, a name that no query could hold.
            VideoNotFound: An example names no video, or several.
            MediaError: A picture that cannot be read.
            ModelUnavailable: A picture is given, and no model at hand reads it.
        """
        clean = checked_name(name)
        spaces = self._library.store.spaces()
        if not spaces:
            raise QueryError(
                "The library holds no frames yet to tell a concept from: index some videos first."
            )
        new = [
            self._example(each, spaces, is_against=is_against)
            for given, is_against in ((examples, False), (against, True))
            for each in _listed(given)
        ]
        if not new and words is None:
            raise QueryError(f"Nothing to teach {clean!r} by: give examples, as in --from cat.mp4@5.")
        _refuse_contradictions(new)
        store = self._library.store.concepts
        before = store.find(folded(clean))
        known = [] if before is None else [each for each in store.examples(before) if not each.until_version]
        concept, num_changed = store.teach(clean, folded(clean), new, words=words, is_new=is_new)
        return Taught(concept, before is None, num_changed, tuple(_notes(new, known, spaces)))

    def check(self, name: str) -> list[Check]:
        """Say how well a concept's examples agree: each is looked for by the others alone, in each space.

        Raises:
            ConceptNotFound: There is no such concept.
            ModelUnavailable: No model at hand reads its words or pictures.
        """
        concept = self.named(name)
        examples = [
            each
            for each in self._library.store.concepts.examples(concept)
            if each.until_version is None and not each.is_against
        ]
        found = []
        with self._lock:
            reader = self._searcher.composer.concepts
            reader.look()
            for space, timeline in self._searcher.timelines().items():
                head = reader.direction(concept, space, timeline).head
                ranks = zip(examples, head.ranks_left_out, strict=True)
                left_out = tuple(LeftOut(example, rank) for example, rank in ranks if rank is not None)
                found.append(Check(space.model, left_out, head.words_share))
        return found

    def forget(self, name: str, examples: Iterable[int] = ()) -> Concept:
        """Forget a concept, or only some of its examples, by their numbers.

        Returns:
            The concept as it was; with `examples`, as it is now.

        Raises:
            ConceptNotFound: There is no such concept.
            QueryError: No such example, or no example for it would be left.
        """
        concept, numbers = self.named(name), list(examples)
        store = self._library.store.concepts
        if not numbers:
            store.forget(concept)
            return concept
        known = {each.id for each in store.examples(concept) if each.until_version is None}
        for number in numbers:
            if number not in known:
                raise QueryError(
                    f"{concept.name} has no example {number}. `vidsearch concepts show` lists them."
                )
        return store.leave_out(concept, numbers)

    def picture(self, example: ConceptExample | int) -> bytes:
        """Return the picture, JPEG, of an example, or of the one with a number.

        Raises:
            ConceptNotFound: There is none.
        """
        return self._library.store.concepts.picture(example)

    def export(
        self, path: str | os.PathLike[str], names: Iterable[str] = (), *, overwrite: bool = False
    ) -> int:
        """Write concepts to a JSON file that any library imports, with pictures and vectors.

        Args:
            path: The file.
            names: Which; all where none are named.
            overwrite: Replace a file that exists.

        Returns:
            How many concepts were written.

        Raises:
            ConceptNotFound: No such concept.
            ExportError: The file may not, or cannot, be written.
        """
        from vidsearch.outputs import OutputRule

        chosen = [self.named(name) for name in names] or self.all()
        rule: OutputRule = OutputRule.for_library(self._library.store, overwrite=overwrite)
        rule.write(Path(path), self.render(each.name for each in chosen))
        return len(chosen)

    def render(self, names: Iterable[str] = ()) -> bytes:
        """Return what `export` would write.

        Raises:
            ConceptNotFound: No such concept.
        """
        from vidsearch.service.concept_files import write_concepts

        chosen = [self.named(name) for name in names] or self.all()
        return write_concepts(self._library.store, chosen)

    def load(self, file: str | os.PathLike[str] | bytes, *, adds: bool = False) -> list[Taught]:
        """Import the concepts of a file that `export` wrote: all of them, or none.

        Args:
            file: The file, or its content.
            adds: Add the examples to concepts of the same name; otherwise a name that is taken is an error.

        Raises:
            QueryError: Not such a file, or a name that is taken.
        """
        from vidsearch.service.concept_files import parse_concepts, read_concepts

        store = self._library.store
        found = (
            parse_concepts(file, store.spaces())
            if isinstance(file, bytes)
            else read_concepts(Path(file), store.spaces())
        )
        taken = [each.name for each in found if store.concepts.find(folded(each.name)) is not None]
        if taken and not adds:
            raise QueryError(
                f"The name {taken[0]!r} is taken in this library. Forget that concept first, or give "
                "--add to add the file's examples to it."
            )
        loaded = []
        for each in found:
            before = store.concepts.find(folded(each.name))
            words = each.words if before is None or before.words is None else None
            concept, num_changed = store.concepts.teach(
                each.name, folded(each.name), each.examples, words=words
            )
            loaded.append(Taught(concept, before is None, num_changed, ()))
        return loaded

    # --- examples -----------------------------------------------------------------------------------

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
                f"There is no frame #{number} in this library (any more): frames get other numbers when a "
                "video is sampled again. Search for it, or name it by video and time, as in cat.mp4@5."
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
                "it shows nothing to learn from."
            )
        return found

    def _picture(self, path: Path, spaces: Sequence[EmbeddingSpace], *, is_against: bool) -> NewExample:
        from vidsearch.media.images import read_image, thumbnail
        from vidsearch.store.fingerprint import fingerprint

        image = read_image(path)
        jpeg = thumbnail(image, side_pixels=_PICTURE_PIXELS, quality=90)
        if not jpeg:
            raise MediaError("is no picture that can be kept", path=path)
        return NewExample(
            source=path.name,
            content_hash=fingerprint(path).content_hash,
            time_seconds=None,
            picture=jpeg,
            is_against=is_against,
            vectors={space: self._searcher.composer.image_vector(image, space) for space in spaces},
        )


def _frame_named(text: str) -> int | FrameReference | Path:
    """The frame that a text names, or the picture file. Raises QueryError for what is neither."""
    if (number := _FRAME.fullmatch(text.strip())) is not None:
        return int(number[1])
    path = Path(text)
    if exists(path):
        return path
    if _MOMENT.fullmatch(text):
        return FrameReference.parse(text)
    raise QueryError(
        f"{text!r} is no picture file, and names no frame. Give a file, a frame as in '#231', or a "
        "moment as in cat.mp4@5."
    )


def _listed(given: Example | Iterable[Example]) -> list[Example]:
    return [given] if isinstance(given, str | os.PathLike | int | FrameReference) else list(given)


def _refuse_contradictions(new: Sequence[NewExample]) -> None:
    shown = {each.place for each in new if not each.is_against}
    for each in new:
        if each.is_against and each.place in shown:
            raise QueryError(f"{_said(each)} is given both for the concept and against it. Keep one of them.")


def _notes(
    new: Sequence[NewExample], known: Sequence[ConceptExample], spaces: Sequence[EmbeddingSpace]
) -> list[str]:
    notes = []
    before = {(each.content_hash, each.time_seconds): each.is_against for each in known}
    for each in new:
        if each.place in before and before[each.place] != each.is_against:
            side = "against it" if each.is_against else "for it"
            notes.append(f"{_said(each)} was an example of the other kind, and now counts {side}.")
        elif each.place in before:
            notes.append(f"{_said(each)} is an example already.")
    for space in spaces:
        rows = [(each, each.vectors[space]) for each in new if space in each.vectors]
        for each, vector in rows:
            for other, its in rows:
                if each.is_against and not other.is_against and float(vector @ its) >= ALIKE_COSINE:
                    notes.append(
                        f"{_said(other)} (for) and {_said(each)} (against) look the same to {space.model}: "
                        "together they teach it little."
                    )
    return list(dict.fromkeys(notes))


def _said(example: NewExample) -> str:
    if example.time_seconds is None:
        return example.source
    return f"{example.source}@{example.time_seconds:.10g}"
