"""Tables that fit the terminal: columns are cut, and the least needed ones left out, until they do."""

from __future__ import annotations

import shutil
import sys
import unicodedata
from collections.abc import Sequence

GAP = 2
"""Spaces between columns."""
_LEAST = 16
"""A column of words is cut to no less than this while another one can be left out."""
_LEAST_OF_ALL = 4
_ELLIPSIS = "…"


def terminal_width() -> int | None:
    """The columns that stdout has; None where it is no terminal, and a table may be as wide as it is."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def width_of(text: str) -> int:
    """How many columns of a terminal a text takes: two for each wide character, none for a combining one."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in text
    )


def lines_of(
    rows: Sequence[Sequence[str]],
    *,
    right: frozenset[int] = frozenset(),
    optional: Sequence[int] = (),
    ends: frozenset[int] = frozenset(),
    whole: frozenset[int] = frozenset(),
    width: int | None = None,
) -> list[str]:
    """Return a table's lines.

    Args:
        rows: Cells, the header's first.
        right: Positions of the columns that are aligned right: numbers, which are never cut.
        optional: Positions of columns that may be left out where there is no room, the least needed first.
        ends: Positions of columns of which the end tells most, as of paths.
        whole: Positions of columns that are never cut: names that people type.
        width: The columns that there are; None for any number.
    """
    left = list(range(len(rows[0])))
    widths = {place: max(width_of(row[place]) for row in rows) for place in left}
    if width is not None:
        for place in optional:
            if _least_total(widths, left, right | whole, _LEAST) <= width:
                break
            left.remove(place)
        widths = _narrowed(widths, left, right | whole, width)
    lines = []
    for row in rows:
        cells = [_cell(row[at], widths[at], is_right=at in right, keeps_end=at in ends) for at in left]
        lines.append((" " * GAP).join(cells).rstrip())
    return lines


def _least_total(widths: dict[int, int], left: Sequence[int], uncut: frozenset[int], least: int) -> int:
    """The columns that a table takes where words are cut as far as they may be."""
    cut = (widths[at] if at in uncut else min(widths[at], least) for at in left)
    return sum(cut) + GAP * (len(left) - 1)


def _narrowed(
    widths: dict[int, int], left: Sequence[int], uncut: frozenset[int], width: int
) -> dict[int, int]:
    """Widths that fit: the widest columns of words lose most, the last one last."""
    found = dict(widths)
    words = [at for at in left if at not in uncut]
    for least in (_LEAST, _LEAST_OF_ALL):
        while sum(found[at] for at in left) + GAP * (len(left) - 1) > width:
            wide = [at for at in words if found[at] > least]
            if not wide:
                break
            found[max(wide, key=lambda at: (found[at], -at))] -= 1
    return found


def _cell(text: str, width: int, *, is_right: bool, keeps_end: bool) -> str:
    text = _cut(text, width, keeps_end=keeps_end)
    padding = " " * (width - width_of(text))
    return padding + text if is_right else text + padding


def _cut(text: str, width: int, *, keeps_end: bool) -> str:
    if width_of(text) <= width:
        return text
    while text and width_of(text) > width - 1:
        text = text[1:] if keeps_end else text[:-1]
    return _ELLIPSIS + text if keeps_end else text + _ELLIPSIS
