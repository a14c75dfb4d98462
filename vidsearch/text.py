"""Text as it is shown and written: safe where it comes from strangers (file names, captions, subtitles).

Control characters move a terminal's cursor and change its settings, direction marks reorder what is read, and
characters without a width hide words. None of them reaches a terminal or a machine format unescaped.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Any

_GAPS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_UNSEEN = re.compile(
    r"[\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""Direction marks and characters without a width. The two joiners (U+200C, U+200D) are not among them: words
of Persian and Hindi, and many emoji, are spelled with them."""

_JOINERS = "\u200c\u200d"
_FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


class _Escapes(dict[int, str]):
    """A table for `str.translate` that keeps printable characters and escapes the others, made on demand."""

    def __init__(self, *, kept: str, as_utf16: bool) -> None:
        super().__init__()
        self._kept, self._as_utf16 = kept, as_utf16

    def __missing__(self, code: int) -> str:
        char = chr(code)
        if char.isprintable() or char in self._kept or unicodedata.category(char) == "Zs":
            shown = char
        elif self._as_utf16:
            shown = json.dumps(char)[1:-1]
            # JSON itself leaves U+007F as it is.
            shown = shown if shown.startswith("\\") else f"\\u{code:04x}"
        else:
            shown = char.encode("unicode_escape", "surrogatepass").decode("ascii")
        self[code] = shown
        return shown


_FOR_JSON = _Escapes(kept="\n", as_utf16=True)


@cache
def _for_people(kept: str) -> _Escapes:
    return _Escapes(kept=kept, as_utf16=False)


def either(names: Sequence[str]) -> str:
    """Return names as alternatives: "a", "a or b", "a, b or c"."""
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def printable(text: object, *, kept: str = "") -> str:
    """Escape what a terminal would obey or hide: `\\x1b` for ESC, `\\u202e` for a direction mark.

    Args:
        text: A file name, a caption, an error's message; anything else by its `str`.
        kept: Characters that are left as they are: a line feed, for text of several lines.
    """
    return str(text).translate(_for_people(kept))


def one_line(text: str) -> str:
    """Return text on one line, without control characters and direction marks.

    Each run of white space and control characters becomes one space; direction marks and characters without a
    width go.
    """
    if text.isprintable() and "  " not in text:  # most text, and much quicker
        return text.strip()
    return _GAPS.sub(" ", _UNSEEN.sub("", text)).strip()


def csv_cell(value: object) -> object:
    """Return a value as a CSV cell that is safe in a spreadsheet and on a terminal.

    Text that a spreadsheet would run as a formula gets a leading apostrophe
    (https://owasp.org/www-community/attacks/CSV_Injection). CSV cannot escape control characters and
    direction marks, so they become `\\x1b` and the like, as on a terminal.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return value
    text = printable(value, kept=_JOINERS)
    return f"'{text}" if text.lstrip().startswith(_FORMULA_STARTS) else text


def counted(number: int, noun: str) -> str:
    """Return a number and what it counts: "1 video", "1,200 videos"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def json_text(value: Any, *, indent: int | None = None, ascii_only: bool = False) -> str:
    """Return a value as JSON whose strings are safe to print: unprintable characters as `\\uXXXX`.

    Args:
        value: What `json.dumps` takes.
        indent: Spaces for each level; None for one line.
        ascii_only: Escape everything beyond ASCII, for an output whose encoding holds less than Unicode.
    """
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    return text.translate(_FOR_JSON)
