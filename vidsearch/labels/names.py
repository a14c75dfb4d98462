"""Parses labels from a text with commas, or from a file with one per line."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from vidsearch.errors import QueryError
from vidsearch.text import one_line

MAX_LABELS = 100_000
MAX_CHARACTERS = 500
_MAX_BYTES = 2**26


def parse_labels(text: str) -> list[str]:
    """Parse labels separated by commas. A label with a comma in it has quotes around it.

    Raises:
        QueryError: There is no label.
    """
    return checked_labels(next(csv.reader([text], skipinitialspace=True), []), where="The labels")


def read_labels(path: Path) -> list[str]:
    """Read labels from a UTF-8 file, one per line. Empty lines and lines that start with # are ignored.

    Raises:
        QueryError: The file cannot be read, or a line is not a label; the message names it.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise QueryError(f"{path} is larger than {_MAX_BYTES:,} bytes, so it is not a file of labels.")
        lines = content.decode("utf-8-sig").splitlines()
    except OSError as error:
        raise QueryError(f"Cannot read the labels in {path}: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise QueryError(f"Cannot read the labels in {path}: it is not UTF-8 text.") from error
    for number, line in enumerate(lines, start=1):
        if len(line) > MAX_CHARACTERS:
            raise QueryError(f"Line {number} of {path} is longer than {MAX_CHARACTERS} characters: no label.")
    return checked_labels((line for line in lines if not line.lstrip().startswith("#")), where=str(path))


def checked_labels(labels: Iterable[str], *, where: str) -> list[str]:
    """Clean labels, and drop duplicates, ignoring case. Raises QueryError if there are none, or too many."""
    found: dict[str, str] = {}
    for label in labels:
        clean = one_line(label)
        if len(clean) > MAX_CHARACTERS:
            raise QueryError(f"{clean[:40]!r}... is no label: give {MAX_CHARACTERS} characters at most.")
        if clean:
            found.setdefault(clean.casefold(), clean)
    if not found:
        raise QueryError(f"{where} hold no label. Give some, as in --labels forklift,smoke.")
    if len(found) > MAX_LABELS:
        raise QueryError(f"{where} hold {len(found):,} labels; give {MAX_LABELS:,} at most.")
    return list(found.values())
