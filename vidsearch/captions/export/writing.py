"""Writes documents to files: one file for all, or one for each video in a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Generic, Literal, Protocol, TypeAlias, TypeVar

from vidsearch.captions.export.files import Names
from vidsearch.errors import ExportError
from vidsearch.paths import exists, is_folder

if TYPE_CHECKING:
    from vidsearch.outputs import OutputRule
    from vidsearch.types import Video

Need: TypeAlias = Literal["pictures", "summary", "sections", "lines", "vectors"]


class Document(Protocol):
    """What is exported of one video."""

    @property
    def video(self) -> Video: ...


DocumentT = TypeVar("DocumentT", bound=Document)


@dataclass(frozen=True, slots=True)
class FileFormat(Generic[DocumentT]):
    """A format whose output is one file."""

    name: str
    suffix: str
    describes: str
    """A description, for a list of formats."""
    holds_many: bool
    """Whether one file can hold several documents."""
    write: Callable[[Iterable[DocumentT], BinaryIO], None]
    """Writes the documents, or the only one. Equal documents give equal bytes."""
    needs: frozenset[Need] = frozenset()
    """The parts of a CaptionedVideo that the format uses, besides its frames."""


@dataclass(frozen=True, slots=True)
class FolderFormat(Generic[DocumentT]):
    """A format whose output is a folder of files for each video."""

    name: str
    describes: str
    write: Callable[[DocumentT, Path, OutputRule], list[Path]]
    needs: frozenset[Need] = frozenset()


def write_documents(
    documents: Iterable[DocumentT],
    output: Path,
    chosen: FileFormat[DocumentT] | FolderFormat[DocumentT],
    rule: OutputRule,
) -> list[Path]:
    """Write one or more documents to `output`.

    If `output` is a folder, or there are several documents and the format's files hold only one, each
    document gets a file (or folder) in it, named after its video. Otherwise `output` is the file, or, for a
    FolderFormat, the folder itself. Each file is written completely or not at all.

    Args:
        documents: Consumed one at a time, so that a generator bounds the memory used.
        output: A file or a folder.
        chosen: The format.
        rule: Which files may be written. The documents' videos are never overwritten.

    Returns:
        The files written, in the order of the documents.

    Raises:
        ExportError: There is no document, or a file exists or cannot be written.
    """
    stream = iter(documents)
    first = list(islice(stream, 2))
    is_single = len(first) < 2
    documents = chain(first, stream)
    if not first:
        raise ExportError("There is nothing to export.")
    if isinstance(chosen, FolderFormat):
        if is_single:
            return chosen.write(first[0], output, _sparing(rule, first[0]))
        return [
            path
            for document, name in _named(documents)
            for path in chosen.write(document, output / name, _sparing(rule, document))
        ]
    if not is_folder(output) and (is_single or chosen.holds_many):
        with _sparing(rule, *first).open(output) as out:
            chosen.write(documents, out)
        return [output]
    if exists(output) and not is_folder(output):
        raise ExportError(
            f"{output} is a file, and a {chosen.name} file holds one video. Give a folder as --output."
        )
    if not is_folder(output) and output.suffix.lower() == f".{chosen.name}":
        raise ExportError(
            f"{output} names one file, and {chosen.name} takes a file for each video. Give a folder as "
            f"--output, and --format {chosen.name}; or name one video."
        )
    written = []
    for document, name in _named(documents):
        path = output / f"{name}{chosen.suffix}"
        with _sparing(rule, document).open(path) as out:
            chosen.write([document], out)
        written.append(path)
    return written


def write_one_file(
    documents: Iterable[DocumentT],
    chosen: FileFormat[DocumentT] | FolderFormat[DocumentT],
    out: BinaryIO,
) -> str:
    """Write one or more documents to an open file, and return the suffix for its name.

    Raises:
        ExportError: The format makes a folder, or holds one document only. Nothing is written then.
    """
    if isinstance(chosen, FolderFormat):
        raise ExportError(f"{chosen.name} is a folder of files: give one as --output.")
    several = list(islice(stream := iter(documents), 2))
    if len(several) > 1 and not chosen.holds_many:
        raise ExportError(f"A {chosen.name} file holds one video. Give a folder as --output.")
    chosen.write(chain(several, stream), out)
    return chosen.suffix


def _sparing(rule: OutputRule, *documents: Document) -> OutputRule:
    """Return a rule that also protects these videos' files from being overwritten."""
    return replace(rule, inputs=(*rule.inputs, *(path for each in documents for path in each.video.paths)))


def _named(documents: Iterable[DocumentT]) -> Iterator[tuple[DocumentT, str]]:
    names = Names()
    for document in documents:
        yield document, names.name_for(document.video.path.stem)
