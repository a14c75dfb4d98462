"""SQL for concepts and their examples.

All functions take a connection; none begins or ends a transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from vidsearch.store import vector_rows
from vidsearch.store.values import time_of
from vidsearch.store.video_rows import now

if TYPE_CHECKING:
    from vidsearch.store.connection import Connection
    from vidsearch.types import EmbeddingSpace, Float32

_BLOB = np.dtype("<f4")


@dataclass(frozen=True, slots=True)
class Concept:
    """A name that a library was taught."""

    id: int
    name: str
    folded_name: str
    """The name, case-folded, for look-ups."""
    words: str | None
    """A description in words that models know, if one was given: "a grey cat"."""
    version: int
    """Increases whenever its examples or words change."""
    created_at: datetime
    changed_at: datetime
    num_for: int
    num_against: int


@dataclass(frozen=True, slots=True)
class ConceptExample:
    """A picture that shows a concept, or one that does not. It is kept if its video is removed."""

    id: int
    is_against: bool
    source: str
    """The name of the video or picture file that it came from."""
    content_hash: str
    """That of this file."""
    time_seconds: float | None
    """The time in the video; None for a picture file."""
    since_version: int
    until_version: int | None
    """The first version without it; None while it is in use."""


@dataclass(frozen=True, slots=True)
class NewExample:
    """An example to be stored."""

    source: str
    content_hash: str
    time_seconds: float | None
    picture: bytes
    """JPEG, for embedding it in other spaces later."""
    is_against: bool = False
    vectors: Mapping[EmbeddingSpace, Float32] = field(default_factory=dict)
    """One unit row (dim,) per space."""

    @property
    def place(self) -> tuple[str, float | None]:
        """Identifies the picture: equal for two examples of the same one."""
        return self.content_hash, self.time_seconds


_CONCEPT = """
    SELECT c.id, c.name, c.folded_name, c.words, c.version, c.created_at, c.changed_at,
        (SELECT count(*) FROM concept_examples e
            WHERE e.concept_id = c.id AND e.until_version IS NULL AND NOT e.is_against),
        (SELECT count(*) FROM concept_examples e
            WHERE e.concept_id = c.id AND e.until_version IS NULL AND e.is_against)
    FROM concepts c
"""


def concepts(connection: Connection) -> list[Concept]:
    """All concepts, by name."""
    return [_concept(row) for row in connection.execute(f"{_CONCEPT} ORDER BY c.folded_name")]


def concept(connection: Connection, folded_name: str) -> Concept | None:
    """The concept with this case-folded name, or None."""
    row = connection.execute(f"{_CONCEPT} WHERE c.folded_name = ?", (folded_name,)).fetchone()
    return None if row is None else _concept(row)


def _concept(row: Sequence[Any]) -> Concept:
    concept_id, name, folded_name, words, version, created_at, changed_at, num_for, num_against = row
    return Concept(
        id=concept_id,
        name=name,
        folded_name=folded_name,
        words=words,
        version=version,
        created_at=time_of(created_at, "the time of a concept"),
        changed_at=time_of(changed_at, "the time of a concept"),
        num_for=num_for,
        num_against=num_against,
    )


def insert(connection: Connection, name: str, folded_name: str) -> int:
    """Add a concept without examples, of version 0. Returns its id."""
    (concept_id,) = connection.execute(
        """
        INSERT INTO concepts (name, folded_name, version, created_at, changed_at) VALUES (?, ?, 0, ?, ?)
        RETURNING id
        """,
        (name, folded_name, now(), now()),
    ).fetchone()
    return int(concept_id)


def begin_version(connection: Connection, concept_id: int) -> int:
    """Increase a concept's version, and return it."""
    (version,) = connection.execute(
        "UPDATE concepts SET version = version + 1, changed_at = ? WHERE id = ? RETURNING version",
        (now(), concept_id),
    ).fetchone()
    return int(version)


def set_words(connection: Connection, concept_id: int, words: str | None) -> None:
    """Set a concept's description."""
    connection.execute("UPDATE concepts SET words = ? WHERE id = ?", (words, concept_id))


def delete(connection: Connection, concept_id: int) -> None:
    """Remove a concept and all its examples."""
    connection.execute("DELETE FROM concepts WHERE id = ?", (concept_id,))


# --- examples ---------------------------------------------------------------------------------------


