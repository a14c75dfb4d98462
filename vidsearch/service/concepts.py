"""Concepts: teach names by examples, and check, export and import them."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vidsearch.concepts.names import Names, checked_name, folded
from vidsearch.errors import QueryError
from vidsearch.service.concept_examples import Example, ExampleReader, refuse_contradictions, remarks

if TYPE_CHECKING:
    from vidsearch.outputs import OutputRule
    from vidsearch.search.engine import Searcher
    from vidsearch.service.reading import LibraryReader
    from vidsearch.store.concept_rows import Concept, ConceptExample


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How well an example is found by a concept's other examples."""

    example: ConceptExample
    rank: float
    """The share of the library's frames that rank at least as high, in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Check:
    """How well a concept's examples agree, in one space."""

    model: str
    left_out: tuple[LeftOut, ...]
    """One for each example; none if there is one example only, or all look the same."""
    words_share: float
    """How well the examples agree with the concept's description, in [0, 1]."""

    @property
    def num_found(self) -> int:
        """The number of examples among the best 1% of the library's frames."""
        return sum(each.rank <= 0.01 for each in self.left_out)


@dataclass(frozen=True, slots=True)
class Taught:
    """The result of teaching a concept."""

    concept: Concept
    is_new: bool
    num_changed: int
    """The number of examples that were added, or changed between positive and negative."""
    notes: tuple[str, ...]
    """Remarks for the user."""


class Concepts:
    """The concepts of a library: `Library.concepts`."""

    def __init__(self, library: LibraryReader, searcher: Searcher, lock: threading.RLock) -> None:
        self._library = library
        self._searcher = searcher
        self._lock = lock

    def all(self) -> list[Concept]:
        """Return all concepts, by name."""
        return self._library.store.concepts.all()

    def named(self, name: str) -> Concept:
        """Return the concept with a name.

        Raises:
            ConceptNotFound: There is none; the message suggests similar names.
        """
        return Names(self.all()).named(name)

    def examples(self, name: str) -> list[ConceptExample]:
        """Return all examples that a concept has or had, in the order in which they were given.

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
        """Teach what a name means, by examples. If the concept exists, examples are added to it.

        Args:
            name: The name. From now on, it means the concept in every query.
            examples: Positive examples: moments "cat.mp4@5", frames "#231", picture files.
            against: Negative examples: what looks similar, but is something else.
            words: A description in words that models know, such as "a grey cat"; "" removes it.
            is_new: Whether to refuse a name that is in use.

        Returns:
            The concept, what changed, and remarks.

        Raises:
            QueryError: There is no such frame, examples contradict each other, or the name is invalid.
            VideoNotFound: An example does not name exactly one video.
            MediaError: A picture cannot be read.
            ModelUnavailable: There is a picture file, and no available model can embed it.
        """
        clean = checked_name(name)
        spaces = self._library.store.spaces()
        if not spaces:
            raise QueryError(
                "The library has no frames yet to learn a concept from: index some videos first."
            )
        reader = ExampleReader(self._library, self._searcher.composer)
        new = [
            *reader.read(examples, spaces, is_against=False),
            *reader.read(against, spaces, is_against=True),
        ]
        if not new and words is None:
            raise QueryError(
                f"There is nothing to teach {clean!r} by: give examples, as in --from cat.mp4@5."
            )
        refuse_contradictions(new)
        store = self._library.store.concepts
        before = store.find(folded(clean))
        known = [] if before is None else [each for each in store.examples(before) if not each.until_version]
        concept, num_changed = store.teach(clean, folded(clean), new, words=words, is_new=is_new)
        return Taught(concept, before is None, num_changed, tuple(remarks(new, known, spaces)))

    def check(self, name: str) -> list[Check]:
        """Check how well a concept's examples agree, by searching for each with only the others.

        Returns:
            The results, one for each space.

        Raises:
            ConceptNotFound: There is no such concept.
            ModelUnavailable: No available model can embed its description or pictures.
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
        """Remove a concept, or only some of its examples.

        Args:
            name: The concept's name.
            examples: Ids of the examples to remove; none to remove the concept.

        Returns:
            The concept as it was; with `examples`, as it is now.

        Raises:
            ConceptNotFound: There is no such concept.
            QueryError: There is no such example, or no positive example would be left.
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
        """Return the picture of an example, or of the one with this id, as JPEG.

        Raises:
            ConceptNotFound: There is no such example.
        """
        return self._library.store.concepts.picture(example)

    def export(
        self, path: str | os.PathLike[str], names: Iterable[str] = (), *, overwrite: bool = False
    ) -> int:
        """Write concepts with pictures and vectors to a JSON file, which any library can import.

        Args:
            path: The file.
            names: The concepts; none for all.
            overwrite: Whether to replace an existing file.

        Returns:
            The number of concepts written.

        Raises:
            ConceptNotFound: There is no such concept.
            ExportError: The file exists or cannot be written.
        """
        from vidsearch.outputs import OutputRule

        chosen = [self.named(name) for name in names] or self.all()
        rule: OutputRule = OutputRule.for_library(self._library.store, overwrite=overwrite)
        rule.write(Path(path), self.render(each.name for each in chosen))
        return len(chosen)

    def render(self, names: Iterable[str] = ()) -> bytes:
        """Return what `export` would write.

        Raises:
            ConceptNotFound: There is no such concept.
        """
        from vidsearch.service.concept_files import write_concepts

        chosen = [self.named(name) for name in names] or self.all()
        return write_concepts(self._library.store, chosen)

    def load(self, file: str | os.PathLike[str] | bytes, *, adds: bool = False) -> list[Taught]:
        """Import the concepts of a file that `export` wrote: all of them, or none.

        Args:
            file: The file, or its content.
            adds: Whether to add examples to existing concepts of the same name, instead of raising an error.

        Raises:
            QueryError: It is not such a file, or a name is in use.
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
                f"The name {taken[0]!r} is in use in this library. Forget that concept first, or give "
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
