"""Reads the text on the screen, and tracks its lines from picture to picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from vidsearch.ingest.analyzers import Finding, Legible
from vidsearch.ngrams import edits
from vidsearch.tracks import SegmentRecord, TrackSpec

if TYPE_CHECKING:
    from vidsearch.models.protocols import TextReader
    from vidsearch.types import SamplingPlan, UInt8Image

_SAME_PLACE = 0.5
"""Two boxes with at least this intersection over union are in the same place."""
_LETTERS_PER_SLIP = 8
"""One letter in this many may differ between readings of the same line in its place."""


class ScreenText:
    """A `FrameReader` of the lines that a model reads."""

    def __init__(self, reader: TextReader) -> None:
        self._reader = reader

    @property
    def short_side_pixels(self) -> int:
        return self._reader.short_side_pixels

    def track(self, plan: SamplingPlan) -> TrackSpec:
        return TrackSpec("ocr", self._reader.model, {"plan": asdict(plan)})

    def read(self, image: UInt8Image) -> Legible:
        read = self._reader.read(image)
        lines = tuple(
            Finding(line.text, {"box": [round(side, 4) for side in line.box], "score": round(line.score, 3)})
            for line in read.lines
        )
        why = f"in a script that is not read ({self._reader.scripts} are)"
        return Legible(
            lines,
            unread=why if read.num_unread else None,
            unclear=f"unclear, or {why}" if read.num_unclear else None,
        )


@dataclass(eq=False, slots=True)
class _Line:
    """A line that is, or was, on screen for [start, end)."""

    finding: Finding
    start_seconds: float
    end_seconds: float
    is_kept: bool = False
    """Whether a chunk with it has been emitted: its text is fixed, and it can only be extended."""


class LineSpans:
    """Tracks lines through the pictures of a video, chunk by chunk.

    Its state between chunks consists of emitted lines only, so that a run resumed from the library behaves
    like an uninterrupted one.
    """

    def __init__(self, going_on: Iterable[SegmentRecord] = ()) -> None:
        """`going_on`: the lines on screen where an earlier run stopped."""
        self._open = [
            _Line(Finding(line.text, line.attributes), line.start_seconds, line.end_seconds, is_kept=True)
            for line in going_on
        ]

    def of_chunk(
        self, pictures: Iterable[tuple[float, float, tuple[Finding, ...] | None]]
    ) -> tuple[SegmentRecord, ...]:
        """The lines of a chunk's pictures, each (start, end, what was read), as segments by start.

        A picture without a reading shows the lines of the one before.
        """
        over: list[_Line] = []
        begun = [(line, line.end_seconds) for line in self._open]
        for start, end, found in pictures:
            for (
                line
            ) in self._open:  # after a run that stopped between two pictures, the one before lasted until now
                line.end_seconds = max(line.end_seconds, start)
            if found is not None:
                shown = _followed(self._open, found, start)
                over += [line for line in self._open if line not in shown]
                self._open = shown
            for line in self._open:
                line.end_seconds = end
        longer = [
            SegmentRecord(ended, line.end_seconds, line.finding.text, line.finding.attributes, continues=True)
            for line, ended in begun
            if line.end_seconds > ended
        ]
        new = [line for line in (*over, *self._open) if not line.is_kept]
        for line in self._open:
            line.is_kept = True
        return (
            *longer,
            *(
                SegmentRecord(
                    line.start_seconds, line.end_seconds, line.finding.text, line.finding.attributes
                )
                for line in sorted(new, key=lambda line: line.start_seconds)
            ),
        )


def _followed(shown: Sequence[_Line], found: Sequence[Finding], start_seconds: float) -> list[_Line]:
    """Match a picture's lines with those of the picture before; others are new.

    Lines with equal text match wherever they have moved, nearest first. A line that stays in place may be
    read slightly differently; the reading with the higher score is kept.
    """
    left = list(shown)
    lines = []
    for finding in found:
        same = [line for line in left if line.finding.text == finding.text]
        same = same or [line for line in left if _is_same(line.finding, finding)]
        if not same:
            lines.append(_Line(finding, start_seconds, start_seconds))
            continue
        line = min(same, key=lambda line: _distance(line.finding, finding))
        left.remove(line)
        if not line.is_kept and finding.attributes["score"] > line.finding.attributes["score"]:
            line.finding = finding
        lines.append(line)
    return lines


def _is_same(one: Finding, other: Finding) -> bool:
    """Whether two readings are of the same line: in the same place, with equal digits and few other
    differences."""
    if _overlap(one, other) < _SAME_PLACE and not (_is_cut_off(one) or _is_cut_off(other)):
        return False
    before, now = one.text or "", other.text or ""
    if [each for each in before if each.isdigit()] != [each for each in now if each.isdigit()]:
        return False
    slips = max(len(before), len(now)) // _LETTERS_PER_SLIP
    return edits(before, now, at_most=slips) <= slips


def _is_cut_off(finding: Finding) -> bool:
    """Whether a line may be partly out of the picture, as in credits that scroll: it is often misread."""
    _, top, _, bottom = _box(finding)
    return top <= 0.0 or bottom >= 1.0


def _overlap(one: Finding, other: Finding) -> float:
    """Intersection over union of two boxes."""
    left, top, right, bottom = _box(one)
    start, above, end, below = _box(other)
    shared = max(0.0, min(right, end) - max(left, start)) * max(0.0, min(bottom, below) - max(top, above))
    together = (right - left) * (bottom - top) + (end - start) * (below - above) - shared
    return shared / max(together, 1e-9)


def _distance(one: Finding, other: Finding) -> float:
    """Distance between the centres of two boxes, as a share of the picture."""
    left, top, right, bottom = _box(one)
    start, above, end, below = _box(other)
    return abs((left + right) - (start + end)) / 2 + abs((top + bottom) - (above + below)) / 2


def _box(finding: Finding) -> tuple[float, float, float, float]:
    left, top, right, bottom = finding.attributes["box"]
    return left, top, right, bottom
