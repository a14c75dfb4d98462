"""Reports of labels: how often and how long each was found, as a table for spreadsheets or as a plot."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal, TypeAlias

from vidsearch.text import csv_cell, one_line
from vidsearch.times import format_duration

ReportBy: TypeAlias = Literal["label", "day", "video", "camera"]
"""What the lines of a report are for: each label, or each label on each day, in each video or in each
folder."""

ReportFormat: TypeAlias = Literal["csv", "svg"]

_BAR, _GAP, _LEFT, _WIDTH, _TOP = 18, 6, 300, 520, 34
_MAX_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class ReportLine:
    """How often and how long a label was found: in all, on a day, in a video or in a folder."""

    label: str
    where: str
    """The day, the video's path or the folder; empty for the whole library."""
    count: int
    """The number of spans."""
    seconds: float
    """The length of all spans together."""
    share: float
    """`seconds` relative to the length of the videos that the line is about, in [0, 1]."""
    surest: float
    """The highest confidence of any span."""


def render_report(lines: Sequence[ReportLine], format: ReportFormat) -> bytes:
    """Return a report as a table (csv) or as a plot (svg)."""
    return _csv(lines) if format == "csv" else _svg(lines)


def _csv(lines: Sequence[ReportLine]) -> bytes:
    """A table with a header, in UTF-8 with a byte order mark, as spreadsheets need it."""
    out = io.StringIO(newline="")
    table = csv.writer(out, lineterminator="\r\n")
    table.writerow(("label", "where", "count", "seconds", "share", "surest"))
    for line in lines:
        names = csv_cell(line.label), csv_cell(line.where)
        table.writerow((*names, line.count, f"{line.seconds:.3f}", f"{line.share:.4f}", f"{line.surest:.4f}"))
    return out.getvalue().encode("utf-8-sig")


def _svg(lines: Sequence[ReportLine]) -> bytes:
    """A bar chart of the seconds of each line."""
    longest = max((line.seconds for line in lines), default=0.0) or 1.0
    height = _TOP + len(lines) * (_BAR + _GAP) + 12
    bars = []
    for number, line in enumerate(lines):
        top = _TOP + number * (_BAR + _GAP)
        name = one_line(f"{line.label}, {line.where}" if line.where else line.label)
        shown = name if len(name) <= _MAX_CHARACTERS else f"…{name[-_MAX_CHARACTERS + 1 :]}"
        width = max(line.seconds / longest * _WIDTH, 1.0)
        said = f"{format_duration(line.seconds)}, {line.count}×"
        bars.append(
            f'<g><title>{escape(name)}</title><text x="{_LEFT - 8}" y="{top + 13}" text-anchor="end">'
            f"{escape(shown)}</text>"
            f'<rect x="{_LEFT}" y="{top}" width="{width:.1f}" height="{_BAR}" rx="2"/>'
            f'<text x="{_LEFT + width + 8:.1f}" y="{top + 13}">{said}</text>'
            "</g>"
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDTH + 140}" height="{height}" '
        'font-family="sans-serif" font-size="12"><style>rect{fill:#3b6ea5}text{fill:#222}'
        "@media (prefers-color-scheme: dark){text{fill:#ddd}rect{fill:#7fb0e6}}</style>"
        f'<text x="{_LEFT}" y="20" font-size="14">How long each label was seen</text>{"".join(bars)}</svg>\n'
    ).encode()
