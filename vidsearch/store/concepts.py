"""The concepts that a library was taught. Each method is one transaction, or one snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from vidsearch.errors import ConceptNotFound, QueryError
from vidsearch.store import concept_rows
from vidsearch.store.concept_rows import Concept, ConceptExample, NewExample

if TYPE_CHECKING:
    from vidsearch.store.catalog import Catalog
    from vidsearch.store.connection import Connection
    from vidsearch.types import EmbeddingSpace, Float32


class ConceptStore:
    """Reads and writes concepts. `Store.concepts` is one."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def all(self) -> list[Concept]:
        """Return all concepts, by name."""
        with self._catalog.read() as connection:
            return concept_rows.concepts(connection)

    def find(self, folded_name: str) -> Concept | None:
        """Return the concept with a case-folded name, or None."""
        with self._catalog.read() as connection:
            return concept_rows.concept(connection, folded_name)

    def examples(self, concept: Concept) -> list[ConceptExample]:
        """Return all examples that a concept has or had, in the order in which they were given."""
        with self._catalog.read() as connection:
            return concept_rows.examples(connection, concept.id)

    def picture(self, example: ConceptExample | int) -> bytes:
        """Return the JPEG of an example, or of the one with this id.

        Raises:
            ConceptNotFound: There is no such example.
        """
        number = example if isinstance(example, int) else example.id
        with self._catalog.read() as connection:
            jpeg = concept_rows.picture(connection, number)
        if jpeg is None:
            raise ConceptNotFound(
                f"There is no example {number}. `vidsearch concepts show NAME` lists a concept's."
            )
        return jpeg

    def vectors(self, concept: Concept, space: EmbeddingSpace) -> dict[int, Float32]:
        """Return the vectors of a concept's examples in a space, by example id."""
        with self._catalog.read() as connection:
            return concept_rows.vectors(connection, concept.id, space)

    def spaces(self, concept: Concept) -> list[EmbeddingSpace]:
        """Return the spaces in which a concept's examples have vectors."""
        with self._catalog.read() as connection:
            return concept_rows.spaces(connection, concept.id)

    def put_vectors(self, space: EmbeddingSpace, vectors: Mapping[int, Float32]) -> None:
        """Store vectors of examples, by example id."""
        with self._catalog.write() as connection:
            for example_id, vector in vectors.items():
                if (
                    concept_rows.picture(connection, example_id) is not None
                ):  # it may have been removed by now
                    concept_rows.put_vector(connection, example_id, space, vector)

    def teach(
        self,
        name: str,
        folded_name: str,
        new: Sequence[NewExample],
        *,
        words: str | None = None,
        is_new: bool = False,
    ) -> tuple[Concept, int]:
        """Add examples to a concept, and create it first if there is none. Makes one new version.

        An example of a picture that is in use already is skipped; if it is of the opposite kind, it replaces
        the earlier one.

        Args:
            name: The name to show.
            folded_name: The name, case-folded, for look-ups.
            new: The examples.
            words: The new description; None keeps the current one.
            is_new: Whether to refuse a name that is in use.

        Returns:
            The concept as it is now, and the number of examples that were added or replaced.

        Raises:
            QueryError: The name is in use, or the concept would have no positive example.
        """
        with self._catalog.write() as connection:
            known = concept_rows.concept(connection, folded_name)
            if known is not None and is_new:
                raise QueryError(
                    f"The name {known.name!r} is in use: it has {known.num_for} examples. Choose another "
                    "name, or forget that one first."
                )
            concept_id = known.id if known else concept_rows.insert(connection, name, folded_name)
            here = {
                (each.content_hash, each.time_seconds): each
                for each in concept_rows.examples(connection, concept_id)
                if each.until_version is None
            }
            changes = [
                each
                for each in {each.place: each for each in new}.values()
                if each.place not in here or here[each.place].is_against != each.is_against
            ]
            if changes or (words is not None and (known is None or words != known.words)):
                version = concept_rows.begin_version(connection, concept_id)
                for each in changes:
                    if each.place in here:
                        concept_rows.end_example(connection, here[each.place].id, version=version)
                    concept_rows.add_example(connection, concept_id, each, version=version)
            if words is not None:
                concept_rows.set_words(connection, concept_id, words or None)
            return self._changed(connection, folded_name), len(changes)

    def leave_out(self, concept: Concept, example_ids: Iterable[int]) -> Concept:
        """Stop using some examples. Makes one new version.

        Raises:
            QueryError: The concept would have no positive example left.
        """
        with self._catalog.write() as connection:
            version = concept_rows.begin_version(connection, concept.id)
            for example_id in example_ids:
                concept_rows.end_example(connection, example_id, version=version)
            return self._changed(connection, concept.folded_name)

    def forget(self, concept: Concept) -> None:
        """Remove a concept and its examples."""
        with self._catalog.write() as connection:
            concept_rows.delete(connection, concept.id)

    def _changed(self, connection: Connection, folded_name: str) -> Concept:
        changed = concept_rows.concept(connection, folded_name)
        if changed is None or changed.num_for == 0:
            raise QueryError(
                "A concept needs a picture that shows it: give at least one example for it, not only against."
            )
        return changed
