"""Files of concepts, which one library exports and any other imports.

They are JSON. Each example has its picture (JPEG, base64) and its vectors (float32 little-endian, base64),
each with its space. A library with that space uses the vectors; any other embeds the pictures again.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from vidsearch.concepts.names import checked_name
from vidsearch.errors import MediaError, QueryError
from vidsearch.store.concept_rows import NewExample
from vidsearch.store.similarity import is_unit
from vidsearch.types import EmbeddingSpace

if TYPE_CHECKING:
    from vidsearch.store.concept_rows import Concept, ConceptExample
    from vidsearch.store.store import Store
    from vidsearch.types import Float32

FORMAT = 1
_MAX_BYTES = 2**30


class VectorEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An example's vector, and the space that it belongs to."""

    model: str
    weights_digest: str
    preprocessing: str
    dim: int
    vector: str


class ExampleEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An example."""

    against: bool = False
    source: str
    content_hash: str
    time_seconds: float | None = None
    picture: str
    vectors: list[VectorEntry] = []


class ConceptEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A concept with the examples that are in use."""

    name: str
    words: str | None = None
    examples: list[ExampleEntry]


class ConceptsFile(msgspec.Struct, frozen=True, kw_only=True):
    """The file."""

    vidsearch_concepts: int
    concepts: list[ConceptEntry]


@dataclass(frozen=True, slots=True)
class ImportedConcept:
    """A concept that was read from a file."""

    name: str
    words: str | None
    examples: tuple[NewExample, ...]


def write_concepts(store: Store, concepts: Iterable[Concept]) -> bytes:
    """Return the content of a file with these concepts."""
    entries = []
    for concept in concepts:
        by_space = {space: store.concepts.vectors(concept, space) for space in store.concepts.spaces(concept)}
        examples = [
            _entry(store, each, {space: rows[each.id] for space, rows in by_space.items() if each.id in rows})
            for each in store.concepts.examples(concept)
            if each.until_version is None
        ]
        entries.append(ConceptEntry(name=concept.name, words=concept.words, examples=examples))
    content = msgspec.json.encode(ConceptsFile(vidsearch_concepts=FORMAT, concepts=entries))
    return msgspec.json.format(content, indent=1) + b"\n"


def _entry(store: Store, example: ConceptExample, vectors: dict[EmbeddingSpace, Float32]) -> ExampleEntry:
    return ExampleEntry(
        against=example.is_against,
        source=example.source,
        content_hash=example.content_hash,
        time_seconds=example.time_seconds,
        picture=base64.b64encode(store.concepts.picture(example)).decode(),
        vectors=[
            VectorEntry(
                model=space.model,
                weights_digest=space.weights_digest,
                preprocessing=space.preprocessing,
                dim=space.dim,
                vector=base64.b64encode(row.astype("<f4").tobytes()).decode(),
            )
            for space, row in vectors.items()
        ],
    )


def read_concepts(path: Path, spaces: Sequence[EmbeddingSpace]) -> list[ImportedConcept]:
    """Read the concepts in a file, with their vectors in these spaces.

    Raises:
        QueryError: The file cannot be read, or is not a file of concepts; the message says where.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise QueryError(f"{path} is larger than {_MAX_BYTES:,} bytes, so it is not a file of concepts.")
        content = path.read_bytes()
    except OSError as error:
        raise QueryError(f"Cannot read {path}: {error.strerror or error}.") from error
    return parse_concepts(content, spaces, name=str(path))


def parse_concepts(
    content: bytes, spaces: Sequence[EmbeddingSpace], *, name: str = "This"
) -> list[ImportedConcept]:
    """Parse the content of a file of concepts, with their vectors in these spaces.

    Args:
        content: The file's content.
        spaces: The spaces.
        name: The file's name in errors.

    Raises:
        QueryError: It is not a file of concepts; the message says where.
    """
    try:
        file = msgspec.json.decode(content, type=ConceptsFile)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise QueryError(
            f"{name} is not a file of concepts: {error}. `vidsearch concepts export` writes one."
        ) from error
    if file.vidsearch_concepts != FORMAT:
        raise QueryError(
            f"{name} has format {file.vidsearch_concepts}; this version of vidsearch reads format {FORMAT}. "
            "Update vidsearch: pip install --upgrade vidsearch"
        )
    return [_concept(name, each, spaces) for each in file.concepts]


def _concept(file: str, entry: ConceptEntry, spaces: Sequence[EmbeddingSpace]) -> ImportedConcept:
    name = checked_name(entry.name)
    if all(each.against for each in entry.examples):
        raise QueryError(f"{file}: {name!r} has no positive example.")
    try:
        examples = tuple(_example(each, spaces) for each in entry.examples)
    except (binascii.Error, ValueError, MediaError) as error:
        raise QueryError(f"{file}: an example of {name!r} is damaged ({error}).") from error
    return ImportedConcept(name, entry.words, examples)


def _example(entry: ExampleEntry, spaces: Sequence[EmbeddingSpace]) -> NewExample:
    from vidsearch.media.images import decode_jpeg

    picture = base64.b64decode(entry.picture, validate=True)
    decode_jpeg(picture)  # raises if it is not a JPEG
    vectors = {}
    for each in entry.vectors:
        space = EmbeddingSpace(each.model, each.weights_digest, each.preprocessing, each.dim)
        if space not in spaces:
            continue
        row = np.frombuffer(base64.b64decode(each.vector, validate=True), "<f4").astype(np.float32)
        if not is_unit(row, space.dim):
            raise ValueError(f"its vector is not a unit vector of {space.dim} numbers")
        vectors[space] = row
    return NewExample(
        source=entry.source,
        content_hash=entry.content_hash,
        time_seconds=entry.time_seconds,
        picture=picture,
        is_against=entry.against,
        vectors=vectors,
    )
