"""A report of labels as a table for spreadsheets, and as a plot."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from html import escape
from typing import TypeAlias

from vidsearch.text import one_line
from vidsearch.times import format_duration

Row: TypeAlias = tuple[str, str, int, float, float, float]
"""Label, where, count, seconds, share, surest."""

_BAR, _GAP, _LEFT, _WIDTH, _TOP = 18, 6, 300, 520, 34
_MAX_CHARACTERS = 40


def report_csv(rows: Sequence[Row]) -> bytes:
    """A table with a line of names, UTF-8 with its mark, as spreadsheets read it."""
    out = io.StringIO(newline="")
    table = csv.writer(out, lineterminator="\r\n")
    table.writerow(("label", "where", "count", "seconds", "share", "surest"))
    for label, where, count, seconds, share, surest in rows:
        table.writerow((_cell(label), _cell(where), count, f"{seconds:.3f}", f"{share:.4f}", f"{surest:.4f}"))
    return out.getvalue().encode("utf-8-sig")


def report_svg(rows: Sequence[Row]) -> bytes:
    """A bar for each row, as long as the label was seen."""
    longest = max((row[3] for row in rows), default=0.0) or 1.0
    height = _TOP + len(rows) * (_BAR + _GAP) + 12
    bars = []
    for number, (label, where, count, seconds, *_) in enumerate(rows):
        top = _TOP + number * (_BAR + _GAP)
        name = one_line(f"{label}, {where}" if where else label)
        shown = name if len(name) <= _MAX_CHARACTERS else f"…{name[-_MAX_CHARACTERS + 1 :]}"
        width = max(seconds / longest * _WIDTH, 1.0)
        bars.append(
            f'<g><title>{escape(name)}</title><text x="{_LEFT - 8}" y="{top + 13}" text-anchor="end">'
            f"{escape(shown)}</text>"
            f'<rect x="{_LEFT}" y="{top}" width="{width:.1f}" height="{_BAR}" rx="2"/>'
            f'<text x="{_LEFT + width + 8:.1f}" y="{top + 13}">{format_duration(seconds)}, {count}×</text>'
            "</g>"
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDTH + 140}" height="{height}" '
        'font-family="sans-serif" font-size="12"><style>rect{fill:#3b6ea5}text{fill:#222}'
        "@media (prefers-color-scheme: dark){text{fill:#ddd}rect{fill:#7fb0e6}}</style>"
        f'<text x="{_LEFT}" y="20" font-size="14">How long each label was seen</text>{"".join(bars)}</svg>\n'
    ).encode()


def _cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text
