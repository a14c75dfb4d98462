"""Where in an image an answer comes from: plain data, which `heatmap` draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vidsearch.types import Float32


@dataclass(frozen=True, slots=True)
class Region:
    """A part of an image, as fractions of its width and height: [left, right) and [top, bottom)."""

    left: float = 0.0
    top: float = 0.0
    right: float = 1.0
    bottom: float = 1.0


WHOLE = Region()


@dataclass(frozen=True, slots=True)
class WordRelevance:
    """One word of the query or caption, and its own grid."""

    word: str
    grid: Float32


@dataclass(frozen=True, slots=True)
class Relevance:
    """How much each cell of an image speaks for a text.

    Larger is more. What the numbers are is the method's own matter: compare cells of one grid, and not two
    grids.
    """

    text: str
    """The query, or the caption that is explained."""
    grid: Float32
    """(rows, columns) over `region`, from the top left."""
    region: Region
    """The part of the image that the model saw: a centre crop, or all of it."""
    score: float
    """What is explained: the image's similarity to the text, or the probability that they match."""
    method: str
    words: tuple[WordRelevance, ...] = ()
    """The text's words in order, where the method tells them apart."""
