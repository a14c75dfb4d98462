"""How much of the text in pictures is read right: character error rate over a folder of pictures and text.

The character error rate is the least number of letters to change, leave out and put in that turn what was
read into what is there, over the number of letters there (Levenshtein distance). Lines are read from top to
bottom; runs of spaces and line breaks count as one space, case and accents count.
"""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vidsearch.errors import QueryError
from vidsearch.evaluation.metrics import ratio_interval
from vidsearch.media.images import read_image
from vidsearch.ngrams import edits

if TYPE_CHECKING:
    from vidsearch.models.protocols import TextReader

_PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True, slots=True)
class Page:
    """A picture, and the text in it."""

    path: Path
    text: str


@dataclass(frozen=True, slots=True)
class ReadingReport:
    """A reader on a folder of pictures."""

    model: str
    num_files: int
    num_letters: int
    """In the pictures."""
    num_errors: int
    character_error_rate: float
    low: float
    """Of its 95% interval, from resampling the pictures."""
    high: float
    num_whole: int
    """Pictures that were read without an error."""
    seconds_per_picture: float
    worst: tuple[tuple[str, float, str], ...]
    """Name, character error rate and text read of the pictures with the most errors."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def open_pages(folder: Path) -> list[Page]:
    """Read a folder of pictures, each with its text in a .txt file beside it.

    Raises QueryError where there are none.
    """
    pictures = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in _PICTURE_ENDINGS]
    pages = [
        Page(path, beside.read_text(encoding="utf-8"))
        for path in pictures
        if (beside := path.with_suffix(".txt")).is_file()
    ]
    if not pages:
        raise QueryError(
            f"{folder} holds no pictures with text: it should hold pictures, and a .txt file beside each."
        )
    return pages


def letter_errors(there: str, read: str) -> tuple[int, int]:
    """Count the letters that are read wrong, left out or put in, and those that are there."""
    wanted, found = _one_line(there), _one_line(read)
    return edits(wanted, found, at_most=len(wanted) + len(found)), len(wanted)


def evaluate_reading(pages: Sequence[Page], reader: TextReader, *, num_worst: int = 3) -> ReadingReport:
    """Read each picture, and count the letters that are wrong. Raises MediaError."""
    results: list[tuple[Page, int, int, str]] = []
    began = time.monotonic()
    for page in pages:
        read = " ".join(line.text for line in reader.read(read_image(page.path)).lines)
        results.append((page, *letter_errors(page.text, read), read))
    seconds = time.monotonic() - began
    errors = np.array([result[1] for result in results], dtype=np.float64)
    letters = np.array([result[2] for result in results], dtype=np.float64)
    rate, low, high = ratio_interval(errors, letters)
    worst = sorted(results, key=lambda result: -result[1] / max(1, result[2]))[:num_worst]
    return ReadingReport(
        model=reader.model,
        num_files=len(results),
        num_letters=int(letters.sum()),
        num_errors=int(errors.sum()),
        character_error_rate=rate,
        low=low,
        high=high,
        num_whole=int((errors == 0).sum()),
        seconds_per_picture=seconds / len(results),
        worst=tuple((page.path.name, wrong / max(1, count), read) for page, wrong, count, read in worst),
    )


def _one_line(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())