def examples(connection: Connection, concept_id: int) -> list[ConceptExample]:
    """All examples that a concept has or had, in the order in which they were given."""
    rows = connection.execute(
        """
        SELECT id, is_against, source, content_hash, time_seconds, since_version, until_version
        FROM concept_examples WHERE concept_id = ? ORDER BY id
        """,
        (concept_id,),
    )
    return [ConceptExample(row[0], bool(row[1]), *row[2:]) for row in rows]


def add_example(connection: Connection, concept_id: int, example: NewExample, *, version: int) -> int:
    """Add an example that is used from a version on. Returns its id."""
    (example_id,) = connection.execute(
        """
        INSERT INTO concept_examples (
            concept_id, is_against, source, content_hash, time_seconds, picture, since_version
        ) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id
        """,
        (
            concept_id,
            example.is_against,
            example.source,
            example.content_hash,
            example.time_seconds,
            example.picture,
            version,
        ),
    ).fetchone()
    for space, vector in example.vectors.items():
        put_vector(connection, example_id, space, vector)
    return int(example_id)


def end_example(connection: Connection, example_id: int, *, version: int) -> None:
    """End the use of an example from a version on. It is kept for earlier versions."""
    connection.execute("UPDATE concept_examples SET until_version = ? WHERE id = ?", (version, example_id))


def picture(connection: Connection, example_id: int) -> bytes | None:
    """An example's JPEG."""
    row = connection.execute("SELECT picture FROM concept_examples WHERE id = ?", (example_id,)).fetchone()
    return bytes(row[0]) if row else None


def put_vector(connection: Connection, example_id: int, space: EmbeddingSpace, vector: Float32) -> None:
    """Store an example's vector in a space."""
    row = np.ascontiguousarray(vector, dtype=_BLOB)
    connection.execute(
        """
        INSERT INTO concept_vectors (example_id, space_id, vector) VALUES (?, ?, ?)
        ON CONFLICT (example_id, space_id) DO UPDATE SET vector = excluded.vector
        """,
        (example_id, vector_rows.ensure_space(connection, space), row.tobytes()),
    )


def vectors(connection: Connection, concept_id: int, space: EmbeddingSpace) -> dict[int, Float32]:
    """The vectors of a concept's examples in a space, by example id."""
    rows = connection.execute(
        """
        SELECT v.example_id, v.vector FROM concept_vectors v
        JOIN concept_examples e ON e.id = v.example_id JOIN spaces s ON s.id = v.space_id
        WHERE e.concept_id = ? AND s.key = ?
        """,
        (concept_id, space.key),
    )
    return {
        example_id: np.frombuffer(blob, _BLOB).astype(np.float32)
        for example_id, blob in rows
        if len(blob) == space.dim * _BLOB.itemsize
    }


def unsound_vectors(connection: Connection) -> list[tuple[int, int, str]]:
    """Corrupt vectors of examples: the example's id, the space's id, and its model."""
    rows = connection.execute(
        """
        SELECT v.example_id, v.space_id, s.model, s.dim, v.vector
        FROM concept_vectors v JOIN spaces s ON s.id = v.space_id ORDER BY v.example_id, v.space_id
        """
    )
    return [
        (example_id, space_id, model)
        for example_id, space_id, model, dim, blob in rows
        if not vector_rows.is_sound(blob, dim)
    ]


def delete_vector(connection: Connection, example_id: int, space_id: int) -> None:
    """Delete an example's vector in a space."""
    query = "DELETE FROM concept_vectors WHERE example_id = ? AND space_id = ?"
    connection.execute(query, (example_id, space_id))


def all_pictures(connection: Connection) -> Iterator[tuple[int, str, bytes]]:
    """Every example's id, its concept's name and its JPEG."""
    return iter(
        connection.execute(
            """
            SELECT e.id, c.name, e.picture FROM concept_examples e JOIN concepts c ON c.id = e.concept_id
            ORDER BY e.id
            """
        )
    )


def spaces(connection: Connection, concept_id: int) -> list[EmbeddingSpace]:
    """The spaces in which some example in use has a vector, in the order in which they were added."""
    keys = {
        key
        for (key,) in connection.execute(
            """
            SELECT DISTINCT s.key FROM concept_vectors v
            JOIN concept_examples e ON e.id = v.example_id JOIN spaces s ON s.id = v.space_id
            WHERE e.concept_id = ? AND e.until_version IS NULL
            """,
            (concept_id,),
        )
    }
    return [row.space for row in vector_rows.spaces(connection) if row.space.key in keys]
